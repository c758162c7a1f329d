"""Programs that a configuration names: run where they were typed, and never because a saved configuration says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.types import Override

from ganlab.config.plain import lookup
from ganlab.errors import Refused

TYPED = ("evaluation", "evaluation.features", "evaluation.features.path")


def refuse_saved_programs(saved: dict[str, Any], read: Sequence[Override]) -> None:
    """Raises Refused where the configuration of a run to be resumed has samples judged by a program (``features=file``:
    TorchScript, or an exported one) and nothing else was typed."""
    features = lookup(saved, "evaluation.features")
    named = features if isinstance(features, dict) else {"name": features}
    if named.get("name") == "file" and not any(one.key_or_group in TYPED for one in read):
        path = named.get("path", "features.pt")
        raise Refused([
            f"saved config.yaml: evaluation.features.path={path} names a program, which would be run; type that too if "
            "you trust it, or evaluation=none"
        ])  # fmt: skip
