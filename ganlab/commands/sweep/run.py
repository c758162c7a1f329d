"""Runs the jobs of a sweep, in this process or side by side, and tells how they ended."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ganlab.commands.launch.announcements import ALL_PICTURES
from ganlab.commands.launch.training_run import Outcome
from ganlab.commands.sweep.plan import Plan
from ganlab.commands.sweep.shares import Share
from ganlab.commands.sweep.task import Task, run_task
from ganlab.commands.sweep.watch import Watch
from ganlab.commands.sweep.workers import Pool
from ganlab.commands.terminal.arguments import path_to_type
from ganlab.commands.terminal.program import command_beside, command_text
from ganlab.config.paths import to_type
from ganlab.progress import in_notebook
from ganlab.run_folder import InUse, RunFolder

STATUSES = ("finished", "refused", "diverged", "diagnosed", "failed", "stopped", "killed")
LOGS = "workers"
"""The folder, inside that of the sweep, for what the jobs of each worker print."""


@dataclass(frozen=True)
class Ready:
    """A sweep that can run: its plan, the tasks, the share of the machine for each worker, the steps of the jobs by the
    name of their folder, and the ``program`` that was typed (``train.py`` or ``ganlab train``)."""

    plan: Plan
    tasks: tuple[Task, ...]
    shares: tuple[Share, ...]
    steps: Mapping[str, int | None]
    program: str = "train.py"


def run_sweep(ready: Ready, apart: bool = False) -> int:
    """Runs the tasks of a sweep, prints its summary, and returns the exit code. Raises KeyboardInterrupt. ``apart``: no
    task runs in this process, also if they run one after another."""
    ended: dict[str, Outcome] = {}
    try:
        with RunFolder(ready.plan.folder).held():
            run_tasks(ready.plan, ready.tasks, ready.shares, ready.steps, apart, ended)
    except KeyboardInterrupt:
        print_summary(ready.plan, ready.program, ended)
        raise
    return print_summary(ready.plan, ready.program, ended)


def run_tasks(
    plan: Plan,
    tasks: Sequence[Task],
    shares: Sequence[Share],
    steps: Mapping[str, int | None],
    apart: bool = False,
    ended: dict[str, Outcome] | None = None,
) -> None:
    """Runs the tasks: in this process if there is one share and they need not run ``apart``, otherwise in a process
    for each share. ``steps`` is the length of each job, by the name of its folder; ``ended`` receives the outcomes by
    the same names. Raises KeyboardInterrupt after a signal, when all jobs have saved."""
    outcomes = {} if ended is None else ended
    names = {task.number: Path(task.folder).name for task in tasks}
    known = [status for name, (status, _) in statuses(plan).items() if name not in names.values()]
    pool = Pool(shares, plan.folder / LOGS) if apart or len(shares) > 1 else None
    watch = Watch(plan.folder, known, {name: steps.get(name) for name in names.values()}, bar=pool is not None)
    with closing(watch):
        for one in pool.run(tasks) if pool else _one_after_another(tasks):
            running = [names[number] for number in list(pool.running)] if pool else []
            if one is None:
                watch.refresh(running)
                continue
            task, outcome = one
            outcomes[names[task.number]] = outcome
            watch.job_ended(names[task.number], outcome.status, outcome.reason, outcome.facts, running)
            if outcome.status == "stopped" and pool is None:
                raise KeyboardInterrupt(outcome.facts.get("exit_code", 130))


def _one_after_another(tasks: Sequence[Task]) -> Iterable[tuple[Task, Outcome]]:
    for task in tasks:
        yield task, run_task(task)


def statuses(plan: Plan) -> dict[str, tuple[str, str]]:
    """Returns the status and the reason of each job that has begun, by the name of its folder. A job that says it is
    running, and is not, was killed."""
    found: dict[str, tuple[str, str]] = {}
    for job in plan.jobs:
        folder = plan.folder_of(job)
        if folder.path.is_dir():
            found[job.name] = status_of(folder)
    return found


def status_of(folder: RunFolder) -> tuple[str, str]:
    """Returns the status of a run and its reason. ``killed``: it has begun and not ended, and no process trains it."""
    content = folder.status()
    if content["status"] not in ("running", "unknown"):
        return str(content["status"]), str(content["reason"])
    try:
        folder.need_free()
    except InUse:
        return "running", ""
    return "killed", "its process ended without a message"


def print_summary(plan: Plan, program: str, ended: Mapping[str, Outcome] | None = None) -> int:
    """Prints how the jobs ended and what to type next, with ``program`` as it was typed. ``ended`` are the outcomes of
    the jobs that this process ran, by their names: on a full disk a job cannot write its status. Returns the exit code:
    1 if a job failed, diverged or was ended by a verdict, otherwise 0 if one has finished, otherwise 2."""
    found = statuses(plan)
    unwritten = {name: one for name, one in (ended or {}).items() if found.get(name, ("killed",))[0] == "killed"}
    found |= {name: (one.status, one.reason) for name, one in unwritten.items()}
    counts = {word: sum(status == word for status, _ in found.values()) for word in (*STATUSES, "running")}
    missing = len(plan.jobs) - len(found)
    parts = [f"{count} {word}" for word, count in {**counts, "not begun": missing}.items() if count]
    print(f"\n{', '.join(parts)} in {plan.folder}")
    for name, (status, reason) in found.items():
        if status not in ("finished", "running"):
            print(f"  {name}: {status}: {' '.join(reason.split())}")
    if missing or any(counts[word] for word in ("stopped", "killed", "failed")):
        again = f"{command_text(program, [])} {to_type('resume', str(plan.folder))}"
        print(f"Run what is missing: {f'ganlab.sweep(resume={str(plan.folder)!r})' if in_notebook() else again}")
    judged = f"{command_beside(program, 'report')} {path_to_type('sweep', str(plan.folder))}"
    print(f"What was found: {f'ganlab.report({str(plan.folder)!r})' if in_notebook() else judged}")
    print(f"Look at them side by side: tensorboard --logdir {shlex.quote(str(plan.folder))} {ALL_PICTURES}")
    return 1 if counts["failed"] or counts["diverged"] or counts["diagnosed"] else 0 if counts["finished"] else 2
