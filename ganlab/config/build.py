"""Settings in, a trainer out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ganlab import streams
from ganlab.config.settings import Settings
from ganlab.data import ImageSet
from ganlab.data.feed import Feed
from ganlab.networks import DiscriminatorModule, GeneratorModule, does_mix_samples, parametrize, walk
from ganlab.networks.base import NetworkModule
from ganlab.training.averaging import Average
from ganlab.training.checkpoint import Checkpoints
from ganlab.training.device import Machine
from ganlab.training.learner import Learner
from ganlab.training.observer import Observer
from ganlab.training.trainer import Trainer
from ganlab.training.updates import Game
from ganlab.types import Initializer, Shapes


def shapes_of(settings: Settings) -> Shapes:
    """What both networks are built for."""
    return Shapes(image=settings.data.image_shape, latent=settings.latent.dim)


def build_generator(settings: Settings) -> GeneratorModule:
    """G: built, initialized, then parametrized. Raises ValueError where its parts do not fit the images."""
    norm = settings.norm.generator
    assert norm.layer != "auto", "resolved by the configuration"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(streams.derive(settings.seed, "build/generator"))
        network = settings.generator.build(shapes_of(settings), norm.layer)
    _initialize(network, settings.init.generator, settings.seed, "generator")
    parametrize(network, norm.weight)
    return network


def build_discriminator(settings: Settings) -> DiscriminatorModule:
    """D: built, asked whether it mixes samples, initialized, then parametrized. Raises ValueError as for G."""
    norm = settings.norm.discriminator
    assert norm.layer != "auto", "resolved by the configuration"
    shapes = shapes_of(settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(streams.derive(settings.seed, "build/discriminator"))
        network = settings.discriminator.build(shapes, norm.layer)
    network.mixes_samples = does_mix_samples(network, shapes)
    _initialize(network, settings.init.discriminator, settings.seed, "discriminator")
    parametrize(network, norm.weight)
    return network


def _initialize(network: NetworkModule, initializer: Initializer, seed: int, name: str) -> None:
    initializer.initialize(walk(network), streams.generator(seed, f"init/{name}"))


def build_trainer(
    settings: Settings,
    machine: Machine,
    image_set: ImageSet,
    folder: Path,
    observers: Sequence[Observer] = (),
    header: Mapping[str, Any] | None = None,
) -> Trainer:
    """The trainer of resolved settings, on ``machine``, with checkpoints under ``folder``."""
    generator = build_generator(settings).to(machine.device).to(memory_format=machine.memory_format)
    discriminator = build_discriminator(settings).to(machine.device).to(memory_format=machine.memory_format)
    averages = settings.averaging.share(1) is not None
    game = Game(
        generator=generator,
        discriminator=discriminator,
        loss=settings.loss,
        targets=settings.targets,
        latent=settings.latent,
        condition=settings.condition,
        terms=settings.regularizer,
        augments=settings.augment,
        autocast=machine.autocast,
    )
    return Trainer(
        game,
        Learner(
            "generator",
            generator,
            settings.optimizer.generator,
            average=Average(generator, settings.averaging) if averages else None,
            dtype=machine.dtype,
        ),
        Learner(
            "discriminator", discriminator, settings.optimizer.discriminator, settings.constraint, dtype=machine.dtype
        ),
        settings.schedule,
        Feed(image_set, settings.batch_size, settings.seed, machine.device, machine.memory_format),
        machine,
        steps=settings.steps,
        seed=settings.seed,
        logging=settings.logging,
        checkpoints=Checkpoints(folder / "checkpoints", settings.checkpoint),
        observers=observers,
        header=header,
    )
