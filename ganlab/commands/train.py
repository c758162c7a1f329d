"""`ganlab train`, `python train.py`: what was typed is checked, then Hydra runs the job, or the jobs of a sweep."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from ganlab import run_folder
from ganlab.commands.training_run import Outcome, ready, train
from ganlab.config import CannotCombine, Configuration, configure
from ganlab.config.compose import CONFIG_NAME, Composer, composer, config_folder, import_plugins, plugins_in
from ganlab.config.programs import refuse_saved_programs
from ganlab.config.resume import Change, resumed, table
from ganlab.errors import Refused, TrainingFailed, UserError, in_one_line
from ganlab.ranks import RankLost, Ranks, here, is_loss_of_a_rank, join, leave
from ganlab.run_folder import RunFolder

log = logging.getLogger("ganlab")

MOST_CHECKED = (
    256  # jobs of a sweep that are composed before the first one runs; the rest is checked when its turn comes
)

OmegaConf.register_new_resolver("ganlab_job_name", run_folder.job_name, replace=True)

_ended: list[RunFolder] = []  # by this process: a launcher may run jobs in others
_outcomes: list[Outcome] = []  # the same; what is kept where the disk is full


def main(arguments: Sequence[str] | None = None, program: str = "train.py") -> int:
    """Runs the command and returns its exit code: 0 done, 1 failed while running, 2 refused before anything was made,
    130 or 143 stopped by Ctrl-C or SIGTERM, after saving where training had begun. Where torchrun has started several
    processes they train one run together, and the first of them speaks and writes for all."""
    try:
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


def _speak_of_errors_alone(ranks: Ranks) -> None:
    handler = logging.StreamHandler()
    handler.setLevel(logging.ERROR)
    handler.setFormatter(logging.Formatter(f"rank {ranks.rank}: %(message)s"))
    log.addHandler(handler)
    log.propagate = False


def _main(arguments: list[str], program: str, ranks: Ranks) -> int:
    args = get_args_parser().parse_intermixed_args(arguments)  # `norm=batch -m seed=0,1` is natural to type
    flags = [argument for argument in arguments if argument not in args.overrides]
    if args.help or args.hydra_help:
        if ranks.first:
            _hand_to_hydra(program, flags)
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
            resume = _resumed_folder(read)
            if resume is not None:  # from here on this very folder, whatever `latest` may mean by then
                overrides.append(f"++resume={_quoted(str(resume.path))}")
            configuration = _check_job(composing, read, overrides, resume, look_at_data=not args.cfg)
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
    if not ranks.first:  # Hydra would make folders and logs of its own
        with composer(args.config_dir) as composing:
            return _exit_code_of(_run(lambda: composing, overrides, RunFolder(ranks.gathered(None)[0])))
    _hand_to_hydra(program, [*flags, *overrides])
    return 0 if shows else _exit_code(overrides[-1] if multirun else None)


def _refuse_flags(args: argparse.Namespace) -> None:
    """Hydra's flags that have no place here, before Hydra fails on them in its own way."""
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


def _hand_to_hydra(program: str, arguments: list[str]) -> None:
    sys.argv = [program, *arguments]
    hydra.main(config_path=str(config_folder()), config_name=CONFIG_NAME, version_base="1.3")(_job)()


# ---------------------------------------------------------------------------------------------- before a folder is made


def _resumed_folder(read: Sequence[Override]) -> RunFolder | None:
    named = [one.value() for one in read if one.key_or_group == "resume"]
    return run_folder.find(str(named[-1])) if named and named[-1] is not None else None


def _plain(
    composing: Composer, read: Sequence[Override], overrides: Sequence[str], resume: RunFolder | None
) -> tuple[dict[str, Any], list[Change]]:
    """The plain configuration of one job, and what it changes of the run that it resumes; a recipe's plugins are
    imported. Raises Refused."""
    changes: list[Change] = []
    plain = composing.plain(overrides)
    import_plugins(plugins_in(plain))
    if resume is not None:
        saved = resume.load_config()
        refuse_saved_programs(saved, read)
        plain, changes = resumed(composing, read, saved)
    elif plain.get("resume_override"):
        raise Refused(["resume_override=true goes with resume=…; leave it out, or name the run to go on with"])
    return plain, changes


def _check_job(
    composing: Composer,
    read: Sequence[Override],
    overrides: Sequence[str],
    resume: RunFolder | None,
    look_at_data: bool,
) -> Configuration:
    several = [one.input_line for one in read if one.is_sweep_override()]
    if several:
        raise Refused(
            [f"{text}: several values are a sweep, which needs -m; a list needs brackets" for text in several]
        )
    plain, _ = _plain(composing, read, overrides, resume)
    configuration = configure(plain, composing.suggestions)
    if look_at_data:
        ready(configuration.settings, resume)
    return configuration


def _check_sweep(composing: Composer, read: Sequence[Override], overrides: Sequence[str]) -> None:
    """Mistakes in any job refuse the sweep. Combinations that cannot run are what a sweep may meet: they are told, and
    their jobs refused when their turn comes, unless no job is left."""
    if any(one.key_or_group == "resume" for one in read):
        raise Refused(["resume=… goes on with one run; leave -m out"])
    jobs = composing.jobs(overrides)
    problems: list[str] = []
    refused: dict[str, CannotCombine] = {}
    for number, job in enumerate(jobs[:MOST_CHECKED]):
        try:
            plain, _ = _plain(composing, composing.read(job), job, None)
            settings = configure(plain, composing.suggestions).settings
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


