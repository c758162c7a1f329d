"""All rows of a run's metrics.jsonl and scores.jsonl, as they are in the files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def rows_of(file: Path) -> list[Row]:
    """Returns the rows of a file that have a step. A line that a kill cut short is left out, and so is a file that
    cannot be read."""
    try:
        lines = file.read_bytes().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict) and isinstance(row.get("step"), int) and not isinstance(row["step"], bool):
            found.append(row)
    return found
