"""`ganlab diagnose`, `python scripts/diagnose.py`: what is wrong with a run, and whether the advice helps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from ganlab import run_folder
from ganlab.commands.terminal.arguments import Help, path_to_type, run_command
from ganlab.commands.terminal.program import command_here
from ganlab.diagnosis.verdicts import NAMES, TITLES, Verdict
from ganlab.errors import UserError
from ganlab.report.reading.diagnosis import Diagnosis, diagnosed
from ganlab.report.reading.runs import is_run
from ganlab.report.reading.sweep import find_sweep
from ganlab.run_folder import shown
from ganlab.table import PATH, PositiveInt

SUMMARY = """what is wrong with a run, the evidence, and what to try

  {program} run=outputs/DATE/TIME         a run that has finished, is running, or failed; also of an earlier version
  {program} run=latest                    the run with the newest checkpoint
  {program} run=outputs/multirun/DATE/TIME   the runs of a sweep, one line each
  {program} run=RUN try=true              does the advice help? Branches at the last checkpoint before the verdict:
                                        one without a change, one with each advice, over seeds

Prints each verdict with its evidence and what to try, and draws the curves with the verdicts marked: diagnosis.png."""


@dataclass(frozen=True)
class Diagnose:
    """The settings of the command."""

    run: Annotated[str, PATH, Help("a run folder, the folder of a sweep, or latest")]
    out: Annotated[str | None, PATH, Help("the figure to write, a file.png; diagnosis.png in the run folder")] = None
    attempt: Annotated[bool, Help("whether to branch at the verdict, and to see which advice helps")] = field(
        default=False, metadata={"typed": "try"}
    )
    seeds: Annotated[PositiveInt, Help("of the branches of try=true")] = 3
    steps: Annotated[PositiveInt | None, Help("of each branch; otherwise up to the end of the run")] = None
    also: Annotated[tuple[str, ...], Help("settings of every branch, such as [evaluation=scores]")] = ()
    plugins: Annotated[tuple[str, ...], Help("your modules that the run was trained with, for try=true")] = ()


def main(arguments: Sequence[str] | None = None, program: str = "diagnose.py") -> int:
    """Runs the command. Returns its exit code: 0 done, 1 if branches failed, 2 refused, 130 after Ctrl-C."""
    return run_command(Diagnose, diagnose, arguments, program, SUMMARY)


def diagnose(asked: Diagnose) -> None:
    """Prints the verdicts of a run, or of the runs of a sweep, and draws the figure. Raises UserError."""
    folder = run_folder.find(str(Path(asked.run).expanduser()) if asked.run != "latest" else "latest").path
    if not is_run(folder):
        _refuse_settings_of_one(asked)
        print("\n".join(sweep_lines(folder)))
        return
    found = diagnosed(folder)
    if asked.attempt:
        from ganlab.commands.tries import tried

        print(tried(found, asked.seeds, asked.steps, asked.also, asked.plugins))
        return
    print("\n".join(lines(found)))
    print(f"Figure: {shown(_draw(found, asked.out))}")


def _refuse_settings_of_one(asked: Diagnose) -> None:
    for typed, given in (("try=true", asked.attempt), ("out=…", asked.out is not None)):
        if given:
            raise UserError(f"{typed}: it is for one run, and {asked.run} is none; name a run in it")


def lines(found: Diagnosis) -> Iterator[str]:
    """Yields the lines that are printed for one run."""
    images = found.judge.history.images
    size = f", {images:,} images" if images is not None else ""
    counts = f"{len(found.rows):,} rows with {found.signals} signals, {len(found.scores):,} of scores"
    yield f"{shown(found.folder)}: {found.status}, step {found.last_step:,}{size} ({counts})"
    if found.reason and found.status != "diagnosed":
        yield f"  {' '.join(found.reason.split())}"
    if not found.signals:
        yield (
            "  note: it has no signals (it was trained before there were any, or with diagnosis=none), so that losses, "
            "D's outputs, gradient norms and scores are all that is judged"
        )
    if not found.judge.warm():
        yield "  note: it has not passed the first part of training, which is excused: only divergence is looked for"
    if not found.verdicts:
        yield "  healthy: no verdict. Looked for " + ", ".join(TITLES[name] for name in NAMES)
    for number, one in enumerate(found.verdicts, start=1):
        yield from described(number, one)
    if any(one.advice for one in found.verdicts):
        yield f"  Does it help? {command_here('diagnose')} {path_to_type('run', str(shown(found.folder)))} try=true"


def described(number: int, one: Verdict) -> Iterator[str]:
    """Yields the lines on a verdict: how long, what it means, the evidence, and what to try."""
    images = f", {one.images:,} images" if one.images is not None else ""
    until = "and lasts" if one.lasting else f"until step {one.until:,}"
    yield f"  {number}. {one.title}: since step {one.since:,} (named at step {one.given:,}) {until}{images}"
    yield f"     {one.explanation}"
    for evidence in one.evidence:
        yield f"     evidence: {evidence}"
    for advice in one.advice:
        how = "; in a new run" if advice.restart else ""
        yield f"     try {advice} ({advice.reason}{how})"


def sweep_lines(folder: Path) -> Iterator[str]:
    """Yields one line for each run in the folder of a sweep. Raises UserError if there is none."""
    for job in find_sweep(str(folder)).jobs:
        name = job.files.path.name
        try:
            found = diagnosed(job.files.path)
        except UserError as error:
            yield f"{name}: not judged: {' '.join(str(error).split()).removeprefix(f'{shown(job.files.path)}: ')}"
            continue
        texts = [f"{one.title} since step {one.since:,}" for one in found.verdicts if one.lasting]
        over = [one for one in found.verdicts if not one.lasting]
        texts += [f"{one.title} (over; steps {one.since:,} to {one.until:,})" for one in over]
        yield f"{name}: {found.status}: {'; '.join(texts) or 'healthy'}"


def _draw(found: Diagnosis, out: str | None) -> Path:
    """Draws the figure, and returns its path. Raises UserError."""
    from ganlab.diagnosis.verdicts.figure import figure

    path = Path(out).expanduser() if out else found.folder / "diagnosis.png"
    if path.suffix.lower() != ".png":
        raise UserError(f"out={out}: need the name of a picture, such as diagnosis.png")
    title = f"{found.folder.name}: {found.status}, step {found.last_step:,}"
    try:
        figure(found.rows, found.scores, found.verdicts, title).savefig(path, dpi=110)
    except OSError as error:
        raise UserError(f"{path}: it cannot be written ({error.strerror}); type out=FILE.png") from error
    return path
