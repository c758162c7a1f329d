"""How a learning rate falls over the training: a factor of it that follows from the progress alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from ganlab.table import Fraction, Range, Table


class Decay:
    """Subclasses are dataclasses: their fields are settings."""

    def factor(self, progress: float) -> float:
        """The rate's factor for the update that comes when ``progress``, 0 to 1, of the steps are done."""
        raise TypeError(f"{type(self).__name__} does not say how the rate falls")


@dataclass(frozen=True)
class NoDecay(Decay):
    """The rate stays."""

    def factor(self, progress: float) -> float:
        return 1.0


@dataclass(frozen=True)
class LinearDecay(Decay):
    """The whole rate until ``start``, then along a line to ``to`` times the rate.

    From the first step to 0: Gulrajani et al. 2017, the CIFAR-10 code; from the middle: Zhu et al. 2017 (CycleGAN).
    """

    start: Annotated[float, Range(least=0, below=1)] = 0.0  # share of the training's steps
    to: Fraction = 0.0  # share of the rate

    def factor(self, progress: float) -> float:
        fallen = max(progress - self.start, 0.0) / (1 - self.start)
        return 1 - (1 - self.to) * fallen


@dataclass(frozen=True)
class CosineDecay(Decay):
    """Along half a cosine to ``to`` times the rate. Loshchilov & Hutter 2017 (SGDR), Eq. 5, without restarts."""

    to: Fraction = 0.0  # share of the rate

    def factor(self, progress: float) -> float:
        return self.to + (1 - self.to) * (1 + math.cos(math.pi * progress)) / 2


DECAYS = Table[Decay]("decay", {"none": NoDecay, "linear": LinearDecay, "cosine": CosineDecay})
