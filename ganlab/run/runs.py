"""A list of runs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

from ganlab.errors import UserError
from ganlab.report.reading.runs import is_run, read_run
from ganlab.report.tables import as_frame
from ganlab.run.rows import scores_rows
from ganlab.run.run import Run
from ganlab.run_folder import OUTPUTS
from ganlab.score_names import BETTER

NUMBER = re.compile("([0-9]+)")
"""In a name: 10 is after 9."""


class Runs(Sequence[Run]):
    """Runs, in the order of their paths, which hold date and time. A notebook shows their samples, their losses, and
    the settings that differ from the default ones."""

    def __init__(self, runs: Sequence[Run], folder: Path | None = None) -> None:
        self._runs, self._folder = tuple(runs), folder

    @property
    def folder(self) -> Path:
        """The folder in which they were found, such as that of a sweep. Raises UserError for a part of a list."""
        if self._folder is None:
            raise UserError("these runs are a part of a list, which has no folder; take that of each run")
        return self._folder

    def __len__(self) -> int:
        return len(self._runs)

    @overload
    def __getitem__(self, place: int) -> Run: ...

    @overload
    def __getitem__(self, place: slice) -> Runs: ...

    def __getitem__(self, place: int | slice) -> Run | Runs:
        return Runs(self._runs[place]) if isinstance(place, slice) else self._runs[place]

    @property
    def table(self) -> Any:
        """A row for each run: its folder, how it ended, steps, seconds, the last scores, and the settings that differ
        from the default ones. A pandas DataFrame where pandas is installed, otherwise a list of dicts."""
        return as_frame([_row(run) for run in self])

    def __repr__(self) -> str:
        return "\n".join([f"{len(self)} runs", *map(repr, self)])

    def _repr_html_(self) -> str:
        from ganlab.run.html import runs_html

        return runs_html(self)


def _row(run: Run) -> dict[str, Any]:
    found = read_run(run.folder)
    scores = scores_rows(run.folder)
    try:
        changed = run.changed
    except UserError:
        changed = {}
    return {
        "folder": str(run.folder),
        "status": found.status["status"],
        "steps_done": found.status.get("steps"),
        "seconds": found.status.get("seconds"),
        **({name: scores[-1][name] for name in BETTER if name in scores[-1]} if scores else {}),
        **changed,
    }


def find_runs(root: str | os.PathLike[str] = OUTPUTS) -> Runs:
    """Returns the runs in a folder and in the folders below it, in the order of their paths. Raises UserError if there
    is no such folder."""
    top = Path(os.path.expanduser(root))
    if not os.path.isdir(top):
        found = "it is a file" if os.path.isfile(top) else "there is no such folder"
        raise UserError(f"{top}: {found}; name one that holds run folders, such as {OUTPUTS}")
    paths = sorted(
        _folders(top), key=lambda path: [int(one) if one.isdigit() else one for one in NUMBER.split(str(path))]
    )
    return Runs([Run(path) for path in paths], top.absolute())


def _folders(top: Path) -> Iterator[Path]:
    for name, inner, _ in os.walk(top):
        if is_run(Path(name)):
            inner.clear()  # no run lies in another
            yield Path(name)
        inner[:] = [one for one in inner if not one.startswith(".")]
