"""The scores of a row of scores.jsonl, with the number of modes that the data has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]
DESCRIBING = ("step", "scores", "id", "fingerprint", "histogram", "best", "weights", "checkpoint")


def scores_in(row: Row) -> dict[str, Any]:
    """Returns the scores of a row of scores.jsonl by name, with the number of modes of the data where it says it."""
    values = row.get("scores")
    found = dict(values) if isinstance(values, Mapping) else {k: v for k, v in row.items() if k not in DESCRIBING}
    histogram, fingerprint = row.get("histogram"), row.get("fingerprint")
    if isinstance(histogram, list | tuple) and histogram:
        samples = fingerprint.get("images") if isinstance(fingerprint, Mapping) else None
        found["modes_expected"] = expected_modes(len(histogram), samples)
    return found


def expected_modes(modes: int, samples: Any) -> float:
    """Returns the number of equally likely modes that as many real samples would be expected to show."""
    if not isinstance(samples, int) or samples < 1:
        return float(modes)
    return float(modes * (1 - (1 - 1 / modes) ** samples)) if modes > 1 else 1.0
