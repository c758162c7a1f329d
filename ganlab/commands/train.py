"""`ganlab train`, `python train.py`: checks what was typed, and then runs the job, or the jobs of a sweep, with
Hydra."""

from __future__ import annotations

import argparse
import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from ganlab import run_folder
from ganlab.commands.arguments import without_dashes
from ganlab.commands.branch import Branch, branch_of
from ganlab.commands.job import (
    Command,
    Ended,
    Resume,
    command_text,
    exit_code_of,
    hand_to_hydra,
    hydra_job,
    plain_configuration,
    resume_of,
    run,
)
from ganlab.commands.output import write_out_odd_letters
from ganlab.commands.sweep.asked import asked_for, runs_here, sweep_to_resume
from ganlab.commands.sweep.begin import Typed, jobs_of
from ganlab.commands.sweep.begin import begin as begin_sweep
from ganlab.commands.sweep.begin import resume as resume_sweep
from ganlab.commands.sweep.plan import load_plan
from ganlab.commands.sweep.prepare import check_jobs, expanded, typed
from ganlab.commands.sweep.run import Ready, print_summary, run_sweep
from ganlab.commands.sweeper import sweeper_of
from ganlab.commands.training_run import AlreadyDone, ready
from ganlab.config import Configuration, configure
from ganlab.config.compose import Composer, composer
from ganlab.config.paths import expand_flags, literal, quoted, single_hint, value_of
from ganlab.errors import Refused, TrainingFailed, UserError
from ganlab.ranks import Ranks, here, is_loss_of_a_rank, join, leave
from ganlab.run_folder import RunFolder

log = logging.getLogger("ganlab")

HALF_A_LETTER = re.compile("[\ud800-\udfff]")


def main(arguments: Sequence[str] | None = None, program: str = "train.py") -> int:
    """Runs the command and returns its exit code: 0 done, 1 failed while running, 2 refused before anything was
    written, 130 or 143 stopped by Ctrl-C or SIGTERM, after saving a checkpoint if training had begun. If torchrun has
    started several processes, they train one run together, and rank 0 alone prints and writes files."""
    write_out_odd_letters()
    try:
        with _stopped_by_sigterm():
            ranks = join()
            if not ranks.first:
                _speak_of_errors_alone(ranks)
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


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Returns a context in which SIGTERM stops the command as Ctrl-C does, with exit code 143, so that the status of
    a run is written."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(128 + number)

    main_thread = threading.current_thread() is threading.main_thread()
    if ours := main_thread and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        if ours and signal.getsignal(signal.SIGTERM) is stop:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _speak_of_errors_alone(ranks: Ranks) -> None:
    handler = logging.StreamHandler()
    handler.setLevel(logging.ERROR)
    handler.setFormatter(logging.Formatter(f"rank {ranks.rank}: %(message)s"))
    log.addHandler(handler)
    log.propagate = False


def _main(arguments: list[str], program: str, ranks: Ranks) -> int:
    _refuse_what_is_no_text(arguments)
    # Intermixed, because users type `norm=batch -m seed=0,1`.
    arguments = expand_flags(arguments)
    args, unknown = get_args_parser().parse_known_intermixed_args(arguments)
    if unknown:
        raise Refused([f"{flag}: there is no such flag; type {without_dashes(flag, arguments)}" for flag in unknown])
    flags = [argument for argument in arguments if argument not in args.overrides]
    if args.help or args.hydra_help:
        if ranks.first:
            hand_to_hydra(program, flags, _no_job)
        return 0
    _refuse_flags(args)
    command = Typed(program, command_text(program, arguments), args.config_dir)
    shows = bool(args.cfg or args.info)
    sweep: Ready | None = None
    with composer(args.config_dir) as composing, ranks.together():
        read, multirun = asked_for(composing, composing.read(args.overrides), args.multirun)
        if multirun and ranks.count > 1:
            raise Refused([f"-m on {ranks.count} ranks: they train one run together; start the sweep without torchrun"])
        if (folder := sweep_to_resume(read)) is not None:
            with RunFolder(folder).held():
                sweep = resume_sweep(composing, read, folder, command)
        elif multirun and runs_here(composing, read) and not shows:
            sweep = _new_sweep(composing, read, command)
        elif multirun:
            overrides = _hydras_sweep(composing, read)
        else:
            train = _single_run(composing, read, args, flags, command, ranks)
    if not multirun and sweep is None:
        return train()
    if sweep is not None:
        return run_sweep(sweep)
    flags = [*flags, *(["--multirun"] if not args.multirun else [])]
    if not shows:
        overrides.append(_folder_override(read, None, multirun=True))
    hand_to_hydra(program, [*flags, *overrides], hydra_job(Command(command.command, ()), None, []))
    return 0 if shows else print_summary(load_plan(_folder_in(overrides[-1])))