def _folder_override(read: Sequence[Override], resume: RunFolder | None, multirun: bool) -> str:
    """Makes the folder of a run, or of a sweep, and returns the override that tells Hydra of it."""
    key = f"hydra.{'sweep' if multirun else 'run'}.dir"
    typed = next((one.value() for one in reversed(read) if one.key_or_group == key), None)
    if resume is not None:
        if typed is not None:
            raise Refused([f"{key}={typed}: resume=… goes on in the run's own folder; leave it out"])
        return f"{key}={_quoted(str(resume.path))}"
    if typed is None:
        folder = run_folder.make_sweep() if multirun else run_folder.make([one.input_line or "" for one in read])
        return f"{key}={_quoted(str(folder))}"
    if not isinstance(typed, str) or not typed:
        raise Refused([f"{key}={typed}: need a folder"])
    if list(Path(typed).glob("config.yaml")) or list(Path(typed).glob("*/config.yaml")):
        hint = "choose another folder" if multirun else f"type resume={typed} to go on with it, or another folder"
        raise Refused([f"{key}={typed}: there is a run already; {hint}"])
    if "${" not in typed:  # otherwise Hydra knows what it will be
        try:
            Path(typed).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Refused([f"{key}={typed}: no folder can be made there ({error.strerror})"]) from None
        if not os.access(typed, os.W_OK):
            raise Refused([f"{key}={typed}: nothing can be written there; choose another folder"])
    return f"{key}={_quoted(typed)}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# -------------------------------------------------------------------------------------------------------------- the job


def _job(composed: DictConfig) -> None:
    """What Hydra runs, once or for each job of a sweep. Its folder tells how it ended; nothing is raised, so that the
    next job runs too, and nothing of this one stays in memory."""
    logging.raiseExceptions = False  # train.log on a full disk: its lines are lost, and no traceback takes their place
    outcome = _attempt()
    _outcomes.append(outcome)
    if outcome.status == "stopped" and HydraConfig.get().mode == RunMode.MULTIRUN:
        raise KeyboardInterrupt(outcome.facts["exit_code"])


def _attempt() -> Outcome:
    job = HydraConfig.get()
    folder = RunFolder(run_folder.shown(Path(job.runtime.output_dir)))
    _ended.append(folder)
    if (folder.path / "config.yaml").exists() and job.mode == RunMode.MULTIRUN:
        log.error("%s: there is a run already; leave hydra.sweep.subdir to ganlab", folder.path)
        return Outcome("refused")
    here().gathered(str(folder.path))  # the others wait for its name
    outcome = _run(Composer, list(job.overrides.task), folder)
    try:
        folder.save_status(outcome.status, outcome.reason, **outcome.facts)
    except OSError as error:
        log.error("%s: how it ended could not be written (%s)", folder.path, in_one_line(error))
    return outcome


def _run(composed: Callable[[], Composer], overrides: list[str], folder: RunFolder) -> Outcome:
    """Trains in ``folder`` what is composed of ``overrides``, and says how that ended."""
    try:
        composing = composed()
        read = composing.read(overrides)
        resume = _resumed_folder(read)
        plain, changes = _plain(composing, read, overrides, resume)
        if resume is None and here().first:
            folder.save_config(plain)  # what was asked for, also where it is refused
        configuration = configure(plain, composing.suggestions)
        if changes:
            log.info("Changed on resume:\n%s", table(changes))
        outcome = train(configuration, folder, resume)
    except TrainingFailed as error:
        outcome = Outcome("failed", str(error))
        # All ranks find the same; where it was the first one that was lost, the second tells.
        if here().first or (here().rank == 1 and isinstance(error, RankLost)):
            log.error("%s", error)
    except UserError as error:
        outcome = Outcome("refused", str(error))
        log.error("%s", error)
    except OSError as error:  # a full disk, a folder that was taken away or may not be written to
        where = f"{error.filename}: " if error.filename else ""
        outcome = Outcome("failed", f"{where}{error.strerror or in_one_line(error)}")
        log.error("%s. Nothing of what was saved before is lost; see to the disk or the folder", outcome.reason)
    except KeyboardInterrupt:  # the second one, which does not wait for the step and its checkpoint
        if here().first:
            with contextlib.suppress(OSError):
                folder.save_status("stopped", "left at once, after its last checkpoint", exit_code=130)
        raise
    except Exception as error:
        if is_loss_of_a_rank(error):
            log.error("Another rank ended while this one made itself ready.")
            return Outcome("failed", "another rank ended before training began")
        # Ours, not the person's: all of it goes into the log, and a sweep goes on.
        outcome = Outcome("failed", f"{type(error).__name__}: {error}")
        log.exception("This run failed.")
    return outcome


def _exit_code_of(outcome: Outcome) -> int:
    exits = {"finished": 0, "refused": 2, "stopped": int(outcome.facts.get("exit_code", 130))}
    return exits.get(outcome.status, 1)


def _exit_code(sweep: str | None) -> int:
    """The exit code of the jobs that ran; of a sweep with a summary, since it may be long past."""
    if sweep is None:
        return _exit_code_of(_outcomes[-1])
    folder = Path(sweep.partition("=")[2].strip('"'))
    found = sorted(folder.glob("*/status.json"), key=lambda path: (len(path.parent.name.split("-")[0]), path))
    folders = [RunFolder(path.parent) for path in found] or _ended
    ended = {one.path.name: one.status() for one in folders}
    counts = {
        word: sum(status["status"] == word for status in ended.values()) for word in ("finished", "refused", "failed")
    }
    print(f"\n{', '.join(f'{count} {word}' for word, count in counts.items() if count)} in {folder}")
    for name, status in ended.items():
        if status["status"] != "finished":
            print(f"  {name}: {status['status']}: {' '.join(status['reason'].split())}")
    print("Look at them side by side: tensorboard --logdir", folder)
    return 1 if counts["failed"] else 0 if counts["finished"] else 2
