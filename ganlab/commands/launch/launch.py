"""Checks one run or a sweep completely, and launches it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from hydra.core.override_parser.types import Override

from ganlab import run_folder
from ganlab.commands.launch.hydra_main import hand_to_hydra
from ganlab.commands.launch.job import Command, hydra_job
from ganlab.commands.launch.new_folder import folder_in, folder_override
from ganlab.commands.launch.single_run import single_run
from ganlab.commands.sweep.asked import asked_for, runs_here, sweep_to_resume
from ganlab.commands.sweep.begin import Typed, jobs_of
from ganlab.commands.sweep.begin import begin as begin_sweep
from ganlab.commands.sweep.begin import resume as resume_sweep
from ganlab.commands.sweep.plan import load_plan
from ganlab.commands.sweep.prepare import check_jobs, expanded
from ganlab.commands.sweep.run import Ready, print_summary, run_sweep
from ganlab.commands.sweep.sweeper import sweeper_of
from ganlab.config.compose import Composer
from ganlab.config.overrides import typed
from ganlab.config.paths import literal
from ganlab.errors import Refused
from ganlab.ranks import here
from ganlab.run_folder import RunFolder


def checked(
    composing: Composer,
    read: Sequence[Override],
    args: argparse.Namespace,
    flags: Sequence[str],
    program: str,
    text: str,
) -> Callable[[], int]:
    """Checks what was typed, creates the folder of the run or sweep, and returns the function that runs it and returns
    the exit code. ``text`` is the whole command. Raises UserError."""
    ranks, shows, command = here(), bool(args.cfg or args.info), Typed(program, text, args.config_dir)
    read, multirun = asked_for(composing, read, args.multirun)
    if multirun and ranks.count > 1:
        raise Refused([f"-m on {ranks.count} ranks: they train one run together; start the sweep without torchrun"])
    folder = sweep_to_resume(read)
    if multirun and folder is None:
        refuse_one_run(read)
    if folder is not None:
        with RunFolder(folder).held():
            sweep = resume_sweep(composing, read, folder, command)
        return lambda: run_sweep(sweep)
    if not multirun:
        return single_run(composing, read, args, flags, command, ranks)
    if runs_here(composing, read):
        if args.cfg == "job":
            jobs = expanded(composing, read)
            print(f"# job 0 of {len(jobs)}: {' '.join(one.lstrip('+') for one in jobs[0])}")
            return single_run(composing, composing.read(jobs[0]), args, flags, command, ranks)
        if not shows:
            sweep = new_sweep(composing, read, command)
            return lambda: run_sweep(sweep)
        read = [one for one in read if one.key_or_group != "jobs"]  # what is shown has no jobs
    return _sweep_of_hydra(composing, read, args, flags, command)


def _sweep_of_hydra(
    composing: Composer, read: Sequence[Override], args: argparse.Namespace, flags: Sequence[str], command: Typed
) -> Callable[[], int]:
    """Returns the function that lets Hydra run a sweep, or show its configuration."""
    overrides = _hydras_sweep(composing, read)
    flags = [*flags, *(["--multirun"] if not args.multirun else [])]
    shows = bool(args.cfg or args.info)

    def run() -> int:
        if not shows:
            overrides.append(folder_override(read, None, multirun=True))
        hand_to_hydra(command.program, [*flags, *overrides], hydra_job(Command(command.command, ()), None, []))
        return 0 if shows else print_summary(load_plan(folder_in(overrides[-1])), command.program)

    return run


def refuse_one_run(read: Sequence[Override], instead: str = "leave -m out") -> None:
    """Raises Refused for resume=… with one run in a sweep, with what to do ``instead``."""
    if (one := typed(read, "resume")) is not None:
        raise Refused([f"{one.input_line}: resume=… goes on with one run; {instead}"])


def new_sweep(composing: Composer, read: Sequence[Override], command: Typed) -> Ready:
    """Checks a sweep, creates its folder, and returns it. Raises UserError."""
    read = _with_found_branch(composing, read)
    jobs = expanded(composing, read)
    checked = check_jobs(composing, jobs, sweeper_of(composing, read))
    jobs_of(read, checked)
    if (one := typed(read, "hydra.sweep.dir")) is not None and "${" in str(one.value()):
        resolved = composing.sweep_folder(read)
        read = composing.read([*(other.input_line or "" for other in read), f"hydra.sweep.dir={literal(resolved)}"])
    folder = folder_in(folder_override(read, None, multirun=True))
    return begin_sweep(composing, read, folder, jobs, checked, command)


def _with_found_branch(composing: Composer, read: Sequence[Override]) -> list[Override]:
    """Returns the overrides with the run that branch=latest means now: later it would be a job of the sweep. Raises
    UserError."""
    one = typed(read, "branch")
    if one is None or "latest" not in (one.input_line or "").partition("=")[2].split(","):
        return list(read)
    if one.is_sweep_override():
        raise Refused([f"{one.input_line}: name the run that latest means; it is one of several here"])
    found = composing.read([f"branch={literal(str(run_folder.find('latest').path))}"])
    return [*(other for other in read if other.key_or_group != "branch"), *found]


def _hydras_sweep(composing: Composer, read: Sequence[Override]) -> list[str]:
    """Returns the overrides of a sweep that Hydra runs. Raises Refused if any job has a mistake, or if no job can run.
    Jobs whose settings cannot be combined are reported in advance and refused when they start."""
    sweeper = sweeper_of(composing, read)
    if (jobs := typed(read, "jobs")) is not None:
        raise Refused([
            f"{jobs.input_line}: it is for sweeps without hydra/sweeper and hydra/launcher; leave it out, and set the "
            "number of jobs in the launcher, such as hydra/launcher=joblib hydra.launcher.n_jobs=2"
        ])  # fmt: skip
    if (branch := typed(read, "branch")) is not None:
        raise Refused([f"{branch.input_line}: only sweeps without hydra/sweeper and hydra/launcher begin from a run"])
    overrides = composing.rewrite(read)
    check_jobs(composing, composing.jobs(overrides), sweeper)
    fixed = [one.key_or_group for one in read if not one.is_sweep_override() and not one.is_hydra_override()]
    return [*overrides, f"hydra.job.config.override_dirname.exclude_keys=[{','.join(fixed)}]"]
