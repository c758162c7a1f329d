"""Where the runs of a report come from, and which of them have no result yet."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ganlab.report.model import Holes, Origin, Run
from ganlab.report.reading.outcomes import NOT_SCORED
from ganlab.report.reading.runs import RunFiles
from ganlab.report.reading.sweep import Jobs


def origin_of(files: Sequence[RunFiles], command: Sequence[str]) -> Origin:
    """Returns where the runs come from."""
    starts = [start for one in files for start in one.trained]
    versions: dict[str, dict[str, None]] = {}
    for start in starts:
        for name, version in (start.get("versions") or {}).items():
            versions.setdefault(str(name), {})[str(version)] = None

    def distinct(values: Sequence[Any]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(str(value) for value in values if value))

    typed = shlex.join(command) if len(command) > 1 else "".join(command)
    machines = [start["machine"] for start in starts if isinstance(start.get("machine"), Mapping)]
    times = sorted(str(start["started"]) for start in starts if start.get("started"))
    ends = sorted(str(start["ended"]) for start in starts if start.get("ended"))
    return Origin(
        commands=distinct([typed, *(start.get("command") for start in starts)]),
        versions={name: tuple(found) for name, found in versions.items()},
        machines=distinct([f"{one.get('processor')}, {one.get('cores')} cores" for one in machines]),
        devices=distinct([start.get("device") for start in starts]),
        first_start=times[0] if times else None,
        last_end=ends[-1] if ends else None,
    )


def holes_of(jobs: Jobs, runs: Sequence[Run], trains: str) -> Holes:
    """Returns the runs that have no result yet and those that failed, and the command that runs them; ``trains`` is its
    beginning, such as ``python train.py``. A run that diverged or was refused has a result, which a repetition would
    not change. A sweep that still runs needs no command."""
    open_runs = [run for run in runs if (run.outcome == "unfinished" or run.status == "failed") and run.comparable]
    statuses = Counter(NOT_SCORED if run.cause == NOT_SCORED else run.status for run in open_runs)
    fillable = [run for run in open_runs if run.cause != NOT_SCORED and run.status != "running"]
    command = ""
    if fillable and not jobs.running:
        from ganlab.config.paths import to_type  # it imports Hydra's grammar, which opening a run does not wait for

        one = jobs.folder / fillable[0].folder if jobs.kind == "runs" else jobs.folder
        command = f"{trains} {to_type('resume', str(one))}"
    return Holes(dict(statuses), tuple(run.number for run in open_runs), command)
