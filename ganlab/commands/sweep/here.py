"""Runs a sweep for a script or a notebook: each job in a process of its own, so that the caller's stays as it was."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from ganlab.commands.launch.in_process import refuse_flags_and_ranks
from ganlab.commands.launch.launch import new_sweep, refuse_one_run
from ganlab.commands.launch.words import refuse_what_is_no_text
from ganlab.commands.sweep.asked import asked_for, runs_here, sweep_to_resume
from ganlab.commands.sweep.begin import Typed, resume
from ganlab.commands.sweep.run import run_sweep
from ganlab.commands.terminal.program import command_text, training_program
from ganlab.config.compose import composer
from ganlab.errors import Refused
from ganlab.run_folder import RunFolder


def sweep_here(overrides: Sequence[str], config_dir: str | None = None) -> Path:
    """Checks and runs the sweep that is typed as ``overrides``, or what is missing in the sweep that it resumes, and
    returns its folder. Raises UserError before a folder is created. After a signal all jobs have saved."""
    refuse_what_is_no_text(overrides)
    refuse_flags_and_ranks(overrides, "ganlab.sweep")
    flags = ["--config-dir", config_dir] if config_dir else []
    with composer(config_dir) as composing:
        read, _ = asked_for(composing, composing.read(overrides), True)
        begun = sweep_to_resume(read)
        if begun is None:
            refuse_one_run(read, "call ganlab.train")
            flags.append("-m")
        text = command_text(training_program(), [*flags, *overrides])
        command = Typed(training_program(), text, config_dir)
        if begun is not None:
            with RunFolder(begun).held():
                ready = resume(composing, read, begun, command)
        elif not runs_here(composing, read):
            raise Refused([
                "ganlab.sweep runs sweeps without hydra/sweeper, hydra/launcher and callbacks; leave them out, or type "
                f"{text} in a terminal"
            ])  # fmt: skip
        else:
            ready = new_sweep(composing, read, command)
    with contextlib.suppress(KeyboardInterrupt):  # the summary that was printed says what was stopped
        run_sweep(ready, apart=True)
    return ready.plan.folder
