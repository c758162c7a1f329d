from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlab.random_numbers import uniform
from ganlab.table import Fraction
from ganlab.types import RandomStreams, TargetPair


@dataclass(frozen=True)
class Targets:
    """What D is asked to say of reals and of fakes, as probabilities.

    One-sided label smoothing is ``real`` below 1 with ``fake`` at 0 (Salimans et al. 2016, section 3.4: 0.9), two-sided
    has ``fake`` above 0 too. ``flip`` is the probability with which a judged sample is given the other kind's target;
    ``noise`` moves each judged sample's target uniformly by up to ±noise, within [0, 1] (both: Chintala et al. 2016,
    "How to train a GAN", tip 6). Reals and fakes are drawn apart.
    """

    real: Fraction = 1.0
    fake: Fraction = 0.0
    noise: Fraction = 0.0
    flip: Fraction = 0.0

    def draw(self, judged: int, rngs: RandomStreams) -> TargetPair:
        """The targets of one D update with ``judged`` judged samples of each kind: numbers, or (judged,) each where
        they are random."""
        real: Tensor | float = self.real
        fake: Tensor | float = self.fake
        if self.flip:
            real_condition, fake_condition = _uniform(judged, rngs("targets/flip")) < self.flip
            real, fake = (
                self.real + (self.fake - self.real) * real_condition,
                self.fake + (self.real - self.fake) * fake_condition,
            )
        if self.noise:
            on_real, on_fake = self.noise * (2 * _uniform(judged, rngs("targets/noise")) - 1)
            real, fake = (on_real + real).clamp(0, 1), (on_fake + fake).clamp(0, 1)
        return TargetPair(real, fake)


def _uniform(judged: int, generator: torch.Generator) -> Tensor:
    """U(0, 1) for reals and for fakes, (2, judged)."""
    return uniform((2, judged), generator, along=1, judged=True)
