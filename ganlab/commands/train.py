"""`ganlab train`, `python train.py`: checks what was typed, and then runs the job, or the jobs of a sweep, with
Hydra."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from ganlab.commands.arguments import without_dashes
from ganlab.commands.job import Command, hand_to_hydra, hydra_job
from ganlab.commands.new_folder import folder_in, folder_override
from ganlab.commands.output import write_out_odd_letters
from ganlab.commands.program import command_text
from ganlab.commands.signals import stopped_by_sigterm
from ganlab.commands.single_run import single_run
from ganlab.commands.sweep.asked import asked_for, runs_here, sweep_to_resume
from ganlab.commands.sweep.begin import Typed, jobs_of
from ganlab.commands.sweep.begin import begin as begin_sweep
from ganlab.commands.sweep.begin import resume as resume_sweep
from ganlab.commands.sweep.plan import load_plan
from ganlab.commands.sweep.prepare import check_jobs, expanded, typed
from ganlab.commands.sweep.run import Ready, print_summary, run_sweep
from ganlab.commands.sweeper import sweeper_of
from ganlab.commands.words import hydra_help, refuse_flags, refuse_what_is_no_text
from ganlab.config.compose import Composer, composer
from ganlab.config.paths import expand_flags, literal
from ganlab.errors import Refused, TrainingFailed, UserError
from ganlab.ranks import Ranks, here, is_loss_of_a_rank, join, leave
from ganlab.run_folder import RunFolder

log = logging.getLogger("ganlab")


def main(arguments: Sequence[str] | None = None, program: str = "train.py") -> int:
    """Runs the command and returns its exit code: 0 done, 1 failed while running, 2 refused before anything was
    written, 130 or 143 stopped by Ctrl-C or SIGTERM, after saving a checkpoint if training had begun. If torchrun has
    started several processes, they train one run together, and rank 0 alone prints and writes files."""
    write_out_odd_letters()
    try:
        with stopped_by_sigterm():
            ranks = join()
            if not ranks.first:
                _print_errors_only(ranks)
            code = _main(list(sys.argv[1:] if arguments is None else arguments), program, ranks)
            leave(wait=code not in (1, 2))
            return code
    except UserError as error:
        if here().first:
            print(error, file=sys.stderr)
        return 1 if isinstance(error, TrainingFailed) else 2
    except KeyboardInterrupt as stop:
        if here().first:
            print("Stopped.", file=sys.stderr)
        return int(stop.args[0]) if stop.args else 130
    except RuntimeError as error:
        if not is_loss_of_a_rank(error):
            raise
        print(f"rank {here().rank}: another rank ended before training had begun, or after it", file=sys.stderr)
        return 1


def _print_errors_only(ranks: Ranks) -> None:
    handler = logging.StreamHandler()
    handler.setLevel(logging.ERROR)
    handler.setFormatter(logging.Formatter(f"rank {ranks.rank}: %(message)s"))
    log.addHandler(handler)
    log.propagate = False


def _main(arguments: list[str], program: str, ranks: Ranks) -> int:
    refuse_what_is_no_text(arguments)
    # Intermixed, because users type `norm=batch -m seed=0,1`.
    arguments = expand_flags(arguments)
    args, unknown = get_args_parser().parse_known_intermixed_args(arguments)
    if unknown:
        raise Refused([f"{flag}: there is no such flag; type {without_dashes(flag, arguments)}" for flag in unknown])
    flags = [argument for argument in arguments if argument not in args.overrides]
    if args.hydra_help:
        with composer(args.config_dir) as composing:
            if ranks.first:
                print(hydra_help(composing.hydra_options()), end="")
        return 0
    if args.help:
        if ranks.first:
            hand_to_hydra(program, flags, _no_job)
        return 0
    refuse_flags(args)
    command = Typed(program, command_text(program, arguments), args.config_dir)
    shows = bool(args.cfg or args.info)
    sweep: Ready | None = None
    with composer(args.config_dir) as composing, ranks.together():
        read, multirun = asked_for(composing, composing.read(args.overrides), args.multirun)
        if multirun and ranks.count > 1:
            raise Refused([f"-m on {ranks.count} ranks: they train one run together; start the sweep without torchrun"])
        folder = sweep_to_resume(read)
        if multirun and folder is None:
            refuse_one_run(read)
        if folder is not None:
            with RunFolder(folder).held():
                sweep = resume_sweep(composing, read, folder, command)
        elif multirun and runs_here(composing, read) and not shows:
            sweep = new_sweep(composing, read, command)
        elif multirun:
            overrides = _hydras_sweep(composing, read)
        else:
            train = single_run(composing, read, args, flags, command, ranks)
    if not multirun and sweep is None:
        return train()
    if sweep is not None:
        return run_sweep(sweep)
    flags = [*flags, *(["--multirun"] if not args.multirun else [])]
    if not shows:
        overrides.append(folder_override(read, None, multirun=True))
    hand_to_hydra(program, [*flags, *overrides], hydra_job(Command(command.command, ()), None, []))
    return 0 if shows else print_summary(load_plan(folder_in(overrides[-1])), program)


def refuse_one_run(read: Sequence[Override], instead: str = "leave -m out") -> None:
    """Raises Refused for settings of a sweep that name one run, with what to do ``instead``."""
    reasons = {"resume": "resume=… goes on with one run", "branch": "branch=… begins one run"}
    named = {key: one for key in reasons if (one := typed(read, key)) is not None}
    if named:
        raise Refused([f"{one.input_line}: {reasons[key]}; {instead}" for key, one in named.items()])


def new_sweep(composing: Composer, read: Sequence[Override], command: Typed) -> Ready:
    """Checks a sweep, creates its folder, and returns it. Raises Refused."""
    jobs = expanded(composing, read)
    checked = check_jobs(composing, jobs, sweeper_of(composing, read))
    jobs_of(read, checked)
    if (one := typed(read, "hydra.sweep.dir")) is not None and "${" in str(one.value()):
        resolved = composing.sweep_folder(read)
        read = composing.read([*(other.input_line or "" for other in read), f"hydra.sweep.dir={literal(resolved)}"])
    folder = folder_in(folder_override(read, None, multirun=True))
    return begin_sweep(composing, read, folder, jobs, checked, command)


def _no_job(composed: DictConfig) -> None:
    """The job of ``--help``, which is not run."""


def _hydras_sweep(composing: Composer, read: Sequence[Override]) -> list[str]:
    """Returns the overrides of a sweep that Hydra runs. Raises Refused if any job has a mistake, or if no job can run.
    Jobs whose settings cannot be combined are reported in advance and refused when they start."""
    sweeper = sweeper_of(composing, read)
    if (jobs := typed(read, "jobs")) is not None:
        raise Refused([
            f"{jobs.input_line}: it is for sweeps without hydra/sweeper and hydra/launcher; leave it out, and set the "
            "number of jobs in the launcher, such as hydra/launcher=joblib hydra.launcher.n_jobs=2"
        ])  # fmt: skip
    overrides = composing.rewrite(read)
    check_jobs(composing, composing.jobs(overrides), sweeper)
    fixed = [one.key_or_group for one in read if not one.is_sweep_override() and not one.is_hydra_override()]
    return [*overrides, f"hydra.job.config.override_dirname.exclude_keys=[{','.join(fixed)}]"]
