"""One CSV with the signals and the labels of all runs, for other detectors."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from benchmarks.diagnosis_collection.judging import raw_scores
from benchmarks.diagnosis_collection.runs import Member
from ganlab.diagnosis.verdicts import scores_in
from ganlab.run.rows import is_number

LABELS = ("run", "kind", "base", "seed", "half", "accepted", "status", "steps", "step")


def export(members: Sequence[Member], file: Path) -> int:
    """Writes a row for each log point of each run, and for each scoring, in the order of the steps: the labels, and
    the numbers by tag; a score is named ``scores/NAME``. Returns the number of rows."""
    rows = [row for one in members for row in _rows(one)]
    tags = sorted({tag for row in rows for tag in row} - set(LABELS))
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, [*LABELS, *tags])
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


def _rows(one: Member) -> list[dict[str, object]]:
    labels = {
        "run": f"{one.kind.name}/{one.seed}", "kind": one.kind.name, "base": one.kind.base, "seed": one.seed,
        "half": one.kind.half, "accepted": "|".join(one.kind.accepted), "status": one.status, "steps": one.kind.steps,
    }  # fmt: skip
    numbers = [
        *({key: value for key, value in row.items() if is_number(value)} for row in one.metrics()),
        *(
            {"step": row["step"], **{f"scores/{name}": value for name, value in scores_in(row).items()}}
            for row in raw_scores(one.folder)
            if "checkpoint" not in row
        ),
    ]
    return [{**labels, **row} for row in sorted(numbers, key=lambda row: row["step"])]
