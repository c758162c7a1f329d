"""Settings in, a trainer out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from ganlab import random_streams
from ganlab.config.evaluators import build_evaluator, rows_of
from ganlab.config.model import shapes_of
from ganlab.config.settings import Settings
from ganlab.data import ImageSet
from ganlab.data.feed import Feed
from ganlab.evaluation import Scoring
from ganlab.networks import (
    DiscriminatorModule,
    GeneratorModule,
    does_mix_samples,
    parametrize,
    uninitialized,
    use_fast_kernels,
)
from ganlab.networks.base import NetworkModule
from ganlab.random_numbers import Shard
from ganlab.ranks import here
from ganlab.training.averaging import Average
from ganlab.training.checkpoint import Checkpoints
from ganlab.training.device import Machine
from ganlab.training.held_out import enough_held_out
from ganlab.training.learner import Learner
from ganlab.training.observer import Observer
from ganlab.training.scoring import Scorer
from ganlab.training.step import Stepper
from ganlab.training.trainer import Trainer
from ganlab.training.updates import GAN
from ganlab.types import Batch, Shapes


def build_generator(settings: Settings, shapes: Shapes | None = None) -> GeneratorModule:
    """G with PyTorch's own weights, for ``shapes``, or those that the data has. Raises ValueError where its parts do
    not fit the images."""
    norm = settings.norm.generator
    assert norm.layer != "auto", "resolved by the configuration"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(random_streams.derive(settings.seed, "build/generator"))
        return settings.generator.build(shapes or shapes_of(settings), norm.layer)


def build_discriminator(settings: Settings) -> DiscriminatorModule:
    """D with PyTorch's own weights, asked whether it mixes samples. Raises ValueError as for G."""
    norm = settings.norm.discriminator
    assert norm.layer != "auto", "resolved by the configuration"
    shapes = shapes_of(settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(random_streams.derive(settings.seed, "build/discriminator"))
        network = settings.discriminator.build(shapes, norm.layer)
        network.mixes_samples = does_mix_samples(network, shapes)
    return network


def start(
    network: NetworkModule, name: Literal["generator", "discriminator"], settings: Settings, batch: Batch | None = None
) -> Sequence[str]:
    """Initializes a built network, then parametrizes it; returns the initializer's notes. ``known`` are reals (on the
    CPU) for an initializer that looks at data. Raises UserError where it reads a file that does not fit."""
    initializer, norm = getattr(settings.init, name), getattr(settings.norm, name)
    notes = initializer.initialize(
        uninitialized(network, name, _probe(network, settings, batch) if batch else None, norm.weight),
        random_streams.generator(settings.seed, f"init/{name}"),
    )
    parametrize(network, norm.weight)
    return [f"init.{name}: {note}" for note in notes]


def _probe(network: NetworkModule, settings: Settings, batch: Batch) -> Callable[[], object]:
    """Runs a network once on what it meets in training: D on reals, G on latents."""
    condition = settings.condition
    if isinstance(network, DiscriminatorModule):
        seen = Batch(batch.images, condition.real_condition(batch.condition))

        def run() -> object:
            with network.statistics_frozen():
                return network(seen)

        return run
    rng = random_streams.generator(settings.seed, "init/probe")
    latent = settings.latent.draw(len(batch.images), rng)
    told = condition.fake_condition(len(latent), shapes_of(settings).classes, batch.condition, rng)

    def generate() -> object:
        with network.statistics_frozen():
            return network(latent, told)

    return generate


def build_trainer(
    settings: Settings,
    machine: Machine,
    image_set: ImageSet,
    folder: Path,
    observers: Sequence[Observer] = (),
    header: Mapping[str, Any] | None = None,
    initialize: bool = True,
) -> Trainer:
    """The trainer of resolved settings, on ``machine``, with checkpoints under ``folder``. Without ``initialize`` its
    weights wait to be restored: what an initializer once read need not be there any more. Of several ranks all build
    theirs together."""
    ranks = here()
    feed = Feed(
        image_set,
        settings.batch_size,
        settings.seed,
        machine.device,
        machine.memory_format,
        settings.runtime.resident,
        Shard(ranks.rank, ranks.count, shapes_of(settings).pack),
    )
    generator, discriminator = build_generator(settings), build_discriminator(settings)
    notes: list[str] = []
    if initialize:
        batch = feed.first(settings.batch_size)
        batch = Batch(batch.images.cpu(), {key: value.cpu() for key, value in batch.condition.items()})
        notes += start(generator, "generator", settings, batch)
        notes += start(discriminator, "discriminator", settings, batch)
    else:
        for network, norm in ((generator, settings.norm.generator), (discriminator, settings.norm.discriminator)):
            assert norm.weight != "auto", "resolved by the configuration"
            parametrize(network, norm.weight)
    for network in (generator, discriminator):
        network.to(machine.device).to(memory_format=machine.memory_format)
        use_fast_kernels(network, machine.fast)
        # The same draws on another processor may come out otherwise in the last bit.
        ranks.follow_first([weight for weight in network.state_dict().values() if weight.is_floating_point()])
    gan = GAN(
        generator=generator,
        discriminator=discriminator,
        loss=settings.loss,
        targets=settings.targets,
        latent=settings.latent,
        condition=settings.condition,
        classes=shapes_of(settings).classes,
        regularizers=settings.regularizer,
        augmentations=settings.augment,
        autocast=machine.autocast,
        pack=shapes_of(settings).pack,
    )
    kept, part = len(image_set.held_out), settings.batch_size // getattr(settings.schedule, "accumulation", 1)
    if kept and not enough_held_out(gan, kept, part):
        notes.append(
            f"data.held_out: {kept} images are fewer than D judges together, so discriminator/held_out is not "
            f"reported; hold out {part} or more"
        )
    averages = settings.averaging.share(1) is not None
    scorer = Scorer()
    if isinstance(settings.evaluation, Scoring):
        assert settings.evaluation.features != "auto", "resolved by the configuration"
        rows = rows_of(image_set, settings.evaluation.reals)
        evaluator = None
        with ranks.together():
            if ranks.first:  # the others know when to wait
                evaluator = build_evaluator(settings, image_set, settings.evaluation.features, rows, machine.device)
                notes += evaluator.opened.notes
        scorer = Scorer(evaluator, settings.evaluation)
    stepper = Stepper(
        gan,
        Learner(
            "generator",
            generator,
            settings.optimizer.generator,
            average=Average(generator, settings.averaging) if averages else None,
            dtype=machine.dtype,
            ranks=ranks,
        ),
        Learner(
            "discriminator",
            discriminator,
            settings.optimizer.discriminator,
            settings.constraint,
            dtype=machine.dtype,
            ranks=ranks,
        ),
        settings.schedule,
        feed,
        machine,
        steps=settings.steps,
        seed=settings.seed,
        ranks=ranks,
    )
    return Trainer(
        stepper,
        logging=settings.logging,
        checkpoints=Checkpoints(folder / "checkpoints", settings.checkpoint),
        divergence=settings.divergence,
        observers=observers,
        header=header,
        notes=notes,
        scorer=scorer,
    )
