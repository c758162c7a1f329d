"""One job, as Hydra runs it: its configuration, its folder, how it ended, and what exit code that is."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from ganlab import run_folder
from ganlab.commands.training_run import Outcome, train
from ganlab.config import configure
from ganlab.config.compose import Composer, import_plugins, plugins_in
from ganlab.config.programs import refuse_saved_programs
from ganlab.config.resume import Change, resumed, table
from ganlab.errors import Refused, TrainingFailed, UserError, in_one_line
from ganlab.ranks import RankLost, here, is_loss_of_a_rank
from ganlab.run_folder import InUse, RunFolder

log = logging.getLogger("ganlab")

OmegaConf.register_new_resolver("ganlab_job_name", run_folder.job_name, replace=True)

_ended: list[RunFolder] = []  # by this process: a launcher may run jobs in others
_outcomes: list[Outcome] = []  # the same; what is kept where the disk is full


def resumed_folder(read: Sequence[Override]) -> RunFolder | None:
    """The run to go on with, where one was typed. Raises UserError where there is none of that name."""
    named = [one.value() for one in read if one.key_or_group == "resume"]
    return run_folder.find(str(named[-1])) if named and named[-1] is not None else None


def plain_configuration(
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


def hydra_job(composed: DictConfig) -> None:
    """What Hydra runs, once or for each job of a sweep. Its folder tells how it ended; nothing is raised, so that the
    next job runs too, and nothing of this one stays in memory."""
    logging.raiseExceptions = False  # train.log on a full disk: its lines are lost, and no traceback takes their place
    outcome = _attempt()
    _outcomes.append(outcome)
    if outcome.status == "stopped" and HydraConfig.get().mode == RunMode.MULTIRUN:
        raise KeyboardInterrupt(outcome.facts["exit_code"])


def _attempt() -> Outcome:
    hydra = HydraConfig.get()
    folder = RunFolder(run_folder.shown(Path(hydra.runtime.output_dir)))
    _ended.append(folder)
    if (folder.path / "config.yaml").exists() and hydra.mode == RunMode.MULTIRUN:
        log.error("%s: there is a run already; leave hydra.sweep.subdir to ganlab", folder.path)
        return Outcome("refused")
    try:
        with folder.held():
            here().gathered(str(folder.path))  # the others wait for its name
            outcome = run(Composer, list(hydra.overrides.task), folder)
            _save_status(folder, outcome)
            return outcome
    except InUse as error:  # since this was looked at before Hydra began; the folder's status is the other's
        here().gathered(None)
        log.error("%s", error)
        return Outcome("refused", str(error))


def _save_status(folder: RunFolder, outcome: Outcome) -> None:
    try:
        folder.save_status(outcome.status, outcome.reason, **outcome.facts)
    except OSError as error:
        log.error("%s: how it ended could not be written (%s)", folder.path, in_one_line(error))


def run(composed: Callable[[], Composer], overrides: list[str], folder: RunFolder) -> Outcome:
    """Trains in ``folder`` what is composed of ``overrides``, and says how that ended."""
    try:
        composing = composed()
        read = composing.read(overrides)
        resume = resumed_folder(read)
        plain, changes = plain_configuration(composing, read, overrides, resume)
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


def exit_code_of(outcome: Outcome) -> int:
    exits = {"finished": 0, "refused": 2, "stopped": int(outcome.facts.get("exit_code", 130))}
    return exits.get(outcome.status, 1)


def exit_code(sweep: str | None) -> int:
    """The exit code of the jobs that ran; of a sweep with a summary, since it may be long past."""
    if sweep is None:
        return exit_code_of(_outcomes[-1])
    folder = Path(sweep.partition("=")[2].strip('"'))
    found = sorted(folder.glob("*/status.json"), key=lambda path: (len(path.parent.name.split("-")[0]), path))
    folders = [RunFolder(path.parent) for path in found] or _ended
    ended = {one.path.name: one.status() for one in folders}
    for status in ended.values():
        if status["status"] == "running":  # none is any more
            status["status"] = "killed"
    words = ("finished", "refused", "failed", "stopped", "killed")
    counts = {word: sum(status["status"] == word for status in ended.values()) for word in words}
    print(f"\n{', '.join(f'{count} {word}' for word, count in counts.items() if count)} in {folder}")
    for name, status in ended.items():
        if status["status"] != "finished":
            print(f"  {name}: {status['status']}: {' '.join(status['reason'].split())}")
    print("Look at them side by side: tensorboard --logdir", folder)
    return 1 if counts["failed"] else 0 if counts["finished"] else 2
