"""One training run, from a configuration to a run folder."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from ganlab.commands.launch.announcements import announce, announce_end
from ganlab.commands.launch.provenance import Provenance, versions
from ganlab.commands.launch.ready import open_data, ready
from ganlab.commands.launch.running import Status, save_running
from ganlab.commands.launch.signals import stopping
from ganlab.commands.terminal.program import resuming
from ganlab.config import Configuration, Settings
from ganlab.config.build import build_trainer
from ganlab.config.dump import dump
from ganlab.config.model import Model, model_of
from ganlab.config.plugins import plugins_in
from ganlab.data import ImageSet
from ganlab.errors import Diagnosed, Diverged, UserError, in_one_line
from ganlab.processor import processor
from ganlab.ranks import Ranks, here
from ganlab.run_folder import RunFolder, as_yaml
from ganlab.training.device import Machine
from ganlab.training.observer import ObservedRun
from ganlab.training.observers import build_observers
from ganlab.training.trainer import Trainer

log = logging.getLogger("ganlab")


@dataclass(frozen=True)
class Outcome:
    """The end of a run: its ``status`` (``finished``, ``stopped``, ``diverged``, ``diagnosed``, ``refused`` or
    ``failed``), the ``reason``, and more ``facts`` for status.json."""

    status: str
    reason: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def train(
    configuration: Configuration,
    folder: RunFolder,
    resume: RunFolder | None = None,
    provenance: Provenance | None = None,
    chosen: Mapping[str, str] | None = None,
    origin: str | None = None,
) -> Outcome:
    """Trains in ``folder``, from the start or from the last checkpoint of ``resume``. Raises UserError, TrainingFailed,
    and KeyboardInterrupt with the exit code where it is stopped before the first step. ``chosen`` are the settings that
    tell the run from others, for its observers; ``origin`` is the run from which a branch begins. With several ranks
    all call it, and rank 0 writes the files."""
    settings, ranks = configuration.settings, here()
    with stopping(ranks) as signals:
        with ranks.together():
            state = ready(settings, resume)
        going_on = f", going on after step {state['step']}" if state else ", which begins again" if resume else ""
        log.info("Run folder: %s%s", folder.path, going_on)
        if ranks.first:
            save_running(folder)
        trainer, image_set = _build(configuration, folder, state, ranks, chosen or {}, origin or str(folder.path))
        if ranks.first:
            folder.save_config(configuration.plain())
        if provenance is not None:
            provenance.add(
                device=str(trainer.machine), threads=torch.get_num_threads(), ranks=ranks.count, from_step=trainer.step
            )
            provenance.add_plugins(plugins_in(configuration.plain()))
        announce(configuration, trainer, image_set)
        began, first = time.perf_counter(), trainer.step
        signals.trainer = trainer
        ended: Diverged | Diagnosed | None = None
        try:
            trainer.run()
        except (Diverged, Diagnosed) as error:
            ended = error
    seconds = time.perf_counter() - began
    facts: dict[str, Any] = {"steps": trainer.step, "images": trainer.feed.drawn, "seconds": round(seconds, 1)}
    if trainer.scorer.best:
        named = {"name": trainer.scorer.settings.best} if trainer.scorer.settings else {}
        facts["best"] = {**trainer.scorer.best, **named}
    if trainer.verdicts.all:
        facts["verdicts"] = [one.plain() for one in trainer.verdicts.all]
    elif trainer.verdicts.too_short:
        facts["judged"] = False
    if ended is not None:
        if ranks.first:
            announce_end(trainer, folder, trainer.step - first, seconds)
            log.error("%s", ended)
        return Outcome("diverged" if isinstance(ended, Diverged) else "diagnosed", str(ended), facts)
    if trainer.step < settings.steps:
        again = resuming(str(folder.path), ranks.count)
        log.info("Stopped and saved after step %d. Go on with: %s", trainer.step, again)
        number = ranks.most(signals.number)
        return Outcome("stopped", f"stopped after step {trainer.step}", {**facts, "exit_code": 128 + number})
    announce_end(trainer, folder, trainer.step - first, seconds)
    if diverged := trainer.diverged():
        if ranks.first:
            log.error("%s", diverged)
        return Outcome("diverged", str(diverged), facts)
    return Outcome("finished", "", facts)


def _build(
    configuration: Configuration,
    folder: RunFolder,
    state: dict[str, Any] | None,
    ranks: Ranks,
    chosen: Mapping[str, str],
    origin: str,
) -> tuple[Trainer, ImageSet]:
    """Builds the trainer, and restores ``state`` if there is one, of the run ``origin``. Raises UserError."""
    settings, plain = configuration.settings, configuration.plain()
    machine = settings.runtime.resolve()
    machine.prepare()
    image_set = open_data(settings.data, settings.runtime.cache)
    _need_the_same_images(image_set, ranks)
    observed = ObservedRun(folder.path, plain, image_set.classes, as_yaml(plain), chosen)
    trainer = build_trainer(
        settings,
        machine,
        image_set,
        folder.path,
        [*build_observers(settings.logging.chosen_observers, observed), Status(folder)] if ranks.first else (),
        header={
            "settings": plain,
            "model": dump(Model, model_of(settings, image_set)),
            "versions": dict(versions()),
            "processor": processor(),
        },
        initialize=state is None,
    )
    if state is not None:
        try:
            trainer.restore(state)
        except (RuntimeError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"{folder.path}: its checkpoint is not one to go on from ({in_one_line(error)})") from error
        _need_the_same_state(trainer, folder)
        _keep_typed_rates(trainer, settings, state)
        _compare_data(state, image_set, origin)
        _compare_processors(state, machine, origin)
    return trainer, image_set


def _keep_typed_rates(trainer: Trainer, settings: Settings, state: Mapping[str, Any]) -> None:
    """Removes the factor of earlier rollbacks from a learning rate that was typed on resume."""
    before = ((state.get("settings") or {}).get("optimizer")) or {}
    for learner in (trainer.generator, trainer.discriminator):
        rate = getattr(settings.optimizer, learner.name).lr
        if (before.get(learner.name) or {}).get("lr", rate) != rate:
            learner.rate_factor = 1.0


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


def _compare_processors(state: Mapping[str, Any], machine: Machine, origin: str) -> None:
    """Logs a note where kernels are chosen for another processor than the saved run's, which round differently."""
    saved, ours = state.get("processor"), processor()
    if machine.device.type == "cpu" and isinstance(saved, str) and saved != ours:
        log.warning(
            "note: %s was trained on a processor with %s, and this one has %s; it goes on, and the last digits of its "
            "numbers will not be those that it would have had there",
            origin,
            saved,
            ours,
        )


def _compare_data(state: dict[str, Any], image_set: ImageSet, origin: str) -> None:
    """Logs a note where the images are not those in which the saved run counted its position."""
    saved = state.get("data")
    if not isinstance(saved, dict):
        return  # of a version that did not save it
    if (saved.get("images"), saved.get("fingerprint")) != (len(image_set), image_set.fingerprint):
        log.warning(
            "note: these are not the images that %s was trained on (%s then, %s now, or others of them); it goes on "
            "with these, in another order than it would have had",
            origin,
            f"{saved.get('images'):,}" if isinstance(saved.get("images"), int) else "?",
            f"{len(image_set):,}",
        )
