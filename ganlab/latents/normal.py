from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlab.latents.arc import arc
from ganlab.random_numbers import normal, uniform
from ganlab.table import Positive, PositiveInt
from ganlab.types import Latent


@dataclass(frozen=True)
class NormalLatent(Latent):
    """The standard normal distribution, N(0, I).

    ``truncation`` affects samples only, not training: numbers beyond ±truncation are drawn again, which improves
    single images and reduces variety (Brock et al. 2019, section 3.1, the truncation trick).
    """

    dim: PositiveInt = 100  # Radford et al. 2016, section 4; WGAN-GP uses 128
    truncation: Positive | None = None

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        return normal((count, self.dim), rng)

    def sample(self, count: int, rng: torch.Generator) -> Tensor:
        if self.truncation is None:
            return self.draw(count, rng)
        # The inverse distribution function has the same result as drawing again, for a truncation of any size.
        inside = math.erf(self.truncation / math.sqrt(2))
        position = uniform((count, self.dim), rng) * 2 - 1
        latent = torch.erfinv(position * inside) * math.sqrt(2)
        return latent.clamp(-self.truncation, self.truncation)  # because of rounding, and erfinv(±1) = ±∞

    def interpolate(self, start: Tensor, end: Tensor, share: float) -> Tensor:
        return arc(start, end, share)
