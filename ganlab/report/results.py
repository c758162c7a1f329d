"""A report in Python: its tables, its sentences, and its files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from ganlab.report.build import report_of
from ganlab.report.files import write
from ganlab.report.model import Report
from ganlab.report.page import as_fragment
from ganlab.report.reading.sweep import find_runs, find_sweep
from ganlab.report.tables import as_frame, effect_rows, group_rows, run_rows
from ganlab.report.text.markdown import as_markdown


class Results:
    """The results of a sweep, or of some runs. Tables are pandas DataFrames where pandas is installed, otherwise lists
    of dicts. ``data`` is the whole report, of which ``effects.json`` is a dump."""

    def __init__(self, data: Report) -> None:
        self.data = data

    @property
    def runs(self) -> Any:
        """A row for each run: levels, seed, outcome, scores, and what was spent."""
        return as_frame(run_rows(self.data))

    @property
    def effects(self) -> Any:
        """A row for each pair of levels of a factor: ratio or difference of their scores, its interval, and p."""
        return as_frame(effect_rows(self.data.effects))

    @property
    def cells(self) -> Any:
        """A row for each combination of levels, the best first."""
        return as_frame(group_rows(self.data.cells))

    @property
    def levels(self) -> Any:
        """A row for each level of each factor."""
        return as_frame(group_rows(self.data.levels))

    @property
    def sentences(self) -> list[str]:
        """The sentences that the data supports, and those on what it cannot tell."""
        return [one.text for one in self.data.sentences]

    def save(self, folder: str | Path) -> list[Path]:
        """Writes the files of the report, and returns their paths. Raises UserError."""
        return write(self.data, Path(os.path.expanduser(folder)))

    def __str__(self) -> str:
        return as_markdown(self.data)

    def __repr__(self) -> str:
        return "\n".join([f"Results of {len(self.data.runs)} runs in {self.data.folder}", *self.sentences])

    def _repr_html_(self) -> str:
        """Returns what a notebook shows: sentences, outcomes, effects, the best combinations, and samples."""
        return as_fragment(self.data)


def report(
    *sources: str | Path,
    threshold: float | None = None,
    score: str | None = None,
    id: str | None = None,
    at: Literal["final", "best"] = "final",
    baseline: Sequence[str] = (),
) -> Results:
    """Reports on the sweep in one folder (``latest``: the newest), or on several run folders. Nothing is written.

    ``threshold`` is the score that a run must reach to succeed, ``score`` the score to compare (``fid``, ``modes``, …),
    ``id`` the short name of its fingerprint where runs have several, and ``at`` whether the final or the best score of
    a run counts. ``baseline`` are levels, such as ``["init=normal"]``, with which the others are compared, instead of
    each with each. Raises UserError.
    """
    names = [os.path.expanduser(source) for source in sources]
    jobs = find_sweep(str(names[0])) if len(names) == 1 else find_runs([str(name) for name in names])
    levels = [baseline] if isinstance(baseline, str) else baseline
    trains = "python train.py" if os.path.isfile("train.py") else "ganlab train"
    return Results(report_of(jobs, threshold, score, id, at, levels, trains))
