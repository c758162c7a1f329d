"""Decays of a learning rate: a factor of it as a function of the progress alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from ganlab.scalars import Scheduled
from ganlab.table import Fraction, Range, Table


class Decay:
    """A decay. Subclasses are dataclasses whose fields are settings."""

    def factor(self, progress: float) -> float:
        """Returns the rate's factor for the update at ``progress``, the share of the steps that is done, in [0, 1]."""
        raise TypeError(f"{type(self).__name__} defines no factor")


@dataclass(frozen=True)
class NoDecay(Decay):
    """No decay: the rate stays as it is."""

    def factor(self, progress: float) -> float:
        return 1.0


@dataclass(frozen=True)
class LinearDecay(Decay):
    """A linear decay: the full rate until ``start``, then along a line to ``to`` times the rate.

    From the first step to 0: Gulrajani et al. 2017, the CIFAR-10 code; from the middle: Zhu et al. 2017 (CycleGAN).
    """

    start: Annotated[float, Range(least=0, below=1)] = 0.0  # share of the training's steps
    to: Fraction = 0.0  # share of the rate

    def factor(self, progress: float) -> float:
        return Scheduled(1.0, self.to, "linear", since=self.start).at(progress)


@dataclass(frozen=True)
class CosineDecay(Decay):
    """A cosine decay: along half a cosine to ``to`` times the rate. Loshchilov & Hutter 2017 (SGDR), Eq. 5, without
    restarts."""

    to: Fraction = 0.0  # share of the rate

    def factor(self, progress: float) -> float:
        return Scheduled(1.0, self.to, "cosine").at(progress)


DECAYS = Table[Decay]("decay", {"none": NoDecay, "linear": LinearDecay, "cosine": CosineDecay})
