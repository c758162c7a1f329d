"""The names of scores, and whether a lower or a higher value is better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

BETTER: Mapping[str, Literal["lower", "higher"]] = {
    "fid": "lower",
    "kid": "lower",
    "precision": "higher",
    "recall": "higher",
    "density": "higher",
    "coverage": "higher",
    "inception_score": "higher",
    "modes": "higher",
    "good_share": "higher",
    "class_entropy": "higher",
    "reverse_kl": "lower",
    "memorised": "lower",
}
"""The scores that have a better direction. The others of a row (``kid_std``, ``closer``, which is 0.05 for real
images) describe, and runs are not compared by them."""
