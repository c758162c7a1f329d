"""Finds the run folders of a sweep, in the order of its jobs."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from ganlab.errors import UserError, in_one_line
from ganlab.report.model import Damage
from ganlab.report.reading.runs import RunFiles, is_held, is_run, read_run
from ganlab.run_folder import OUTPUTS

PLAN = "sweep.json"
DEPTHS = ("*", "*/*", "*/*/*")
"""Where runs are looked for in a folder: those nearest to it."""


@dataclass(frozen=True)
class Job:
    """A run of a sweep: its ``number``, its files, and the ``overrides`` that were typed for it (None: not known)."""

    number: int
    files: RunFiles
    overrides: tuple[str, ...] | None


@dataclass(frozen=True)
class Jobs:
    """The jobs that were found in ``folder``. ``kind`` is ``sweep``, or ``runs`` for runs that were named one by one;
    ``command`` is what was typed, where the sweep has it; ``running``: a process still runs the sweep."""

    kind: str
    folder: Path
    jobs: tuple[Job, ...]
    damage: tuple[Damage, ...] = ()
    command: tuple[str, ...] = ()
    running: bool = False


def find_sweep(named: str, root: Path = OUTPUTS) -> Jobs:
    """Reads the runs of a sweep's folder; ``latest`` is the newest one. The folder of a single run is a report of that
    run. Raises UserError where there is none."""
    folder = _latest(root) if named == "latest" else Path(named)
    if not os.path.isdir(folder):
        raise UserError(
            f"{named}: there is no such folder; name that of a sweep, such as {root}/multirun/<date>/<time>"
        )
    plan, damage = _plan(folder)
    if not plan and is_run(folder):
        return find_runs([str(folder)])
    planned = {_within(folder, job): job for job in plan.get("jobs") or () if isinstance(job, Mapping)}
    paths = _run_folders(folder)
    names = list(dict.fromkeys([*planned, *(str(path.relative_to(folder)) for path in paths)]))
    if not names:
        raise UserError(f"{named}: there is no run in it; name the folder of a sweep, or type runs=[RUN,RUN]")
    jobs = []
    for number, name in _numbered(names, planned):
        files = read_run(folder / name)
        jobs.append(Job(number, files, _overrides(files, planned.get(name))))
    command = plan.get("command")
    words = tuple(map(str, command)) if isinstance(command, list) else (command,) if isinstance(command, str) else ()
    return Jobs("sweep", folder, tuple(jobs), tuple(damage), words, running=is_held(folder))


def find_runs(named: Sequence[str]) -> Jobs:
    """Reads the named run folders. Raises UserError where one of them is none."""
    paths = [Path(name) for name in named]
    for name, path in zip(named, paths, strict=True):
        if not os.path.isdir(path) or not is_run(path):
            raise UserError(f"{name}: it is no run folder; name one such as {OUTPUTS}/<date>/<time>-…")
    if len({path.resolve() for path in paths}) < len(paths):
        raise UserError("runs names a run twice; leave one out")
    files = [read_run(path) for path in paths]
    folder = Path(os.path.commonpath([path.resolve() for path in paths])) if len(paths) > 1 else paths[0]
    if len(paths) > 1 and all(not path.is_absolute() for path in paths):
        folder = Path(os.path.relpath(folder))
    return Jobs("runs", folder, tuple(Job(number, one, _overrides(one, None)) for number, one in enumerate(files)))


def _plan(folder: Path) -> tuple[dict[str, Any], list[Damage]]:
    """Returns the content of sweep.json, which older sweeps have not."""
    file = folder / PLAN
    try:
        plan = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(plan, dict) or not isinstance(plan.get("jobs"), list):
            raise ValueError("it lists no jobs")
    except FileNotFoundError:
        return {}, []
    except (OSError, ValueError, RecursionError) as error:
        return {}, [Damage(str(file), in_one_line(error))]
    return plan, []


def _within(folder: Path, job: Mapping[str, Any]) -> str:
    """Returns the folder of a job, relative to that of the sweep."""
    named = Path(str(job.get("folder")))
    return os.path.relpath(named, folder.resolve()) if named.is_absolute() else str(named)


def _run_folders(folder: Path) -> list[Path]:
    for depth in DEPTHS:
        found = [path for path in sorted(folder.glob(depth)) if path.is_dir() and is_run(path)]
        if found:
            return found
    return []


def _numbered(names: Sequence[str], planned: Mapping[str, Mapping[str, Any]]) -> list[tuple[int, str]]:
    """Returns the folders of jobs with their numbers, which differ. Folders that share a number, such as those of
    single runs of one hour or of several sweeps, are numbered in their order; folders beside those of a plan whose
    number is taken get the next ones."""
    own = {name: _number(name, planned.get(name)) for name in names}
    order = sorted(names, key=lambda name: (own[name] is None, own[name] or 0, name not in planned))
    known = [number for number in own.values() if number is not None]
    if not planned and len(set(known)) < len(known):
        return list(enumerate(order))
    after = count(max(known, default=-1) + 1)
    found: dict[int, str] = {}
    for name in order:
        number = own[name]
        found[next(after) if number is None or number in found else number] = name
    return list(found.items())


def _number(name: str, job: Mapping[str, Any] | None) -> int | None:
    """Returns the number of a job: that of sweep.json, or that at the start of its folder's name; None without one."""
    if job is not None and isinstance(job.get("number"), int):
        return int(job["number"])
    match = re.match(r"(\d{1,9})(?!\d)", Path(name).name)
    return int(match[1]) if match else None


def _overrides(files: RunFiles, job: Mapping[str, Any] | None) -> tuple[str, ...] | None:
    """Returns what was typed for a run: by sweep.json, or by the first start in provenance.yaml."""
    for one in (job, files.starts[0] if files.starts else None):
        if one is not None and isinstance(one.get("overrides"), list):
            return tuple(map(str, one["overrides"]))
    return None


def _latest(root: Path) -> Path:
    found = [path for path in (root / "multirun").glob("*/*") if path.is_dir()]
    if not found:
        raise UserError(f"latest: there is no sweep under {root}/multirun")
    return max(found, key=lambda path: (path.parent.name, path.name))
