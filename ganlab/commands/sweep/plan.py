"""The plan of a sweep: its jobs, in the file sweep.json, from which a sweep goes on after whatever has ended it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ganlab.atomic_write import write_atomically
from ganlab.errors import UserError
from ganlab.run_folder import LONGEST_NAME, SWEEP, RunFolder, run_name

FILE = SWEEP
VERSION = 1


@dataclass(frozen=True)
class Job:
    """One run of a sweep: its ``number`` (0, 1, …), the ``name`` of its folder inside the sweep's folder, and its
    ``overrides`` in the form in which they could be typed for a single run."""

    number: int
    name: str
    overrides: tuple[str, ...]

    @property
    def settings(self) -> dict[str, str]:
        """The text of each override's value, by its key."""
        return {key.lstrip("+"): value for key, _, value in (one.partition("=") for one in self.overrides)}


@dataclass(frozen=True)
class Plan:
    """All jobs of a sweep. ``folder`` contains their folders, ``command`` is the command that began the sweep, and
    ``overrides`` are those that were typed, with several values where they vary; empty for a sweep of a version that
    did not save them."""

    folder: Path
    command: str
    overrides: tuple[str, ...]
    jobs: tuple[Job, ...]

    @property
    def varied(self) -> list[str]:
        """The keys of which the jobs have several values, in the order in which they were typed."""
        return varied([job.overrides for job in self.jobs])

    def folder_of(self, job: Job) -> RunFolder:
        """Returns the run folder of a job."""
        return RunFolder(self.folder / job.name)

    def save(self) -> None:
        """Writes sweep.json. Raises UserError, of a full disk for example."""
        jobs = [{"number": one.number, "folder": one.name, "overrides": list(one.overrides)} for one in self.jobs]
        content = {"version": VERSION, "command": self.command, "overrides": list(self.overrides), "jobs": jobs}
        try:
            write_atomically(self.folder / FILE, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        except OSError as error:
            reason = error.strerror or error
            raise UserError(
                f"{self.folder / FILE} cannot be written ({reason}); make room, and type it again"
            ) from error


def new_plan(folder: Path, command: str, overrides: Sequence[str], jobs: Sequence[Sequence[str]]) -> Plan:
    """Returns the plan of a new sweep. ``jobs`` are the overrides of each one."""
    keys = varied(jobs)
    named = tuple(Job(number, folder_name(number, job, keys), tuple(job)) for number, job in enumerate(jobs))
    return Plan(folder, command, tuple(overrides), named)


def extended(plan: Plan, overrides: Sequence[str], jobs: Sequence[Sequence[str]]) -> Plan:
    """Returns the plan with the ``jobs`` that it does not have yet. A job is known if it has the same value for each
    key that varies, before or now; where another key differs, the known job gets the new overrides."""
    keys = list(dict.fromkeys([*plan.varied, *varied(jobs)]))
    known = {_cell(job, keys): job for job in plan.jobs}
    number = max((job.number for job in plan.jobs), default=-1) + 1
    for one in jobs:
        new = Job(number, folder_name(number, one, keys), tuple(one))
        cell = _cell(new, keys)
        if cell in known:
            known[cell] = replace(known[cell], overrides=new.overrides)
        else:
            known[cell] = new
            number += 1
    return replace(plan, overrides=tuple(overrides), jobs=tuple(known.values()))


def _cell(job: Job, keys: Sequence[str]) -> tuple[tuple[str, str | None], ...]:
    settings = job.settings
    return tuple((key, settings.get(key)) for key in keys)


def varied(jobs: Sequence[Sequence[str]]) -> list[str]:
    """Returns the keys that do not have the same value in all jobs."""
    settings = [Job(0, "", tuple(job)).settings for job in jobs]
    keys = dict.fromkeys(key for one in settings for key in one)
    return [key for key in keys if len({one.get(key) for one in settings}) > 1]


def folder_name(number: int, overrides: Sequence[str], keys: Sequence[str]) -> str:
    """Returns the name of a job's folder: its number and the overrides that vary."""
    named = sorted(one.lstrip("+") for one in overrides if one.partition("=")[0].lstrip("+") in keys)
    name = run_name(named, LONGEST_NAME - 10)
    return f"{number}-{name}" if name else str(number)


def is_sweep(folder: Path) -> bool:
    """Whether a folder is that of a sweep, and not that of a run."""
    return (folder / FILE).is_file() or (not (folder / "config.yaml").exists() and bool(_run_folders(folder)))


def load_plan(folder: Path) -> Plan:
    """Reads the plan of a sweep. Without sweep.json, of an earlier version or of another launcher, the jobs are the
    run folders that are there. Raises UserError."""
    file = folder / FILE
    if not file.exists():
        runs = _run_folders(folder)
        return Plan(folder, "", (), tuple(Job(number, one.name, ()) for number, one in enumerate(runs)))
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return Plan(folder, str(content["command"]), _texts(content["overrides"]), tuple(map(_job, content["jobs"])))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{file} cannot be read as the plan of a sweep ({error}); begin a new sweep") from error


def _job(entry: Mapping[str, Any]) -> Job:
    name = str(entry["folder"])
    if Path(name).name != name or name in ("", ".", ".."):
        raise ValueError(f"a job's folder is named '{name}'")
    return Job(int(entry["number"]), name, _texts(entry["overrides"]))


def _texts(entries: Any) -> tuple[str, ...]:
    if not isinstance(entries, list) or not all(isinstance(one, str) for one in entries):
        raise ValueError("its overrides are no list of texts")
    return tuple(entries)


def _run_folders(folder: Path) -> list[Path]:
    """Returns the folders of runs directly inside ``folder``, in the order of their numbers."""
    files = [path for name in ("config.yaml", "status.json") for path in folder.glob(f"*/{name}")]
    return sorted({path.parent for path in files}, key=lambda path: (len(path.name.partition("-")[0]), path.name))
