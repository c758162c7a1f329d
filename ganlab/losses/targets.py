from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlab.random_numbers import uniform
from ganlab.table import Fraction
from ganlab.types import RandomStreams, TargetPair


@dataclass(frozen=True)
class Targets:
    """The target probabilities of D for reals and for fakes.

    One-sided label smoothing is ``real`` below 1 with ``fake`` at 0 (Salimans et al. 2016, section 3.4: 0.9), two-sided
    has ``fake`` above 0 too. ``flip`` is the probability that a sample gets the other kind's target; ``noise``
    moves each sample's target uniformly by up to ±noise, within [0, 1] (both: Chintala et al. 2016, "How to train a
    GAN", tip 6). Reals and fakes have random numbers of their own.
    """

    real: Fraction = 1.0
    fake: Fraction = 0.0
    noise: Fraction = 0.0
    flip: Fraction = 0.0

    def draw(self, samples: int, rngs: RandomStreams) -> TargetPair:
        """Returns the targets of one D update with so many ``samples`` of each kind: numbers, or tensors (samples,) if
        they are random."""
        real: Tensor | float = self.real
        fake: Tensor | float = self.fake
        if self.flip:
            flip_real, flip_fake = _uniform(samples, rngs("targets/flip")) < self.flip
            real, fake = (
                self.real + (self.fake - self.real) * flip_real,
                self.fake + (self.real - self.fake) * flip_fake,
            )
        if self.noise:
            on_real, on_fake = self.noise * (2 * _uniform(samples, rngs("targets/noise")) - 1)
            real, fake = (on_real + real).clamp(0, 1), (on_fake + fake).clamp(0, 1)
        return TargetPair(real, fake)


def _uniform(samples: int, rng: torch.Generator) -> Tensor:
    """Draws from U(0, 1) for reals and for fakes, (2, samples)."""
    return uniform((2, samples), rng, along=1, judged=True)
