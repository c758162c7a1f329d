"""`ganlab report`, `python scripts/report.py`: which choices train, how sure that is, and what failed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from ganlab.commands.terminal.arguments import Help, run_command
from ganlab.commands.terminal.program import command_beside
from ganlab.errors import UserError
from ganlab.report.build import report_of
from ganlab.report.files import write
from ganlab.report.model import Report
from ganlab.report.reading.sweep import Jobs, find_runs, find_sweep
from ganlab.run_folder import OUTPUTS, shown
from ganlab.table import PATH

SUMMARY = """which choices train, how sure that is, and what failed

  {program} sweep=outputs/multirun/DATE/TIME     the runs of a sweep, also of one that still runs
  {program} sweep=latest                         the newest sweep
  {program} 'runs=[RUN,RUN,RUN]'                 a few runs, compared by what differs in their settings
  {program} sweep=SWEEP threshold=30             a run succeeds if its score is 30 or better
  {program} sweep=SWEEP score=modes at=best      another score; the best one of each run

Writes report.html, report.md with figures and pictures, runs.csv, effects.json and tables.tex, and prints what was
found."""


@dataclass(frozen=True)
class ReportSettings:
    """The settings of the command."""

    sweep: Annotated[str | None, PATH, Help("the folder of a sweep, or latest")] = None
    runs: Annotated[tuple[Annotated[str, PATH], ...], Help("run folders")] = ()
    out: Annotated[str | None, PATH, Help("the folder to write; report/ in the folder of the sweep or run")] = None
    threshold: Annotated[float | None, Help("the score at which a run succeeds; otherwise made from the best runs")] = (
        None
    )
    score: Annotated[str | None, Help("fid, kid, modes, …; the one by which runs keep their best checkpoint")] = None
    id: Annotated[str | None, Help("which fingerprint of the score, where runs were scored in several ways")] = None
    baseline: Annotated[tuple[str, ...], Help("[init=normal]: compare with these levels, not each with each")] = ()
    at: Annotated[Literal["final", "best"], Help("final or best: which score of a run counts")] = "final"


def main(arguments: Sequence[str] | None = None, program: str = "report.py") -> int:
    """Runs the command. Returns its exit code: 0 done, 2 refused."""
    return run_command(
        ReportSettings, lambda asked: report(asked, command_beside(program, "train")), arguments, program, SUMMARY
    )


def report(asked: ReportSettings, trains: str = "python train.py") -> None:
    """Writes the report, and prints its sentences and where it is. ``trains`` is the command that trains. Raises
    UserError."""
    jobs = _jobs(asked)
    made = report_of(jobs, asked.threshold, asked.score, asked.id, asked.at, asked.baseline, trains)
    paths = write(made, _folder(asked, jobs))
    print(as_text(made))
    for path in paths:
        print(shown(path))


def _jobs(asked: ReportSettings) -> Jobs:
    if (asked.sweep is None) == (not asked.runs):
        raise UserError("report needs one of sweep=SWEEP and runs=[RUN,RUN]; type sweep=latest for the newest sweep")
    if asked.sweep is not None:
        return find_sweep(asked.sweep)
    return find_runs([os.path.expanduser(run) for run in asked.runs])


def _folder(asked: ReportSettings, jobs: Jobs) -> Path:
    if asked.out is not None:
        return Path(asked.out)
    if jobs.kind == "sweep" or len(jobs.jobs) == 1:
        return jobs.folder / "report"
    return OUTPUTS / "reports" / f"{datetime.now():%Y-%m-%d-%H-%M-%S}"


def as_text(made: Report) -> str:
    """Returns what is printed: the sentences, what does not compare, what cannot be read, and how to fill holes."""
    lines = [one.text for one in made.sentences]
    lines += [f"note: {one.sentence}" for one in made.incomparable]
    lines += [f"note: {note}" for note in made.notes]
    if made.damage:
        more = f", and {len(made.damage) - 1} more (in report.md)" if len(made.damage) > 1 else ""
        lines.append(f"note: cannot be read: {made.damage[0].path} ({made.damage[0].problem}){more}")
    if made.holes.command:
        counts = ", ".join(f"{count} {status}" for status, count in made.holes.statuses.items())
        lines.append(f"Incomplete: {counts}. Run them with: {made.holes.command}")
    return "\n".join(lines)
