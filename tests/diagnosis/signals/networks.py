"""A linear GAN of points of the plane, of which every signal is known."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ganlab.conditions.unconditional import Unconditional
from ganlab.diagnosis.settings import SignalSettings
from ganlab.diagnosis.signals import Subject
from ganlab.diagnosis.signals.family import Moment
from ganlab.latents import NormalLatent
from ganlab.losses import Targets
from ganlab.losses.bce import BCE
from ganlab.networks.base import DiscriminatorModule, GeneratorModule
from ganlab.networks.layers import Dense
from ganlab.training.diagnosis import LogPoint
from ganlab.training.gan import GAN
from ganlab.training.learner import Learner
from ganlab.training.optimizers import SGD
from ganlab.types import Batch, Condition, DiscriminatorOutput, Generated

DIM = 2


class LinearGenerator(GeneratorModule):
    def __init__(self) -> None:
        super().__init__()
        self.layer = Dense(DIM, 2, follows=None, bias=False, role="output")

    def forward(self, latent: Tensor, condition: Condition) -> Generated:
        return Generated(self.layer(latent).view(-1, 2, 1, 1))


class LinearDiscriminator(DiscriminatorModule):
    def __init__(self) -> None:
        super().__init__()
        self.layer = Dense(2, 1, follows=None, bias=False, role="output")

    def forward(self, batch: Batch, features: bool = False) -> DiscriminatorOutput:
        points = batch.images.flatten(1)
        return DiscriminatorOutput(self.layer(points).squeeze(1), {}, [3 * points] if features else ())


class Points:
    """A feed of 300 points, the same at every step."""

    drawn, batch_size = 0, 64

    def __init__(self) -> None:
        rng = torch.Generator().manual_seed(7)
        self.points = torch.randn(300, 2, 1, 1, generator=rng) * torch.tensor([2.0, 0.5]).view(2, 1, 1) + 1

    def trained_on(self, count: int, step: int) -> Batch:
        return Batch(self.points[:count])


def linear(**settings: Any) -> Subject:
    """The subject of an untrained linear GAN."""
    torch.manual_seed(3)
    generator, discriminator = LinearGenerator(), LinearDiscriminator()
    gan = GAN(
        generator, discriminator, BCE(), Targets(), NormalLatent(DIM), Unconditional(), 0, {}, {}, lambda: nullcontext()
    )
    learners = (
        Learner("generator", generator, SGD(lr=0.1)),
        Learner("discriminator", discriminator, SGD(lr=0.1)),
    )
    return Subject(gan, *learners, Points(), replace(SignalSettings(), **settings), 5, 64)  # type: ignore[arg-type]


def moment(subject: Subject, values: Mapping[str, float] | None = None, step: int = 10, **facts: Any) -> Moment:
    point = LogPoint(step, 0.5, values or {}, {"generator": 2, "discriminator": 2}, True, True)
    return Moment(subject, replace(point, **facts))