def _single_run(
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
    if (branch := branch_of(read)) is not None:
        configuration = _check_branch(composing, read, overrides, branch, look_at_data=not args.cfg)
    resume = resume_of(read, _typed_folder(composing, read))
    if resume is not None and ranks.first:
        resume.folder.need_free()
    try:
        if branch is None:
            configuration = _check_job(composing, read, overrides, resume, look_at_data=not args.cfg)
    except AlreadyDone as done:
        if resume is None or not resume.auto:
            raise
        print(str(done).partition(";")[0])  # a requeued job of a cluster ends without an error
        return lambda: 0
    if args.cfg == "job":
        if ranks.first:
            print(run_folder.as_yaml(configuration.plain()), end="")
        return lambda: 0
    if shows and not ranks.first:
        return lambda: 0
    if not shows and ranks.first:
        overrides.append(_folder_override(read if branch is None else branch.named(read), resume, multirun=False))
        if branch is not None:
            branch.copy(RunFolder(_folder_in(overrides[-1])))

    def train() -> int:
        if not ranks.first:  # Hydra would create folders and logs for each rank
            with composer(args.config_dir) as composing:
                folder = ranks.gathered(None)[0]
                begun = resume if branch is None else Resume(RunFolder(folder), branch=True)
                return exit_code_of(run(lambda: composing, overrides, RunFolder(folder), begun)) if folder else 2
        ended: list[Ended] = []
        begun = resume if branch is None or shows else Resume(RunFolder(_folder_in(overrides[-1])), branch=True)
        origin = branch.facts if branch else {}
        job = hydra_job(Command(command.command, tuple(args.overrides), origin=origin), begun, ended)
        hand_to_hydra(command.program, [*flags, *overrides], job)
        return 0 if shows else exit_code_of(ended[-1].outcome)

    return train


def _check_branch(
    composing: Composer, read: Sequence[Override], overrides: Sequence[str], branch: Branch, look_at_data: bool
) -> Configuration:
    """Returns the configuration of a run that begins from a checkpoint of another one. Raises UserError."""
    with branch.staged() as staged:
        try:
            return _check_job(composing, read, overrides, Resume(staged, branch=True), look_at_data)
        except AlreadyDone:
            raise Refused([
                f"branch={branch.path}: it was saved at the last step, {branch.step:,}; type steps={2 * branch.step} "
                "to train as many steps more, or name an earlier checkpoint"
            ]) from None  # fmt: skip
        except Refused:
            raise
        except UserError as error:
            sentence = str(error).replace(str(staged.path), str(branch.path))
            instead = "its weights do not fit these settings, such as the size or the channels of the images"
            raise UserError(sentence.replace("its checkpoint does not fit its config.yaml", instead)) from None


def _new_sweep(composing: Composer, read: Sequence[Override], command: Typed) -> Ready:
    """Checks a sweep, creates its folder, and returns it. Raises Refused."""
    jobs = expanded(composing, read)
    checked = check_jobs(composing, jobs, sweeper_of(composing, read))
    jobs_of(read, checked)
    if (one := typed(read, "hydra.sweep.dir")) is not None and "${" in str(one.value()):
        resolved = composing.sweep_folder(read)
        read = composing.read([*(other.input_line or "" for other in read), f"hydra.sweep.dir={literal(resolved)}"])
    folder = _folder_in(_folder_override(read, None, multirun=True))
    return begin_sweep(composing, read, folder, jobs, checked, command)


def _folder_in(override: str) -> Path:
    return Path(str(value_of(OverridesParser.create().parse_override(override))))


def _refuse_what_is_no_text(arguments: Sequence[str]) -> None:
    """Raises Refused for arguments with bytes that are not characters: Python represents each as a lone surrogate,
    which no saved setting and no log can contain."""
    problems = []
    for argument in arguments:
        if half := HALF_A_LETTER.search(argument):
            encoding = sys.getfilesystemencoding()
            hint = "type letters, or rename what it names" if encoding == "utf-8" else "set PYTHONUTF8=1"
            problems.append(
                f"{HALF_A_LETTER.sub(_written_out, argument)[:300]}: found {_written_out(half)}, which is no letter in "
                f"{encoding}, and settings are kept as text; {hint}"
            )
    if problems:
        raise Refused(problems)


def _written_out(half: re.Match[str]) -> str:
    number = ord(half[0])
    return f"\\x{number - 0xDC00:02x}" if 0xDC80 <= number <= 0xDCFF else f"\\u{number:04x}"


def _refuse_flags(args: argparse.Namespace) -> None:
    """Raises Refused for Hydra's flags that ganlab does not support, before Hydra fails on them."""
    problems = [
        f"{flag}: {reason}"
        for given, flag, reason in (
            (
                args.config_name,
                "--config-name",
                "there is one, train; your own recipes: --config-dir FOLDER experiment=NAME",
            ),
            (args.config_path, "--config-path", "ganlab brings its configs; your own beside them: --config-dir FOLDER"),
            (args.experimental_rerun, "--experimental-rerun", "it would unpickle a file; type resume=RUN"),
            (args.shell_completion, "--shell-completion", "it is called by the shell; see --hydra-help"),
            (args.run and args.multirun, "--run", "it cannot go with --multirun"),
            (args.resolve and not args.cfg, "--resolve", "it goes with --cfg only"),
            (args.cfg and args.multirun, "--cfg", "it shows one job; leave --multirun out"),
        )
        if given
    ]
    if problems:
        raise Refused(problems)


def _no_job(composed: DictConfig) -> None:
    """The job of ``--help``, which is not run."""


def _typed_folder(composing: Composer, read: Sequence[Override]) -> Path | None:
    """Returns the folder that was typed as hydra.run.dir, with its ``${…}`` resolved, or None."""
    typed = [one.value() for one in read if one.key_or_group == "hydra.run.dir"]
    if not typed or not isinstance(typed[-1], str) or not typed[-1]:
        return None
    return Path(composing.run_folder(read) if "${" in typed[-1] else typed[-1])


# ---------------------------------------------------------------------------------- checks before a folder is created


def _check_job(
    composing: Composer,
    read: Sequence[Override],
    overrides: Sequence[str],
    resume: Resume | None,
    look_at_data: bool,
) -> Configuration:
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
    return configuration


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


def _folder_override(read: Sequence[Override], resume: Resume | None, multirun: bool) -> str:
    """Creates the folder of a run, or of a sweep, and returns the override that passes it to Hydra."""
    key = f"hydra.{'sweep' if multirun else 'run'}.dir"
    typed = next((one.value() for one in reversed(read) if one.key_or_group == key), None)
    if resume is not None:
        if typed is not None and not resume.auto:
            raise Refused([f"{key}={typed}: resume=… goes on in the run's own folder; leave it out"])
        if (said := resume.folder.path / "train.log").exists() and not (said.is_file() and os.access(said, os.W_OK)):
            raise Refused([f"{said}: nothing can be written there; make it writable, or take it away"])
        return f"{key}={quoted(str(resume.folder.path))}"
    if typed is None:
        folder = run_folder.make_sweep() if multirun else run_folder.make([one.input_line or "" for one in read])
        return f"{key}={quoted(str(folder))}"
    if not isinstance(typed, str) or not typed:
        raise Refused([f"{key}={typed}: need a folder"])
    if list(Path(typed).glob("config.yaml")) or list(Path(typed).glob("*/config.yaml")):
        hint = "choose another folder" if multirun else "type resume=auto too to go on with it, or another folder"
        raise Refused([f"{key}={typed}: there is a run already; {hint}"])
    if "${" not in typed:  # otherwise Hydra resolves and creates it
        try:
            Path(typed).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Refused([f"{key}={typed}: no folder can be made there ({error.strerror})"]) from None
        if not os.access(typed, os.W_OK):
            raise Refused([f"{key}={typed}: nothing can be written there; choose another folder"])
    return f"{key}={quoted(typed)}"
