"""The rows of a run's metrics.jsonl and scores.jsonl, as they are in the file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganlab.config.plain import lookup
from ganlab.report.reading.full_rows import Row, rows_of
from ganlab.score_names import BETTER

LOSSES = {"discriminator/loss": "D", "generator/loss": "G"}
"""The tags of the losses, with whose they are."""


def metrics_rows(folder: Path) -> list[Row]:
    """Returns a row for each log point: ``step``, and the means since the last one by tag."""
    return rows_of(folder / "metrics.jsonl")


def scores_rows(folder: Path) -> list[Row]:
    """Returns a row for each scoring: ``step``, the scores by name, the ``id`` of what they depend on (only rows with
    equal ids compare), and whose ``weights`` were scored."""
    rows = []
    for row in rows_of(folder / "scores.jsonl"):
        if isinstance(scores := row.get("scores"), dict):
            fingerprint = row.get("fingerprint")
            weights = fingerprint.get("weights") if isinstance(fingerprint, dict) else None
            rows.append({"step": row["step"], **scores, "id": row.get("id"), "weights": weights})
    return rows


def score_names(config: Mapping[str, Any]) -> list[str]:
    """Returns the names of the scores that have a better direction, first the one that chooses the best checkpoint in
    a run with this ``config``: the recipe's author, or the user, trusts it most."""
    best = lookup(config, "evaluation.best")
    return sorted(BETTER, key=lambda name: name != best)


def features_of(row: Row) -> str:
    """Returns the name of the features of a row of scores: scores in pixels are no published figures."""
    return str(row.get("id")).rpartition("-")[0] or "unknown features"


def is_number(value: Any) -> bool:
    """Whether a value of a row can be drawn: a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
