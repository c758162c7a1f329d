"""Begins a sweep, or goes on with one: what is typed becomes a plan, and the tasks that are to be run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hydra.core.override_parser.types import Override

from ganlab.commands.sweep.plan import Job, Plan, extended, load_plan, new_plan
from ganlab.commands.sweep.prepare import SWEEP_ALONE, Checked, check_changes, check_jobs, expanded
from ganlab.commands.sweep.run import STATUSES, Ready, statuses
from ganlab.commands.sweep.shares import shares
from ganlab.commands.sweep.sweeper import Sweeper
from ganlab.commands.sweep.task import Task
from ganlab.config.compose import Composer
from ganlab.config.overrides import typed
from ganlab.errors import Refused

GOES_ON = ("stopped", "killed", "failed", "running")
"""The statuses of runs that go on when their sweep is resumed; the others have ended, and are outcomes. A run is still
running where the process of the sweep was killed, and its job is saving."""


@dataclass(frozen=True)
class Typed:
    """The command of a sweep: its ``program``, its text, and ``--config-dir``."""

    program: str
    command: str
    config_dir: str | None


def begin(
    composing: Composer,
    read: Sequence[Override],
    folder: Path,
    jobs: Sequence[Sequence[str]],
    checked: Checked,
    command: Typed,
) -> Ready:
    """Returns a new sweep in ``folder``, and saves its plan there. Raises UserError."""
    overrides = [one.input_line or "" for one in read if not one.is_hydra_override()]
    plan = new_plan(folder, command.command, overrides, jobs)
    if (subdir := typed(read, "hydra.sweep.subdir")) is not None:
        plan = _renamed(plan, composing, read, subdir)
    tasks = tuple(_task(plan, job, command, (), _of_hydra(read)) for job in plan.jobs)
    plan.save()
    return _ready(plan, tasks, read, checked, command.program, {job.name: job.number for job in plan.jobs})


def resume(composing: Composer, read: Sequence[Override], folder: Path, command: Typed) -> Ready:
    """Returns the sweep in ``folder`` with the tasks that are missing: jobs that have not begun, that were stopped or
    killed, or that failed. Several values of a key add jobs; one value of a key that does not vary changes the
    settings of all runs. Raises UserError."""
    plan = load_plan(folder)
    if any(one.is_sweep_override() for one in read) and not plan.overrides:
        raise Refused(
            [f"{folder}: it has no sweep.json, so that no jobs can be added; leave out what has several values"]
        )
    own = [one for one in read if one.key_or_group not in SWEEP_ALONE and not one.is_hydra_override()]
    _refuse_saved_plugins(plan, own)
    jobs = expanded(composing, composing.read(_merged(plan.overrides, own))) if plan.overrides else []
    before = plan
    plan = extended(plan, _union(composing, plan.overrides, own), jobs) if jobs else plan
    keys = {*before.varied, *plan.varied}
    wanted = {tuple(job) for job in jobs}
    chosen = [job for job in plan.jobs if not jobs or job.overrides in wanted]
    changes = [one.input_line or "" for one in own if one.key_or_group not in keys]
    further = _further(own, keys, before)
    found = statuses(plan)
    tasks, fresh = [], {}
    for job in chosen:
        status = found.get(job.name, ("missing", ""))[0]
        began = (plan.folder_of(job).path / "config.yaml").exists()
        goes_on = status in GOES_ON or (status == "finished" and further(job))
        if goes_on or (not began and status != "refused"):
            tasks.append(_task(plan, job, command, changes, _of_hydra(read)))
            if not began:
                fresh[job.number] = job.overrides
    checked = check_jobs(composing, list(fresh.values()), Sweeper("basic"), trusted=own) if fresh else Checked()
    if changes:
        check_changes(composing, [Path(task.folder) for task in tasks if task.number not in fresh], changes)
    if plan.overrides:
        plan.save()
    _announce(found, len(tasks) - len(fresh), len(fresh))
    names = {job.number: job.name for job in plan.jobs}
    places = {names[number]: index for index, number in enumerate(fresh)}
    saved_jobs = composing.read([one for one in before.overrides if _key(one) == "jobs"])
    return _ready(plan, tuple(tasks), [*saved_jobs, *read], checked, command.program, places)


def _further(own: Sequence[Override], keys: Container[str], before: Plan) -> Callable[[Job], bool]:
    """Returns whether what is typed asks a finished run of the sweep ``before`` for more than it has done: another
    number of steps than it has, or a setting that was not typed alike before. Plugins are typed again to be trusted,
    and change nothing."""
    saved = {one.lstrip("+") for one in before.overrides}
    texts = [(one.input_line or "").lstrip("+") for one in own if one.key_or_group not in keys]
    others = [text for text in texts if _key(text) not in ("steps", "plugins") and text not in saved]
    steps = [text.partition("=")[2] for text in texts if _key(text) == "steps"]

    def asks(job: Job) -> bool:
        return bool(others) or any(text != str(_saved(before, job).get("steps")) for text in steps)

    return asks


def _ready(
    plan: Plan,
    tasks: tuple[Task, ...],
    read: Sequence[Override],
    checked: Checked,
    program: str,
    places: Mapping[str, int],
) -> Ready:
    """``places`` are the numbers of the jobs in ``checked``, by the names of their folders."""
    steps: dict[str, int | None] = {}
    device = "auto"
    numbers = {task.number for task in tasks}
    for job in plan.jobs:
        if job.number not in numbers:
            continue
        settings = checked.settings.get(places[job.name]) if job.name in places else None
        plain = {} if settings is not None else _saved(plan, job)
        steps[job.name] = settings.steps if settings else _whole(plain.get("steps"))
        device = str(settings.runtime.device if settings else (plain.get("runtime") or {}).get("device", device))
    return Ready(plan, tasks, shares(jobs_of(read, checked), len(tasks), device), steps, program)


def _saved(plan: Plan, job: Job) -> dict[str, Any]:
    try:
        return plan.folder_of(job).load_config()
    except Exception:  # it does not exist or is damaged: its job says so when it is run
        return {}


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def jobs_of(read: Sequence[Override], checked: Checked) -> Literal["auto"] | int:
    """Returns the number of jobs to run side by side: as typed, or as a recipe sets it. Raises Refused."""
    one = typed(read, "jobs")
    value: Any = one.value() if one else next((settings.jobs for settings in checked.settings.values()), 1)
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value  # type: ignore[no-any-return]
    typed_as = one.input_line if one else f"jobs={value}"
    raise Refused([f"{typed_as}: need auto, or the number of jobs to run side by side, such as jobs=2"])


def _task(plan: Plan, job: Job, command: Typed, changes: Sequence[str], hydra: Sequence[str]) -> Task:
    return Task(
        number=job.number,
        folder=str(plan.folder_of(job).path),
        overrides=(*job.overrides, *hydra),
        changes=(*changes, *hydra),
        config_dir=command.config_dir,
        program=command.program,
        command=command.command,
        varied={key: job.settings.get(key, "default") for key in plan.varied},
    )


def _of_hydra(read: Sequence[Override]) -> list[str]:
    """Returns the overrides of Hydra's own settings that each job gets too."""
    alone = ("hydra.mode", "hydra/sweeper", "hydra/launcher", "hydra.sweep", "hydra.sweeper", "hydra.launcher")
    own = [one for one in read if one.is_hydra_override()]
    return [one.input_line or "" for one in own if not one.key_or_group.startswith(alone)]


