"""One job that Hydra runs: its configuration, its folder, how it ends, its score for a sweeper, and its exit code."""

from __future__ import annotations

import contextlib
import logging
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from ganlab import run_folder
from ganlab.commands.launch.prepared import Prepared, Resume, options_in, plain_configuration
from ganlab.commands.launch.provenance import Provenance
from ganlab.commands.launch.ready import AlreadyDone
from ganlab.commands.launch.training_run import Outcome, train
from ganlab.commands.terminal.program import resuming
from ganlab.config import configure
from ganlab.config.compose import Composer
from ganlab.config.resume import table
from ganlab.errors import Diagnosed, Diverged, TrainingFailed, UserError, in_one_line
from ganlab.monitor.hparams import write_result
from ganlab.ranks import RankLost, here, is_loss_of_a_rank
from ganlab.run_folder import InUse, RunFolder
from ganlab.training import checkpoint

log = logging.getLogger("ganlab")

# Groups and keys that change nothing of what is trained, and so tell no run from another.
SILENT = ("hydra", "resume", "branch", "logging", "checkpoint", "plugins", "jobs", "runtime", "rules", "data.root")

OmegaConf.register_new_resolver("ganlab_job_name", run_folder.job_name, replace=True)

WORST = math.inf
"""The score that a sweeper gets for a run without one, since it diverged, failed or was refused: lower is better."""


@dataclass(frozen=True)
class Command:
    """The typed command, for the provenance of a run: the ``text`` of the whole command, and the run's ``overrides``.
    ``varied`` are its values of the keys that vary in its sweep, ``origin`` the run and
    the checkpoint from which it begins."""

    text: str
    overrides: tuple[str, ...]
    varied: Mapping[str, str] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Ended:
    """A job that ended, in this process: some launchers run jobs in others."""

    folder: RunFolder
    outcome: Outcome


def hydra_job(
    command: Command, resume: Resume | None, ended: list[Ended], prepared: Prepared | None = None
) -> Callable[[DictConfig], float | None]:
    """Returns the function that Hydra runs, once or for each job of a sweep. It appends to ``ended`` how the job ended,
    and returns the score for a sweeper that searches: the best one of the run (FID or KID, lower is better), infinity
    for a run without one. It raises nothing but KeyboardInterrupt, so that the next job runs too. ``prepared`` is the
    one run that there is, if it was checked already."""

    def run_job(composed: DictConfig) -> float | None:
        logging.raiseExceptions = False  # on a full disk the lines of train.log are lost, without a traceback for each
        own = HydraConfig.get()
        os.chdir(own.runtime.cwd)  # with hydra.job.chdir=true too, paths begin where the command was typed
        folder = RunFolder(run_folder.shown(Path(own.runtime.output_dir)))
        several = own.mode == RunMode.MULTIRUN
        overrides = list(own.overrides.task)
        typed = [one.lstrip("+") for one in overrides] if several else command.overrides
        outcome = run_and_record(Composer, overrides, folder, resume, command, typed, several, prepared)
        ended.append(Ended(folder, outcome))
        if outcome.status == "stopped" and several:
            raise KeyboardInterrupt(outcome.facts["exit_code"])
        return score_of(outcome)

    return run_job


def run_and_record(
    composed: Callable[[], Composer],
    overrides: Sequence[str],
    folder: RunFolder,
    resume: Resume | None,
    command: Command,
    typed: Sequence[str],
    several: bool = False,
    prepared: Prepared | None = None,
) -> Outcome:
    """Trains as ``run`` does, with the folder locked, and saves how it ended: in status.json, and for TensorBoard.
    ``several``: it is a job of a sweep."""
    outcome = _in_folder(
        folder,
        several,
        lambda: run(composed, overrides, folder, resume, command, typed, prepared),
        goes_on=resume is not None and not resume.branch and checkpoint.exists(folder.checkpoints),
    )
    _add_result(folder, outcome)
    return outcome


def _typed_settings(typed: Sequence[str]) -> dict[str, str]:
    """Returns the typed values of settings that change what is trained, by key."""
    pairs = [one.lstrip("+~").partition("=") for one in typed]
    return {key: value for key, _, value in pairs if not key.startswith(SILENT)}


def _add_result(folder: RunFolder, outcome: Outcome) -> None:
    """Adds how a run ended to TensorBoard's table of hyper-parameters, if it has written for TensorBoard."""
    trained = outcome.status in ("finished", "diverged", "diagnosed")
    if not trained or not any(folder.path.glob("events.out.tfevents.*")):
        return
    best = outcome.facts.get("best") or {}
    found = {"best_score": best.get("score"), "last_score": best.get("last")}
    found |= {name: outcome.facts.get(name) for name in ("images", "seconds")}
    found["verdicts"] = len(outcome.facts.get("verdicts", ())) if outcome.facts.get("judged", True) else None
    metrics = {name: float(value) for name, value in found.items() if value is not None}
    with contextlib.suppress(OSError):  # a full disk: the result is all that lacks
        write_result(folder.path, metrics, outcome.status == "finished")


def score_of(outcome: Outcome) -> float:
    """Returns the best score of a run that finished, and infinity otherwise."""
    best = outcome.facts.get("best") if outcome.status == "finished" else None
    return float(best["score"]) if best else WORST


