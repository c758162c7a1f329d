"""One training run, from a configuration to a run folder."""

from __future__ import annotations

import logging
import os
import shlex
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from ganlab.commands.provenance import Provenance, versions
from ganlab.conditions import CONDITIONS
from ganlab.config import Configuration, Settings
from ganlab.config.build import build_discriminator, build_generator, build_trainer
from ganlab.config.dump import dump
from ganlab.config.model import Model, model_of
from ganlab.config.paths import to_type
from ganlab.data import ImageSet, Source
from ganlab.data.feed import need_a_batch
from ganlab.errors import UserError, in_one_line
from ganlab.evaluation.features import Features
from ganlab.networks import parametrize
from ganlab.ranks import Ranks, here
from ganlab.run_folder import OUTPUTS, RunFolder, as_yaml
from ganlab.training import checkpoint
from ganlab.training.observer import ObservedRun, build_observers
from ganlab.training.trainer import Trainer

log = logging.getLogger("ganlab")

# The handlers for a second signal. The handlers from before training are no use: a job in the background of a script
# inherits that Ctrl-C is ignored.
AT_ONCE: dict[int, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
ECHO = 3.0  # seconds in which another signal to one of several ranks counts as the same signal


@dataclass(frozen=True)
class Outcome:
    """How a run ended: its ``status`` (``finished``, ``stopped``, ``diverged``, ``refused`` or ``failed``), the
    ``reason``, and more ``facts`` for status.json."""

    status: str
    reason: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


class AlreadyDone(UserError):
    """The run to go on with has done all its steps."""


def open_data(source: Source, cache: str | None = None) -> ImageSet:
    """Opens the images of a source. The last set is kept from the check to the run, and between the jobs of a sweep."""
    image_set = _opened(source, cache)
    source.settle(image_set)  # another object with the same settings may have been opened
    return image_set


@lru_cache(maxsize=1)
def _opened(source: Source, cache: str | None) -> ImageSet:
    return source.open(Path(cache) if cache else None)


def ready(settings: Settings, resume: RunFolder | None) -> dict[str, Any] | None:
    """Checks everything that depends on files: the data, and the state of the run to go on with, which is returned.
    None if there is no such run, or if it has no checkpoint yet and begins again. Raises UserError."""
    image_set = open_data(settings.data, settings.runtime.cache)
    need_a_batch(image_set, settings.batch_size)
    _need_labels(settings, image_set)
    if resume is not None and not os.access(resume.path, os.W_OK):
        raise UserError(f"{resume.path}: nothing can be written there; copy the folder and resume the copy")
    if resume is None or not checkpoint.exists(resume.checkpoints):
        for initializer in (settings.init.generator, settings.init.discriminator):
            assert initializer != "auto", "resolved by the configuration"
            initializer.check()
        return None
    path, state = checkpoint.newest(resume.checkpoints)
    if not _is_complete(state):
        raise UserError(f"{path} lacks a part of what a run needs to go on; delete it and resume again")
    if state["step"] >= settings.steps:
        raise AlreadyDone(
            f"{resume.path} has done {state['step']:,} steps; type steps={2 * state['step']} to go on to twice as many"
        )
    _need_the_same_classes(settings, image_set, state, resume)
    try:
        for name, build in (("generator", build_generator), ("discriminator", build_discriminator)):
            network = build(settings)
            parametrize(network, getattr(settings.norm, name).weight)
            network.load_state_dict(state[name]["network"])
    except (RuntimeError, KeyError, TypeError) as error:  # PyTorch's own list of names and shapes
        raise UserError(f"{resume.path}: its checkpoint does not fit its config.yaml ({in_one_line(error)})") from error
    return state


def _need_labels(settings: Settings, image_set: ImageSet) -> None:
    """Raises UserError where the images that can be read have no classes, and something needs them."""
    if settings.condition.needs_labels and not image_set.classes:
        reasons = [note for note in image_set.notes if "classes" in note]
        raise UserError(
            f"condition={CONDITIONS.name_of(settings.condition)} needs labels, and the images that can be read have "
            f"none{f' ({reasons[-1]})' if reasons else ''}; type condition=none, or repair the others"
        )
    if isinstance(features := getattr(settings.evaluation, "features", None), Features):
        features.check(settings.data.class_count > 1)


def _need_the_same_classes(
    settings: Settings, image_set: ImageSet, state: Mapping[str, Any], resume: RunFolder
) -> None:
    """Raises UserError where a conditional run was trained on other classes than the data has now."""
    model = state.get("model")
    trained_on = model.get("class_names") if isinstance(model, dict) else None
    trained_on = trained_on if isinstance(trained_on, list) else []
    if settings.condition.needs_labels and trained_on and trained_on != list(image_set.classes):
        raise UserError(
            f"{resume.path} was trained on the classes {', '.join(map(str, trained_on[:12]))}, and now there are "
            f"{', '.join(image_set.classes[:12])}; type data.root=… for the data as it was"
        )


def _is_complete(state: dict[str, Any]) -> bool:
    """Whether the content of a checkpoint has the form that a trainer saves."""
    counts = [state.get("step"), state.get("drawn")]
    learners = [state.get("generator"), state.get("discriminator")]
    return (
        all(isinstance(count, int) and count >= 0 for count in counts)
        and isinstance(state.get("meter"), dict)
        and {"sums", "counts"} <= state["meter"].keys()
        and all(
            isinstance(learner, dict)
            and {"updates", "network", "optimizer", "average", "scaler"} <= learner.keys()
            and isinstance(learner["updates"], int)
            for learner in learners
        )
    )


def train(
    configuration: Configuration,
    folder: RunFolder,
    resume: RunFolder | None = None,
    provenance: Provenance | None = None,
) -> Outcome:
    """Trains in ``folder``, from the start or from the last checkpoint of ``resume``. Raises UserError, TrainingFailed,
    and KeyboardInterrupt with the exit code where it is stopped before the first step. With several ranks all call it,
    and rank 0 writes the files."""
    settings, ranks = configuration.settings, here()
    with _stopping(ranks) as signals:
        with ranks.together():
            state = ready(settings, resume)
        going_on = f", going on after step {state['step']}" if state else ", which begins again" if resume else ""
        log.info("Run folder: %s%s", folder.path, going_on)
        if ranks.first:
            folder.save_status("running", pid=os.getpid(), host=socket.gethostname())
        trainer, image_set = _build(configuration, folder, state, ranks)
        if ranks.first:
            folder.save_config(configuration.plain())
        if provenance is not None:
            provenance.add(
                device=str(trainer.machine), threads=torch.get_num_threads(), ranks=ranks.count, from_step=trainer.step
            )
        _announce(configuration, trainer, image_set)
        began, first = time.perf_counter(), trainer.step
        signals.trainer = trainer
        trainer.run()
    seconds = time.perf_counter() - began
    facts: dict[str, Any] = {"steps": trainer.step, "images": trainer.feed.drawn, "seconds": round(seconds, 1)}
    if trainer.scorer.best:
        facts["best"] = trainer.scorer.best
    if trainer.step < settings.steps:
        log.info("Stopped and saved after step %d. Go on with: %s", trainer.step, to_type("resume", str(folder.path)))
        number = ranks.most(signals.number)
        return Outcome("stopped", f"stopped after step {trainer.step}", {**facts, "exit_code": 128 + number})
    _announce_end(trainer, folder, trainer.step - first, seconds)
    if diverged := trainer.diverged():
        if ranks.first:
            log.error("%s", diverged)
        return Outcome("diverged", str(diverged), facts)
    return Outcome("finished", "", facts)


def _build(
    configuration: Configuration, folder: RunFolder, state: dict[str, Any] | None, ranks: Ranks
) -> tuple[Trainer, ImageSet]:
    """Builds the trainer, and restores ``state`` if there is one. Raises UserError."""
    settings, plain = configuration.settings, configuration.plain()
    machine = settings.runtime.resolve()
    machine.prepare()
    image_set = open_data(settings.data, settings.runtime.cache)
    _need_the_same_images(image_set, ranks)
    observed = ObservedRun(folder.path, plain, image_set.classes, as_yaml(plain))
    trainer = build_trainer(
        settings,
        machine,
        image_set,
        folder.path,
        build_observers(settings.logging.chosen_observers, observed) if ranks.first else (),
        header={"settings": plain, "model": dump(Model, model_of(settings, image_set)), "versions": dict(versions())},
        initialize=state is None,
    )
    if state is not None:
        try:
            trainer.restore(state)
        except (RuntimeError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"{folder.path}: its checkpoint is not one to go on from ({in_one_line(error)})") from error
        _need_the_same_state(trainer, folder)
        _keep_typed_rates(trainer, settings, state)
        _compare_data(state, image_set, folder)
    return trainer, image_set


def _announce_end(trainer: Trainer, folder: RunFolder, steps: int, seconds: float) -> None:
    """Logs the scores, the time, and where the samples are."""
    if not trainer.ranks.first:
        return
    if trainer.scorer.best:
        log.info("%s", best_and_last(trainer.scorer.best, trainer.step))
    log.info("%s steps in %.0f s.", f"{steps:,}", seconds)
    samples = folder.path / "samples"
    if samples.exists():  # the average's picture before that of G itself; the folder if the disk took no picture
        pictures = sorted(samples.glob(f"step-{trainer.step:07d}-*.png"))
        log.info("Samples: %s", pictures[0] if pictures else samples)
    if any(folder.path.glob("events.out.tfevents.*")):
        logs = OUTPUTS if folder.path.is_relative_to(OUTPUTS) else folder.path
        log.info("Look at it: tensorboard --logdir %s", shlex.quote(str(logs)))


def _keep_typed_rates(trainer: Trainer, settings: Settings, state: Mapping[str, Any]) -> None:
    """Removes the factor of earlier rollbacks from a learning rate that was typed on resume."""
    before = ((state.get("settings") or {}).get("optimizer")) or {}
    for learner in (trainer.generator, trainer.discriminator):
        rate = getattr(settings.optimizer, learner.name).lr
        if (before.get(learner.name) or {}).get("lr", rate) != rate:
            learner.rate_factor = 1.0


def best_and_last(best: Mapping[str, Any], step: int) -> str:
    """Returns a sentence on the best and the last score of a training that has done ``step`` steps."""
    left = f"; it was worse by more than the set factor from step {best['left']:,} on" if best.get("left") else ""
    return (
        f"scored while training ({best['id']}): best {best['score']:.4g} at step {best['step']:,} "
        f"(checkpoints/best.safetensors), last {best['last']:.4g} at step {step:,}{left}"
    )


def _need_the_same_state(trainer: Trainer, folder: RunFolder) -> None:
    """Raises UserError where the ranks have read different checkpoints."""
    learners = (trainer.generator, trainer.discriminator)
    found = trainer.ranks.gathered((trainer.step, *(learner.fingerprint() for learner in learners)))
    for rank, one in enumerate(found):
        if one != found[0]:
            raise UserError(
                f"rank {rank} goes on after step {one[0]:,} and rank 0 after step {found[0][0]:,}, or with other "
                f"weights; {folder.path}/checkpoints must be the same on every machine: resume again when it is"
            )


def _need_the_same_images(image_set: ImageSet, ranks: Ranks) -> None:
    """Raises UserError where the ranks, on several machines perhaps, have opened different images."""
    found = ranks.gathered((len(image_set), image_set.fingerprint))
    for rank, (count, fingerprint) in enumerate(found):
        if (count, fingerprint) != found[0]:
            raise UserError(
                f"rank {rank} has other images ({count:,}) than rank 0 ({found[0][0]:,}); each machine needs the same "
                "files under data.root"
            )


def _compare_data(state: dict[str, Any], image_set: ImageSet, folder: RunFolder) -> None:
    """Logs a note where the images are not those in which the saved run counted its position."""
    saved = state.get("data")
    if not isinstance(saved, dict):
        return  # of a version that did not save it
    if (saved.get("images"), saved.get("fingerprint")) != (len(image_set), image_set.fingerprint):
        log.warning(
            "note: these are not the images that %s was trained on (%s then, %s now, or others of them); it goes on "
            "with these, in another order than it would have had",
            folder.path,
            f"{saved.get('images'):,}" if isinstance(saved.get("images"), int) else "?",
            f"{len(image_set):,}",
        )


def _announce(configuration: Configuration, trainer: Trainer, image_set: ImageSet) -> None:
    """Logs what is trained, on which images and which device, and all notes."""
    settings = configuration.settings
    sizes = [sum(p.numel() for p in learner.parameters) for learner in (trainer.generator, trainer.discriminator)]
    log.info(
        "%s images of %s%s; parameters: generator %s, discriminator %s; on %s%s",
        f"{len(image_set):,}",
        "×".join(map(str, settings.data.image_shape)),
        f", {len(image_set.held_out):,} more held out" if len(image_set.held_out) else "",
        *(f"{size:,}" for size in sizes),
        trainer.machine,
        f", {trainer.ranks.count} ranks" if trainer.ranks.count > 1 else "",
    )
    if image_set.place:
        log.info("Images: %s", image_set.place)
    if configuration.chosen:
        log.info("auto: %s", " ".join(f"{key}={value}" for key, value in configuration.chosen.items()))
    notes = (*configuration.warnings, *image_set.notes, *(() if trainer.step else trainer.notes))
    for note in dict.fromkeys(notes):
        log.warning("note: %s", note)


class _Signals:
    """The signals during a run: the ``number`` of the last one (0: none), and the ``trainer`` to stop, None while it is
    being built."""

    def __init__(self) -> None:
        self.number = 0
        self.trainer: Trainer | None = None


@contextmanager
def _stopping(ranks: Ranks) -> Iterator[_Signals]:
    """Handles Ctrl-C and SIGTERM: while a trainer trains it finishes its step and saves, and a second signal ends the
    process at once. Before that nothing is lost: KeyboardInterrupt is raised, with the exit code."""
    signals, several, first = _Signals(), ranks.count > 1, 0.0
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal first
        again = signals.number != 0
        signals.number = number
        if signals.trainer is None:
            raise KeyboardInterrupt(128 + number)
        with suppress(OSError):  # not print: the signal may have interrupted a print
            os.write(2, b"\nStopping after this step, once it is saved; Ctrl-C again leaves at once.\n")
        signals.trainer.stop_requested = True
        if several:
            # Slurm signals torchrun and the ranks at once, and torchrun signals the ranks again: that is one signal.
            first = first or time.monotonic()
            if not again or time.monotonic() - first < ECHO:
                return
            signal.signal(number, AT_ONCE[number])
            signal.raise_signal(number)
        for leaving in (signal.SIGINT, number):
            signal.signal(leaving, AT_ONCE[leaving])

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            # torchrun ends all ranks as soon as one ends; rank 0 still has to write how the run ended.
            keeps_on = several and number == signal.SIGTERM
            signal.signal(number, signal.SIG_IGN if keeps_on else handler)