def _renamed(plan: Plan, composing: Composer, read: Sequence[Override], subdir: Override) -> Plan:
    """Returns the plan with the folder names of ``hydra.sweep.subdir``. Raises Refused if two jobs share one."""
    jobs = []
    for job in plan.jobs:
        overrides = [*composing.read(job.overrides), subdir, *composing.read([f"hydra.job.num={job.number}"])]
        jobs.append(Job(job.number, composing.sweep_subdir(overrides), job.overrides))
    twice = [name for name, count in Counter(job.name for job in jobs).items() if count > 1]
    if twice or any(Path(job.name).name != job.name for job in jobs):
        name = (twice or [job.name for job in jobs])[0]
        what = "is the folder of several jobs" if twice else "is no name of one folder"
        raise Refused([f"{subdir.input_line}: '{name}' {what}; leave hydra.sweep.subdir to ganlab"])
    return Plan(plan.folder, plan.command, plan.overrides, tuple(jobs))


def _merged(saved: Sequence[str], now: Sequence[Override]) -> list[str]:
    """Returns the saved overrides with those that are typed now in their place."""
    typed_now = {one.key_or_group: one.input_line or "" for one in now}
    keys = [_key(one) for one in saved]
    kept = [typed_now.get(key, one) for key, one in zip(keys, saved, strict=True)]
    return [*kept, *(text for key, text in typed_now.items() if key not in keys)]


def _union(composing: Composer, saved: Sequence[str], now: Sequence[Override]) -> list[str]:
    """Returns the overrides of the whole plan: a key that varies has the values of both commands."""
    found = []
    typed_now = {one.key_or_group: one for one in now}
    merged = dict(zip(map(_key, texts := _merged(saved, now)), texts, strict=True))
    before = {_key(one): one for one in saved}
    for key, text in merged.items():
        one = typed_now.get(key)
        jobs = [composing.jobs([both]) for both in (before[key], text)] if one and key in before else []
        values = list(dict.fromkeys(job[0].partition("=")[2] for several in jobs for job in several))
        if len(jobs) == 2 and max(map(len, jobs)) > 1 and len(values) > 1:
            text = f"{text.partition('=')[0]}={','.join(values)}"
        found.append(text)
    return found


def _key(text: str) -> str:
    return text.partition("=")[0].lstrip("+~")


def _refuse_saved_plugins(plan: Plan, now: Sequence[Override]) -> None:
    saved = [one for one in plan.overrides if _key(one) == "plugins"]
    if saved and typed(now, "plugins") is None:
        raise Refused([f"{plan.folder}: it was begun with {saved[-1]}; type that too if you trust it"])


def _announce(found: Mapping[str, tuple[str, str]], go_on: int, begin: int) -> None:
    """Prints what is there, and how many runs go on and begin."""
    counts = Counter(status for status, _ in found.values())
    there = ", ".join(f"{counts[status]} {status}" for status in (*STATUSES, "running") if counts[status])
    parts = [f"{count} {word}" for count, word in ((go_on, "go on"), (begin, "begin")) if count]
    print(f"{there or 'no job has begun'}; {', '.join(parts) or 'nothing is missing'}")
