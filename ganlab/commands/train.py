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

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from ganlab import run_folder
from ganlab.commands.arguments import without_dashes
from ganlab.commands.job import (
    Command,
    Ended,
    Resume,
    exit_code,
    exit_code_of,
    hydra_job,
    plain_configuration,
    resume_of,
    run,
)
from ganlab.commands.output import write_out_odd_letters
from ganlab.commands.sweeper import sweeper_of
from ganlab.commands.training_run import AlreadyDone, ready
from ganlab.config import CannotCombine, Configuration, configure
from ganlab.config.compose import Composer, composer, config_folder
from ganlab.config.explain import CONFIG_NAME
from ganlab.config.paths import expand_flags, quoted, single_hint
from ganlab.errors import Refused, TrainingFailed, UserError
from ganlab.ranks import Ranks, here, is_loss_of_a_rank, join, leave
from ganlab.run_folder import RunFolder

log = logging.getLogger("ganlab")

# The most jobs of a sweep that are checked before the first one runs; each further job is checked before it runs.
MOST_CHECKED = 256

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
    args, unknown = get_args_parser().parse_known_intermixed_args(arguments)
    if unknown:
        raise Refused([f"{flag}: there is no such flag; type {without_dashes(flag, arguments)}" for flag in unknown])
    flags = [argument for argument in expand_flags(arguments) if argument not in args.overrides]
    if args.help or args.hydra_help:
        if ranks.first:
            _hand_to_hydra(program, flags, _no_job)
        return 0
    _refuse_flags(args)
    multirun = args.multirun or "hydra.mode=MULTIRUN" in args.overrides
    if multirun and ranks.count > 1:
        raise Refused([f"-m on {ranks.count} ranks: they train one run together; start the sweep without torchrun"])
    with composer(args.config_dir) as composing, ranks.together():
        read = composing.read(args.overrides)
        overrides = composing.rewrite(read)
        if multirun:
            _check_sweep(composing, read, overrides)
            fixed = [one.key_or_group for one in read if not one.is_sweep_override() and not one.is_hydra_override()]
            overrides.append(f"hydra.job.config.override_dirname.exclude_keys=[{','.join(fixed)}]")
            resume = None
        else:
            resume = resume_of(read, _typed_folder(composing, read))
            if resume is not None and ranks.first:
                resume.folder.need_free()
            try:
                configuration = _check_job(composing, read, overrides, resume, look_at_data=not args.cfg)
            except AlreadyDone as done:
                if resume is None or not resume.auto:
                    raise
                print(str(done).partition(";")[0])  # a requeued job of a cluster ends without an error
                return 0
    shows = args.cfg or args.info
    if shows and not ranks.first:
        return 0
    if args.cfg == "job" and not multirun:
        print(run_folder.as_yaml(configuration.plain()), end="")
        return 0
    if not shows:
        with ranks.together():
            if ranks.first:
                overrides.append(_folder_override(read, resume, multirun))
    if not ranks.first:  # Hydra would create folders and logs for each rank
        with composer(args.config_dir) as composing:
            folder = ranks.gathered(None)[0]
            return exit_code_of(run(lambda: composing, overrides, RunFolder(folder), resume)) if folder else 2
    ended: list[Ended] = []
    command = Command(program, tuple(arguments), tuple(args.overrides))
    _hand_to_hydra(program, [*flags, *overrides], hydra_job(command, resume, ended))
    return 0 if shows else exit_code(ended, overrides[-1] if multirun else None)


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


def _hand_to_hydra(program: str, arguments: list[str], job: Callable[[DictConfig], float | None]) -> None:
    """Runs ``job`` with Hydra: once, or for each job of a sweep."""
    sys.argv = [program, *arguments]
    hydra.main(config_path=str(config_folder()), config_name=CONFIG_NAME, version_base="1.3")(job)()


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


def _check_sweep(composing: Composer, read: Sequence[Override], overrides: Sequence[str]) -> None:
    """Raises Refused if any job of a sweep has a mistake, or if no job can run. Jobs whose settings cannot be
    combined are reported in advance and refused when they start."""
    if any(one.key_or_group == "resume" for one in read):
        raise Refused(["resume=… goes on with one run; leave -m out"])
    sweeper = sweeper_of(composing, read)
    jobs = composing.jobs(overrides)
    problems = sweeper.problems()
    refused: dict[str, CannotCombine] = {}
    for number, job in enumerate(jobs[:MOST_CHECKED]):
        try:
            plain, _ = plain_configuration(composing, composing.read(job), job, None)
            settings = configure(plain, composing.suggestions).settings
            problems += sweeper.problems_with(settings)
            try:
                ready(settings, None)
            except UserError as error:
                raise CannotCombine([str(error)]) from None
        except CannotCombine as error:
            refused[f"job {number} ({' '.join(one.lstrip('+') for one in job)})"] = error
        except Refused as error:
            problems += error.problems
    if problems:
        raise Refused(problems)
    if len(refused) == len(jobs):
        raise Refused([problem for refusal in refused.values() for problem in refusal.problems])
    for name, refusal in refused.items():
        print(f"{name} will be refused: {'; '.join(refusal.problems)}", file=sys.stderr)


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
