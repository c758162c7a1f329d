"""Runs one job of a sweep in this process, as if it had been typed alone."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ganlab.commands.hydra_main import run_with_hydra
from ganlab.commands.job import Command, Ended, hydra_job
from ganlab.commands.prepared import Resume
from ganlab.commands.training_run import Outcome
from ganlab.config.compose import composer
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
    folder.path.mkdir(parents=True, exist_ok=True)
    resumes = False
    try:
        _wait_until_free(folder)
        resumes = (folder.path / "config.yaml").exists()
        typed = (f"resume={literal(task.folder)}", *task.changes) if resumes else task.overrides
        with composer(task.config_dir) as composing:
            overrides = composing.rewrite(composing.read(typed))
    except UserError as error:
        print(error, file=sys.stderr)
        outcome = Outcome("refused", str(error))
        if not resumes:
            folder.save_status(outcome.status, outcome.reason)
        return outcome
    ended: list[Ended] = []
    own = ["hydra.mode=RUN", f"hydra.job.num={task.number}", f"hydra.run.dir={literal(task.folder)}"]
    job = hydra_job(Command(task.command, typed, task.varied), Resume(folder) if resumes else None, ended)
    try:
        run_with_hydra(task.config_dir, [*overrides, *own], job)
    except SystemExit:  # Hydra has printed why it cannot start the job
        return _failed(folder, "Hydra could not start it; its message is above")
    except OSError as error:
        return _failed(folder, in_one_line(error))
    return ended[-1].outcome


def _failed(folder: RunFolder, reason: str) -> Outcome:
    folder.save_status("failed", reason)
    return Outcome("failed", reason)


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
