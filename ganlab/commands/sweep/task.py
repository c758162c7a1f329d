"""Runs one job of a sweep in this process, as if it had been typed alone."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ganlab.commands.launch.branch import Branch, branch_of
from ganlab.commands.launch.hydra_main import run_with_hydra
from ganlab.commands.launch.job import Command, Ended, hydra_job
from ganlab.commands.launch.prepared import Resume
from ganlab.commands.launch.training_run import Outcome
from ganlab.config.compose import Composer, composer
from ganlab.config.paths import literal
from ganlab.errors import UserError, in_one_line
from ganlab.run_folder import InUse, RunFolder

PATIENCE = 120.0
"""Seconds to wait for a run folder that a process of a sweep before is leaving: it ends its step and saves."""


@dataclass(frozen=True)
class Task:
    """The data with which a process runs a job: its ``number``, its ``folder``, its ``overrides`` as typed for a new
    run, and the ``changes`` for a run that is in the folder already; the folder of the user's own configs, the
    ``program`` (``train.py``), the ``command`` of the whole sweep, and the job's values of the keys that are ``varied``
    in it."""

    number: int
    folder: str
    overrides: tuple[str, ...]
    changes: tuple[str, ...]
    config_dir: str | None
    program: str
    command: str
    varied: Mapping[str, str]


def run_task(task: Task) -> Outcome:
    """Runs a job and returns how it ended, which is in the status.json of its folder too. Raises KeyboardInterrupt
    where it was stopped without saving."""
    folder = RunFolder(task.folder)
    resumes = False
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        _wait_until_free(folder)
        resumes = (folder.path / "config.yaml").exists()
        with composer(task.config_dir) as composing:
            branch = _branch_to_begin(composing, task, folder, resumes)
            resumes = resumes and branch is None
            typed = (f"resume={literal(task.folder)}", *task.changes) if resumes else task.overrides
            overrides = composing.rewrite(composing.read(typed))
            if branch is not None:
                branch.begin(folder)
    except UserError as error:
        print(error, file=sys.stderr)
        outcome = Outcome("refused", str(error))
        if not resumes:
            _save(folder, outcome)
        return outcome
    except OSError as error:  # a full disk, or a folder that may not be written to
        return _failed(folder, in_one_line(error))
    ended: list[Ended] = []
    own = ["hydra.mode=RUN", f"hydra.job.num={task.number}", f"hydra.run.dir={literal(task.folder)}"]
    command = Command(task.command, typed, task.varied, branch.facts if branch else {})
    job = hydra_job(command, Resume(folder, branch=branch is not None) if resumes or branch else None, ended)
    try:
        run_with_hydra(task.config_dir, [*overrides, *own], job)
    except SystemExit:  # Hydra has printed why it cannot start the job
        return _failed(folder, "Hydra could not start it; its message is above")
    except OSError as error:
        return _failed(folder, in_one_line(error))
    return ended[-1].outcome


def _branch_to_begin(composing: Composer, task: Task, folder: RunFolder, exists: bool) -> Branch | None:
    """Returns the origin of a job that begins from a checkpoint of another run; None for other jobs, and for one that
    has a checkpoint of its own, to go on from. Raises UserError if there is no such origin any more."""
    if not any(one.partition("=")[0].lstrip("+") == "branch" for one in task.overrides):
        return None
    try:
        branch = branch_of(composing.read(task.overrides))
    except UserError:
        if exists:
            return None
        raise
    return None if branch is None or (exists and branch.has_gone_on(folder)) else branch


def _failed(folder: RunFolder, reason: str) -> Outcome:
    outcome = Outcome("failed", reason)
    _save(folder, outcome)
    return outcome


def _save(folder: RunFolder, outcome: Outcome) -> None:
    """Saves how a job ended, unless the disk is full: the sweep goes on, and says it on the terminal."""
    with contextlib.suppress(OSError):
        folder.save_status(outcome.status, outcome.reason)


def _wait_until_free(folder: RunFolder) -> None:
    """Waits until no other process trains in the folder. Raises InUse if one still does after two minutes."""
    until = time.monotonic() + PATIENCE
    while Path(folder.path / ".lock").exists():
        try:
            folder.need_free()
        except InUse:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
        else:
            return
