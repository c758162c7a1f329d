"""Trains one run inside the process of the caller, a script or a notebook, and leaves that process as it was: its
logging, its Hydra, ``sys.argv``, and PyTorch's settings."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from hydra.core.override_parser.types import Override

from ganlab import run_folder
from ganlab.commands.launch.branch import branch_of
from ganlab.commands.launch.job import Command, run_and_record
from ganlab.commands.launch.new_folder import folder_in, folder_override, typed_folder
from ganlab.commands.launch.prepared import Resume, resume_of
from ganlab.commands.launch.ready import AlreadyDone
from ganlab.commands.launch.single_run import checked
from ganlab.commands.launch.training_run import Outcome
from ganlab.commands.launch.words import refuse_what_is_no_text
from ganlab.commands.sweep.asked import asked_for, sweep_to_resume
from ganlab.commands.terminal.program import command_text, training_program
from ganlab.config.compose import Composer, composer
from ganlab.config.paths import literal, single_hint
from ganlab.errors import Refused
from ganlab.ranks import here
from ganlab.run_folder import RunFolder
from ganlab.training.device import use_deterministic_algorithms

log = logging.getLogger("ganlab")

RUN_DIR = "hydra.run.dir"


def train_here(overrides: Sequence[str], config_dir: str | None = None) -> tuple[RunFolder, Outcome]:
    """Checks and trains the run that is typed as ``overrides``, and returns its folder and how it ended. Raises
    UserError before the folder is created, and KeyboardInterrupt where it was stopped before its first step."""
    refuse_what_is_no_text(overrides)
    refuse_flags_and_ranks(overrides, "ganlab.train")
    with composer(config_dir) as composing:
        read, multirun = asked_for(composing, composing.read(overrides), False)
        _refuse_sweep(read, overrides, multirun)
        _refuse_settings_of_hydra(read)
        read = _with_folder(composing, read)
        return _train(composing, read, overrides, config_dir)


def _train(
    composing: Composer, read: Sequence[Override], typed: Sequence[str], config_dir: str | None
) -> tuple[RunFolder, Outcome]:
    rewritten = composing.rewrite(read)
    branch, resume = branch_of(read), resume_of(read, typed_folder(composing, read))
    try:
        prepared = checked(composing, read, rewritten, branch, resume, here())
    except AlreadyDone:
        if resume is None or not resume.auto:
            raise
        return resume.folder, Outcome("finished")
    made = folder_in(folder_override(read if branch is None else branch.named(read), resume, multirun=False))
    folder = RunFolder(run_folder.shown(made))
    if branch is not None:
        branch.copy(folder)
        resume = Resume(folder, branch=True)
    again = None if branch or resume else prepared  # a saved run may have changed since it was checked
    text = command_text(training_program(), [*(["--config-dir", config_dir] if config_dir else []), *typed])
    command = Command(text, tuple(typed), origin=branch.facts if branch else {})
    task = [one for one in rewritten if not one.startswith("hydra.")]
    with _logged_to(folder.path / "train.log"), _torch_as_it_was():
        return folder, run_and_record(lambda: composing, task, folder, resume, command, typed, prepared=again)


def refuse_flags_and_ranks(overrides: Sequence[str], function: str) -> None:
    """Raises Refused for flags, and where torchrun has started several processes. ``function`` is what was called."""
    problems = [
        f"{one}: flags are for the command line; "
        + ("give config_dir=FOLDER" if one.startswith(("--config-dir", "-cd")) else "leave it out")
        for one in overrides
        if one.startswith("-")
    ]
    if os.environ.get("WORLD_SIZE", "1") != "1":
        problems.append(
            f"WORLD_SIZE={os.environ['WORLD_SIZE']}: {function} trains in one process; type torchrun "
            "--nproc-per-node=… train.py … for several, or take WORLD_SIZE out of the environment"
        )
    if problems:
        raise Refused(problems)


def _refuse_sweep(read: Sequence[Override], overrides: Sequence[str], multirun: bool) -> None:
    """Raises Refused with what to type for a sweep, if the overrides are one."""
    begun = sweep_to_resume(read)
    several = [one.input_line or "" for one in read if one.is_sweep_override()]
    if begun is None and not several and not multirun:
        return
    typed = [one for one in several if one in overrides]
    what = f"resume={begun}" if begun is not None else ", ".join(typed or overrides)
    flag = [] if multirun or begun is not None else ["-m"]
    hint = f"{single_hint(typed[0])}; " if typed else ""
    raise Refused([
        f"{what}: several values are a sweep, and ganlab.train trains one run; {hint}for the sweep call ganlab.sweep "
        f"with the same, or type {command_text(training_program(), [*flag, *overrides])}"
    ])  # fmt: skip


def _refuse_settings_of_hydra(read: Sequence[Override]) -> None:
    others = [one.input_line or "" for one in read if one.is_hydra_override() and one.key_or_group != RUN_DIR]
    if others:
        raise Refused([
            f"{one}: Hydra's own settings have no part in ganlab.train; leave it out, or type it on the command line"
            for one in others
        ])  # fmt: skip


def _with_folder(composing: Composer, read: list[Override]) -> list[Override]:
    """Returns the overrides with ``${…}`` in the typed folder resolved: nobody else does it here."""
    typed = typed_folder(composing, read)
    if typed is None:
        return read
    others = [one for one in read if one.key_or_group != RUN_DIR]
    return [*others, *composing.read([f"{RUN_DIR}={literal(str(typed))}"])]


class _Forward(logging.Handler):
    """Passes records on to the handlers of the caller."""

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__()
        self.logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        self.logger.callHandlers(record)


@contextmanager
def _logged_to(file: Path) -> Iterator[None]:
    """Returns a context in which messages go into ``file``, and to the handlers of the caller, or to stdout if there
    are none. A level that the caller has set for the logger ``ganlab`` stays in force for what is shown."""
    level, propagate, raises = log.level, log.propagate, logging.raiseExceptions
    shown: logging.Handler = logging.StreamHandler(sys.stdout)
    if propagate and log.parent is not None and log.parent.hasHandlers():
        shown = _Forward(log.parent)
    kept = logging.FileHandler(file, encoding="utf-8", errors="backslashreplace")
    shown.setLevel(level or logging.INFO)
    added = [kept] if log.handlers and not propagate else [kept, shown]
    for handler in added:
        handler.setFormatter(logging.Formatter("%(message)s"))
        log.addHandler(handler)
    log.setLevel(min(level or logging.INFO, logging.INFO))
    log.propagate = False
    logging.raiseExceptions = False  # on a full disk lines of train.log are lost, without a traceback for each
    try:
        yield
    finally:
        log.propagate, logging.raiseExceptions = propagate, raises
        log.setLevel(level)
        for handler in added:
            log.removeHandler(handler)
        kept.close()


@contextmanager
def _torch_as_it_was() -> Iterator[None]:
    """Returns a context after which PyTorch has the threads and the choice of kernels that it had before."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    warns, fills = torch.is_deterministic_algorithms_warn_only_enabled(), torch.utils.deterministic
    filled = fills.fill_uninitialized_memory  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        use_deterministic_algorithms(deterministic, warns)
        fills.fill_uninitialized_memory = filled  # type: ignore[attr-defined]
