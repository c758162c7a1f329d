"""One run, from what was typed: a new one, one to go on with, or a branch of another."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from hydra.core.override_parser.types import Override

from ganlab import run_folder
from ganlab.commands.launch.branch import Branch, branch_of
from ganlab.commands.launch.hydra_main import hand_to_hydra, run_with_hydra
from ganlab.commands.launch.job import Command, Ended, exit_code_of, hydra_job, run
from ganlab.commands.launch.new_folder import folder_in, folder_override, typed_folder
from ganlab.commands.launch.prepared import Prepared, Resume, options_in, plain_configuration, resume_of
from ganlab.commands.launch.ready import AlreadyDone, ready
from ganlab.commands.sweep.begin import Typed
from ganlab.config import configure
from ganlab.config.compose import Composer, composer
from ganlab.config.overrides import typed
from ganlab.config.paths import single_hint
from ganlab.errors import Refused
from ganlab.ranks import Ranks
from ganlab.run_folder import RunFolder


def single_run(
    composing: Composer,
    read: Sequence[Override],
    args: argparse.Namespace,
    flags: Sequence[str],
    command: Typed,
    ranks: Ranks,
) -> Callable[[], int]:
    """Checks one run, creates its folder, and returns the function that trains it, or shows its configuration."""
    shows = bool(args.cfg or args.info)
    overrides = composing.rewrite(read)
    branch, resume = branch_of(read), resume_of(read, typed_folder(composing, read))
    try:
        prepared = checked(composing, read, overrides, branch, resume, ranks, look_at_data=not args.cfg)
    except AlreadyDone as done:
        if resume is None or not resume.auto:
            raise
        print(str(done).partition(";")[0])  # a requeued job of a cluster ends without an error
        return lambda: 0
    if args.cfg == "job":
        if ranks.first:
            print(run_folder.as_yaml(prepared.configuration.plain()), end="")
        return lambda: 0
    if shows and not ranks.first:
        return lambda: 0
    if not shows and ranks.first:
        overrides.append(folder_override(read if branch is None else branch.named(read), resume, multirun=False))
        if branch is not None:
            branch.copy(RunFolder(folder_in(overrides[-1])))

    def train() -> int:
        again = None if branch or resume else prepared  # a saved run may have changed since it was checked
        if not ranks.first:  # Hydra would create folders and logs for each rank
            with composer(args.config_dir) as composing:
                folder = ranks.gathered(None)[0]
                begun = resume if branch is None else Resume(RunFolder(folder), branch=True)
                there = RunFolder(folder)
                return exit_code_of(run(lambda: composing, overrides, there, begun, prepared=again)) if folder else 2
        ended: list[Ended] = []
        begun = resume if branch is None or shows else Resume(RunFolder(folder_in(overrides[-1])), branch=True)
        origin = branch.facts if branch else {}
        job = hydra_job(Command(command.command, tuple(args.overrides), origin=origin), begun, ended, again)
        if shows:
            hand_to_hydra(command.program, [*flags, *overrides], job)
            return 0
        run_with_hydra(args.config_dir, overrides, job)
        return exit_code_of(ended[-1].outcome)

    return train


def checked(
    composing: Composer,
    read: Sequence[Override],
    overrides: Sequence[str],
    branch: Branch | None,
    resume: Resume | None,
    ranks: Ranks,
    look_at_data: bool = True,
) -> Prepared:
    """Returns the configuration of a run that can begin, or go on. Raises UserError, and AlreadyDone."""
    if branch is not None:
        return _check_branch(composing, read, overrides, branch, look_at_data)
    if resume is not None and ranks.first:
        resume.folder.need_free()
    return _check_job(composing, read, overrides, resume, look_at_data)


def _check_branch(
    composing: Composer, read: Sequence[Override], overrides: Sequence[str], branch: Branch, look_at_data: bool
) -> Prepared:
    """Returns the configuration of a run that begins from a checkpoint of another one. Raises UserError."""
    with branch.checked() as staged:
        return _check_job(composing, read, overrides, Resume(staged, branch=True), look_at_data)


def _check_job(
    composing: Composer,
    read: Sequence[Override],
    overrides: Sequence[str],
    resume: Resume | None,
    look_at_data: bool,
) -> Prepared:
    if (jobs := typed(read, "jobs")) is not None:
        raise Refused([f"{jobs.input_line}: the jobs of a sweep run side by side, and this is one run; leave it out"])
    several = [one.input_line for one in read if one.is_sweep_override()]
    if several:
        raise Refused(
            [f"{text}: several values are a sweep, which needs -m; {single_hint(text or '')}" for text in several]
        )
    plain, _ = plain_configuration(composing, read, overrides, resume)
    configuration = configure(plain, composing.suggestions)
    if look_at_data:
        ready(configuration.settings, resume.folder if resume else None)
    return Prepared(plain, configuration, options_in(composing, read))
