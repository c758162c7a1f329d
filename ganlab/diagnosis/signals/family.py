"""The interface of a family of signals, and the log point at which it is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from ganlab import random_streams
from ganlab.diagnosis.settings import SignalSettings
from ganlab.diagnosis.signals.measure import Measured, generate, measure
from ganlab.diagnosis.signals.reference import Reference
from ganlab.ranks import apart
from ganlab.training.diagnosis import LogPoint
from ganlab.training.feed import Feed
from ganlab.training.gan import GAN
from ganlab.training.learner import Learner

AT_ONCE = 64  # pictures that are generated in one forward pass, at most


@dataclass(frozen=True, eq=False)
class Subject:
    """The training that signals are computed of: its GAN, its learners, its data, and the random numbers that follow
    from its ``seed``. ``microbatch`` is the number of images of all ranks that an update takes at once: a batch of
    another size would have other batch statistics."""

    gan: GAN
    generator: Learner
    discriminator: Learner
    feed: Feed
    settings: SignalSettings
    seed: int
    microbatch: int

    @property
    def learners(self) -> tuple[Learner, Learner]:
        """Both learners, G's first."""
        return self.generator, self.discriminator

    @cached_property
    def reference(self) -> Reference:
        """Distances and moments of the data, computed once in a process and the same in each."""
        with apart():
            return Reference.of(self.feed, self.settings.pictures)

    @property
    def samples(self) -> int:
        """The number of images of each kind that are measured: whole packs, and no more than an update takes."""
        return self._packs(min(self.settings.samples, self.microbatch))

    def _packs(self, count: int) -> int:
        return max(count - count % self.gan.pack, self.gan.pack)


@dataclass(eq=False)
class Moment:
    """One log point of a subject. What several families need is computed once, when the first of them asks for it."""

    subject: Subject
    point: LogPoint

    def rng(self, stream: str) -> torch.Generator:
        """Returns the generator of a random stream of the diagnosis at this step, on the device of the networks."""
        device = self.subject.generator.parameters[0].device
        return random_streams.generator(self.subject.seed, f"diagnosis/{stream}", self.point.step, device=device)

    @cached_property
    def measured(self) -> Measured:
        """The measurements of one pass of some images through both networks."""
        subject = self.subject
        real = subject.feed.trained_on(subject.samples, self.point.step)
        return measure(subject.gan, subject.discriminator, real, self.rng, self.point.progress)

    @cached_property
    def pictures(self) -> Tensor:
        """Generated images (n, C, H, W), as many as ``diagnosis.pictures``."""
        subject, parts = self.subject, list[Tensor]()
        missing, largest = subject.settings.pictures, min(AT_ONCE, subject.microbatch)
        while missing:
            count = min(missing, largest)
            real = subject.feed.trained_on(count, self.point.step + len(parts)).condition

            def rngs(name: str, part: int = len(parts)) -> torch.Generator:
                return self.rng(f"pictures/{part}/{name}")

            parts.append(generate(subject.gan, count, real, rngs)[0])
            missing -= count
        return torch.cat(parts)


class Family:
    """A family of signals that are computed together. Subclasses override ``compute``."""

    at_samples: bool = False
    """Whether it is computed at sample points only, since it takes as much time as a step."""

    def before_step(self, subject: Subject) -> None:
        """Called before the last step ahead of a log point."""

    def compute(self, moment: Moment) -> Mapping[str, Tensor | float]:
        """Returns signals by name, numbers or scalars on the device. One that is not finite is left out."""
        raise TypeError(f"{type(self).__name__} computes nothing")

    def state(self) -> dict[str, Any]:
        """Returns what it must keep between log points, for a checkpoint."""
        return {}

    def restore(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Loads a saved ``state``, {} for none."""


def module(network: object) -> nn.Module:
    """Returns a network as the module that it is."""
    assert isinstance(network, nn.Module)
    return network
