"""One training run, from a configuration to a folder full of samples."""

from __future__ import annotations

import logging
import os
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

from ganlab.config import Configuration, Settings
from ganlab.config.build import build_discriminator, build_generator, build_trainer
from ganlab.config.model import Model, model_of
from ganlab.config.parse import dump
from ganlab.data import ImageSet, Source
from ganlab.data.feed import need_a_batch
from ganlab.errors import UserError, in_one_line
from ganlab.networks import parametrize
from ganlab.ranks import Ranks, here
from ganlab.run_folder import OUTPUTS, RunFolder, as_yaml
from ganlab.training import checkpoint
from ganlab.training.observer import ObservedRun, build_observers
from ganlab.training.trainer import Trainer

log = logging.getLogger("ganlab")

# What a second signal does. Not what was there before: a job in the background of a script inherits that Ctrl-C does
# nothing.
AT_ONCE: dict[int, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
ECHO = 3.0  # seconds in which another signal to one of several ranks counts as the same


@dataclass(frozen=True)
class Outcome:
    """How a run ended: ``finished``, ``stopped``, ``refused`` or ``failed``, why, and what else is worth keeping."""

    status: str
    reason: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


@lru_cache(maxsize=1)
def open_data(source: Source, cache: str | None = None) -> ImageSet:
    """The images of a source; kept from the check to the run, and from job to job of a sweep."""
    return source.open(Path(cache) if cache else None)


def ready(settings: Settings, resume: RunFolder | None) -> dict[str, Any] | None:
    """Looks at what only files can tell: that there are images enough, and the state to resume from. Raises
    UserError."""
    image_set = open_data(settings.data, settings.runtime.cache)
    need_a_batch(image_set, settings.batch_size)
    if settings.condition.needs_labels and len(image_set.classes) != (count := settings.data.class_count):
        raise UserError(
            f"data: {count} classes were found at first, and {len(image_set.classes)} when the images were listed; are "
            "they being copied just now?"
        )
    if resume is None:
        for initializer in (settings.init.generator, settings.init.discriminator):
            assert initializer != "auto", "resolved by the configuration"
            initializer.check()
        return None
    if not os.access(resume.path, os.W_OK):
        raise UserError(f"{resume.path}: nothing can be written there; copy the folder and resume the copy")
    path, state = checkpoint.newest(resume.checkpoints)
    if not _whole(state):
        raise UserError(f"{path} lacks a part of what a run needs to go on; take it away and resume again")
    if state["step"] >= settings.steps:
        raise UserError(
            f"{resume.path} has done {state['step']:,} steps; type steps={2 * state['step']} to go on to twice as many"
        )
    model = state.get("model")
    trained_on = model.get("class_names") if isinstance(model, dict) else None
    trained_on = trained_on if isinstance(trained_on, list) else []
    if settings.condition.needs_labels and trained_on and trained_on != list(image_set.classes):
        raise UserError(
            f"{resume.path} was trained on the classes {', '.join(map(str, trained_on[:12]))}, and now there are "
            f"{', '.join(image_set.classes[:12])}; type data.root=… for the data as it was"
        )
    try:
        for name, build in (("generator", build_generator), ("discriminator", build_discriminator)):
            network = build(settings)
            parametrize(network, getattr(settings.norm, name).weight)
            network.load_state_dict(state[name]["network"])
    except (RuntimeError, KeyError, TypeError) as error:  # PyTorch's own list of names and shapes
        raise UserError(f"{resume.path}: its checkpoint does not fit its config.yaml ({in_one_line(error)})") from error
    return state


def _whole(state: dict[str, Any]) -> bool:
    """Whether a checkpoint's tree has the form that a trainer saves."""
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


def train(configuration: Configuration, folder: RunFolder, resume: RunFolder | None = None) -> Outcome:
    """Trains in ``folder``, from the start or from ``resume``'s last checkpoint. Raises UserError, and
    TrainingFailed. Of several ranks all call it, and the first writes."""
    settings, plain, ranks = configuration.settings, configuration.plain(), here()
    with ranks.together():
        state = ready(settings, resume)
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
        header={"settings": plain, "model": dump(Model, model_of(settings, image_set))},
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
    if ranks.first:
        folder.save_config(plain)
        folder.save_status("running", pid=os.getpid(), host=socket.gethostname())
    _announce(configuration, trainer, image_set, folder)
    began, first = time.perf_counter(), trainer.step
    with _stopping(trainer) as stopped_by:
        trainer.run()
    seconds = time.perf_counter() - began
    facts: dict[str, Any] = {"steps": trainer.step, "images": trainer.feed.drawn, "seconds": round(seconds, 1)}
    if trainer.step < settings.steps:
        log.info("Stopped and saved after step %d. Go on with: resume=%s", trainer.step, folder.path)
        number = ranks.most(stopped_by[0])
        return Outcome("stopped", f"stopped after step {trainer.step}", {**facts, "exit_code": 128 + number})
    if not ranks.first:
        return Outcome("finished", "", facts)
    if trainer.scorer.best:
        log.info("%s", best_and_last(trainer.scorer.best, trainer.step))
        facts["best"] = trainer.scorer.best
    log.info("%s steps in %.0f s.", f"{trainer.step - first:,}", seconds)
    samples = folder.path / "samples"
    if samples.exists():  # the average's picture before that of G itself; the folder if the disk took no picture
        pictures = sorted(samples.glob(f"step-{trainer.step:07d}-*.png"))
        log.info("Samples: %s", pictures[0] if pictures else samples)
    if any(folder.path.glob("events.out.tfevents.*")):
        log.info("Look at it: tensorboard --logdir %s", OUTPUTS if folder.path.is_relative_to(OUTPUTS) else folder.path)
    return Outcome("finished", "", facts)


def _keep_typed_rates(trainer: Trainer, settings: Settings, state: Mapping[str, Any]) -> None:
    """A rate that was typed on resume is taken as it stands, whatever factor going back had put on the one before."""
    before = ((state.get("settings") or {}).get("optimizer")) or {}
    for learner in (trainer.generator, trainer.discriminator):
        rate = getattr(settings.optimizer, learner.name).lr
        if (before.get(learner.name) or {}).get("lr", rate) != rate:
            learner.rate_factor = 1.0


def best_and_last(best: Mapping[str, Any], step: int) -> str:
    """A sentence on the best and the last score of a training that has done ``step`` steps."""
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
    """Says so where the saved run counted its position in other images than there are now."""
    saved = state.get("data")
    if not isinstance(saved, dict):
        return  # of a version that did not keep it
    if (saved.get("images"), saved.get("fingerprint")) != (len(image_set), image_set.fingerprint):
        log.warning(
            "note: these are not the images that %s was trained on (%s then, %s now, or others of them); it goes on "
            "with these, in another order than it would have had",
            folder.path,
            f"{saved.get('images'):,}" if isinstance(saved.get("images"), int) else "?",
            f"{len(image_set):,}",
        )


def _announce(configuration: Configuration, trainer: Trainer, image_set: ImageSet, folder: RunFolder) -> None:
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
    for warning in (*configuration.warnings, *image_set.notes, *(() if trainer.step else trainer.notes)):
        log.warning("note: %s", warning)
    going_on = f", going on after step {trainer.step}" if trainer.step else ""
    log.info("Run folder: %s%s", folder.path, going_on)


@contextmanager
def _stopping(trainer: Trainer) -> Iterator[list[int]]:
    """Ctrl-C and SIGTERM finish the step and save; a second one leaves at once. Yields the signals that came."""
    came: list[int] = [0]
    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    several, first = trainer.ranks.count > 1, 0.0

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal first
        again = came[0] != 0
        came[0] = number
        with suppress(OSError):  # not print: it may be that which was interrupted
            os.write(2, b"\nStopping after this step, once it is saved; Ctrl-C again leaves at once.\n")
        trainer.stop_requested = True
        if several:
            # Slurm tells torchrun and the ranks at once, and torchrun tells the ranks again: that is one signal.
            first = first or time.monotonic()
            if not again or time.monotonic() - first < ECHO:
                return
            signal.signal(number, AT_ONCE[number])
            signal.raise_signal(number)
        for leaving in (signal.SIGINT, number):
            signal.signal(leaving, AT_ONCE[leaving])

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            # torchrun ends all ranks as soon as it sees one end; the first still has to write how it came.
            keeps_on = several and number == signal.SIGTERM
            signal.signal(number, signal.SIG_IGN if keeps_on else handler)
