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
    """Standard normal.

    ``truncation`` changes pictures only, not training: numbers beyond ± that are drawn again, for better single images
    and less variety (Brock et al. 2019, section 3.1, the truncation trick).
    """

    dim: PositiveInt = 100  # Radford et al. 2016, section 4; WGAN-GP uses 128
    truncation: Positive | None = None

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        return normal((count, self.dim), rng)

    def sample(self, count: int, rng: torch.Generator) -> Tensor:
        if self.truncation is None:
            return self.draw(count, rng)
        # The distribution's inverse, which is what drawing again comes to, however little is left of it.
        inside = math.erf(self.truncation / math.sqrt(2))
        position = uniform((count, self.dim), rng) * 2 - 1
        latent = torch.erfinv(position * inside) * math.sqrt(2)
        return latent.clamp(-self.truncation, self.truncation)  # rounding, and erfinv(±1) where nothing is cut off

    def interpolate(self, start: Tensor, end: Tensor, share: float) -> Tensor:
        return arc(start, end, share)
