from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlab.random_numbers import uniform
from ganlab.scalars import at
from ganlab.table import Fraction, Moving
from ganlab.types import RandomStreams, TargetPair


@dataclass(frozen=True)
class Targets:
    """The target probabilities of D for reals and for fakes.

    One-sided label smoothing has ``real`` below 1 and ``fake`` at 0 (Salimans et al. 2016, section 3.4: 0.9);
    two-sided smoothing has ``fake`` above 0 too. ``flip`` is the probability that a sample receives the target of the
    other kind; ``noise`` shifts each sample's target uniformly by up to ±noise, within [0, 1] (both: Chintala et al.
    2016, "How to train a GAN", tip 6). Reals and fakes have separate random numbers.
    """

    real: Moving[Fraction] = 1.0
    fake: Moving[Fraction] = 0.0
    noise: Moving[Fraction] = 0.0
    flip: Moving[Fraction] = 0.0

    def draw(self, samples: int, rngs: RandomStreams, progress: float | Tensor = 0.0) -> TargetPair:
        """Draws the targets of a D update at ``progress`` of training, 0 to 1, for ``samples`` reals and as many
        fakes: numbers, or tensors (samples,) if they are random."""
        real, fake = hard = at(self.real, progress), at(self.fake, progress)
        # A schedule draws even if its value is 0, so that an update's random streams do not depend on the progress.
        if self.flip:
            flip_real, flip_fake = (_uniform(samples, rngs("targets/flip")) < at(self.flip, progress)).float()
            real, fake = hard[0] + (hard[1] - hard[0]) * flip_real, hard[1] + (hard[0] - hard[1]) * flip_fake
        if self.noise:
            on_real, on_fake = at(self.noise, progress) * (2 * _uniform(samples, rngs("targets/noise")) - 1)
            real, fake = (on_real + real).clamp(0, 1), (on_fake + fake).clamp(0, 1)
        return TargetPair(real, fake)


def _uniform(samples: int, rng: torch.Generator) -> Tensor:
    """Draws values from U(0, 1) for reals and for fakes, (2, samples)."""
    return uniform((2, samples), rng, along=1, per_sample=True)
