"""The diagnosis of a run from its folder: its verdicts, as they were or would have been given while it was training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ganlab.diagnosis.verdicts import Judge, Verdict, judged
from ganlab.errors import UserError
from ganlab.report.reading.full_rows import Row, rows_of
from ganlab.report.reading.runs import read_run
from ganlab.run_folder import RunFolder, shown

SIGNALS = "diagnosis/"


@dataclass(frozen=True)
class Diagnosis:
    """The content of a run folder that verdicts rest on: how it ended, its plain ``settings``, and the rows of its
    metrics and scores."""

    folder: Path
    status: str
    reason: str
    settings: Mapping[str, Any]
    rows: tuple[Row, ...]
    scores: tuple[Row, ...]

    @cached_property
    def judge(self) -> Judge:
        """The judge after all rows."""
        return judged(self.rows, self.scores, self.settings)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdicts: those that last, causes first, and then those that are over, in the order of their steps."""
        over = sorted(self.judge.past, key=lambda one: one.given)
        return (*self.judge.verdicts, *over)

    @property
    def signals(self) -> int:
        """The number of signals in the rows; 0 of a run that was trained without them."""
        own = {tag for row in self.rows for tag in row if tag.startswith(SIGNALS) and "/verdict" not in tag}
        return len(own)

    @property
    def last_step(self) -> int:
        """The step of the last row."""
        return max((int(row["step"]) for row in (*self.rows, *self.scores)), default=0)


def diagnosed(folder: Path) -> Diagnosis:
    """Reads a run folder. Raises UserError if it has no settings, or no row to judge."""
    settings = RunFolder(folder).load_config()
    files = read_run(folder)
    rows, scores = rows_of(folder / "metrics.jsonl"), rows_of(folder / "scores.jsonl")
    if not rows and not scores:
        status, reason = str(files.status["status"]), " ".join(str(files.status["reason"]).split())
        why = f"it is {status}" + (f" ({reason})" if reason else "")
        raise UserError(
            f"{shown(folder)}: it has no row in metrics.jsonl to judge ({why}); name a run that has reached its first "
            "log point, logging.every steps after its start"
        )
    return Diagnosis(
        folder, str(files.status["status"]), str(files.status["reason"]), settings, tuple(rows), tuple(scores)
    )