def _in_folder(folder: RunFolder, several: bool, job: Callable[[], Outcome], goes_on: bool = False) -> Outcome:
    """Runs a job with its folder locked, and saves its status there. A run that ``goes_on`` from a checkpoint keeps its
    status where that is refused: how it ended before is still true."""
    if (folder.path / "config.yaml").exists() and several:
        log.error("%s: there is a run already; leave hydra.sweep.subdir to ganlab", folder.path)
        return Outcome("refused", "there is a run in its folder already")
    try:
        with folder.held():
            here().gathered(str(folder.path))  # the other ranks wait for its name
            try:
                outcome = job()
            except AlreadyDone as done:  # by another process, since it was checked
                log.info("%s", done)
                return Outcome("finished")
            if goes_on and outcome.status == "refused":
                return outcome
            try:
                folder.save_status(outcome.status, outcome.reason, **outcome.facts)
            except OSError as error:
                log.error("%s: its status could not be written (%s)", folder.path, in_one_line(error))
            return outcome
    except InUse as error:  # begun since it was checked; the status in the folder is that of the other process
        here().gathered(None)
        log.error("%s", error)
        return Outcome("refused", str(error))


def run(
    composed: Callable[[], Composer],
    overrides: Sequence[str],
    folder: RunFolder,
    resume: Resume | None = None,
    command: Command | None = None,
    typed: Sequence[str] = (),
    prepared: Prepared | None = None,
) -> Outcome:
    """Trains the configuration of ``overrides`` in ``folder``, or the one that is ``prepared``, and returns how it
    ended. ``command`` and the ``typed`` overrides are for its provenance. Raises KeyboardInterrupt where it was stopped
    without saving, and AlreadyDone."""
    provenance, lifted = None, {}
    try:
        if prepared is None:
            composing = composed()
            read = composing.read(overrides)
        if here().first:
            options = prepared.options if prepared else options_in(composing, read)
            provenance = Provenance(folder, command.text if command else "", typed, options)
            if command and command.origin:
                provenance.add(branch=dict(command.origin))
                log.info("A branch of %(run)s, from its step %(step)d (%(checkpoint)s)", dict(command.origin))
        plain, changes = (prepared.plain, []) if prepared else plain_configuration(composing, read, overrides, resume)
        if resume is None and here().first:
            folder.save_config(plain)  # what was asked for, also where it is refused
        configuration = prepared.configuration if prepared else configure(plain, composing.suggestions)
        if changes:
            began = "Changed in this branch" if resume and resume.branch else "Changed on resume"
            log.info("%s:\n%s", began, table(changes))
        lifted = {"lifted_rules": list(configuration.lifted)} if configuration.lifted else {}
        chosen = (command.varied if command else {}) or _typed_settings(typed)
        origin = command.origin.get("run") if command and resume and resume.branch else None
        outcome = train(configuration, folder, resume.folder if resume else None, provenance, chosen, origin)
    except KeyboardInterrupt as stop:
        code = int(stop.args[0]) if stop.args else 130
        raise KeyboardInterrupt(code, _stopped_at_once(folder, provenance, code)) from None
    except AlreadyDone:
        if provenance is not None:
            provenance.withdraw()
        raise
    except Exception as error:
        outcome = _outcome_of(error)
    outcome = replace(outcome, facts={**outcome.facts, **lifted})
    if provenance is not None:
        facts = {key: value for key, value in outcome.facts.items() if key in ("steps", "seconds")}
        provenance.end(outcome.status, outcome.reason, **facts)
    return outcome


def _stopped_at_once(folder: RunFolder, provenance: Provenance | None, code: int) -> str:
    """Saves the status of a run that was stopped before its first step, or by a second signal, and returns the
    reason."""
    saved = checkpoint.exists(folder.checkpoints)
    reason = "left at once, after its last checkpoint" if saved else "stopped before its first checkpoint"
    if not here().first:
        return reason
    with contextlib.suppress(OSError):
        folder.save_status("stopped", reason, exit_code=code)
    if provenance is not None:
        provenance.end("stopped", reason)
    again = "Go on from the last checkpoint" if saved else "Nothing was saved yet. Begin again"
    log.info("%s with: %s", again, resuming(str(folder.path), here().count))
    return reason


def _outcome_of(error: Exception) -> Outcome:
    """Returns the outcome of a run that ended with an error, which is logged."""
    if isinstance(error, TrainingFailed):
        # All ranks find the same error; where rank 0 was lost, the second one reports it.
        if here().first or (here().rank == 1 and isinstance(error, RankLost)):
            log.error("%s", error)
        if isinstance(error, Diverged | Diagnosed):
            status = "diverged" if isinstance(error, Diverged) else "diagnosed"
            return Outcome(status, str(error), {"steps": error.step})
        return Outcome("failed", str(error))
    if isinstance(error, UserError):
        log.error("%s", error)
        return Outcome("refused", str(error))
    if isinstance(error, OSError):  # a full disk, or a folder that was deleted or may not be written to
        where = f"{error.filename}: " if error.filename else ""
        reason = f"{where}{error.strerror or in_one_line(error)}"
        log.error("%s. Nothing of what was saved before is lost; see to the disk or the folder", reason)
        return Outcome("failed", reason)
    if is_loss_of_a_rank(error):
        log.error("Another rank ended while this one was being built.")
        return Outcome("failed", "another rank ended before training began")
    # A fault of ganlab or of a plugin: all of it goes into the log, and a sweep goes on.
    log.error("This run failed.", exc_info=error)
    return Outcome("failed", f"{type(error).__name__}: {error}")


def exit_code_of(outcome: Outcome) -> int:
    """Returns 0 for a finished run, 2 for a refused one, 128 plus the signal for a stopped one, otherwise 1: for one
    that failed, that diverged, or that a verdict ended."""
    exits = {"finished": 0, "refused": 2, "stopped": int(outcome.facts.get("exit_code", 130))}
    return exits.get(outcome.status, 1)
