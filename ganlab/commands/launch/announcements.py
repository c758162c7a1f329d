"""The lines that a run logs when it begins and when it ends."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Mapping
from typing import Any

from ganlab.commands.terminal.arguments import path_to_type
from ganlab.commands.terminal.program import command_here
from ganlab.config import Configuration
from ganlab.data import ImageSet
from ganlab.progress import in_notebook
from ganlab.run_folder import OUTPUTS, RunFolder
from ganlab.training.trainer import Trainer
from ganlab.training.verdicts import Verdict

log = logging.getLogger("ganlab")

ALL_PICTURES = (
    "--samples_per_plugin images=1000"  # without it TensorBoard shows ten pictures of each kind, drawn at random
)


def announce(configuration: Configuration, trainer: Trainer, image_set: ImageSet) -> None:
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


def announce_end(trainer: Trainer, folder: RunFolder, steps: int, seconds: float) -> None:
    """Logs the scores, the time, and where the samples are."""
    if not trainer.ranks.first:
        return
    settings = trainer.scorer.settings
    if trainer.scorer.best:
        log.info("%s", best_and_last(trainer.scorer.best, trainer.step, settings.best if settings else None))
    log.info("%s steps in %.0f s.", f"{steps:,}", seconds)
    if verdicts := trainer.verdicts.all:
        log.info("Verdicts: %s", "; ".join(map(spoken, verdicts)))
        command = f"{command_here('diagnose')} {path_to_type('run', str(folder.path))}"
        log.info("Evidence and advice: %s", f"ganlab.open({str(folder.path)!r}).verdicts" if in_notebook() else command)
    samples = folder.path / "samples"
    if samples.exists():  # the average's picture before that of G itself; the folder if the disk took no picture
        pictures = sorted(samples.glob(f"step-{trainer.step:07d}-*.png"))
        log.info("Samples: %s", pictures[0] if pictures else samples)
    if any(folder.path.glob("events.out.tfevents.*")):
        logs = OUTPUTS if folder.path.is_relative_to(OUTPUTS) else folder.path
        log.info("Look at it: tensorboard --logdir %s %s", shlex.quote(str(logs)), ALL_PICTURES)


def spoken(one: Verdict) -> str:
    """Returns a verdict in a few words, such as ``mode collapse since step 400``."""
    return f"{one.title} {'since' if one.lasting else 'for a while from'} step {one.since:,}"


def best_and_last(best: Mapping[str, Any], step: int, score: str | None) -> str:
    """Returns a sentence on the best and the last score, such as ``fid``, of a training that has done ``step`` steps;
    None is a run that was scored earlier and is not scored any more."""
    left = f"; it was worse by more than the set factor from step {best['left']:,} on" if best.get("left") else ""
    return (
        f"scored while training ({best['id']}): best {score.upper() if score else 'score'} {best['score']:.4g} "
        f"at step {best['step']:,} (checkpoints/best.safetensors), last {best['last']:.4g} at step {step:,}{left}"
    )
