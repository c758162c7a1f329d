"""The file ``scores.jsonl`` of a run folder: one row per scoring, during training or afterwards."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganlab.monitor.rows import Rows
from ganlab.training.observer import Scores

NAME = "scores.jsonl"


class ScoresFile(Rows):
    """Writes rows ``{"step": …, "scores": {name: value}, "id": …, "fingerprint": {…}, …}``. ``fingerprint`` holds
    everything on which the values depend, and ``id`` is its short name: only rows with equal ids compare."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / NAME)

    def add_scores(self, step: int, scores: Scores, **more: Any) -> None:
        """Appends the scores of the generator after ``step`` steps, and ``more`` plain values. Raises OSError."""
        self.add({"step": step, **scores.row(), **more})


def read_scores(folder: Path) -> list[dict[str, Any]]:
    """Returns the rows of a run folder's ``scores.jsonl`` that hold scores, oldest first. Other lines, which a kill cut
    short or another program wrote, are left out; so is a file that cannot be read."""
    try:
        lines = (folder / NAME).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    rows = []
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict) and isinstance(row.get("scores"), Mapping) and row["scores"]:
            rows.append(row)
    return rows
