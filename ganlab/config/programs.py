"""Refuses programs that a saved configuration names: a program is run only if it was typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.types import Override

from ganlab.config.plain import lookup
from ganlab.errors import Refused

TYPED = ("evaluation", "evaluation.features", "evaluation.features.path")


def refuse_saved_programs(saved: dict[str, Any], read: Sequence[Override]) -> None:
    """Raises Refused if the configuration of a run to be resumed evaluates samples with a program (``features=file``:
    TorchScript, or an exported one) and no other features were typed."""
    features = lookup(saved, "evaluation.features")
    named = features if isinstance(features, dict) else {"name": features}
    if named.get("name") == "file" and not any(one.key_or_group in TYPED for one in read):
        path = named.get("path", "features.pt")
        raise Refused([
            f"saved config.yaml: evaluation.features.path={path} names a program, which would be run; type that too if "
            "you trust it, or evaluation=none"
        ])  # fmt: skip
