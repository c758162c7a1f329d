from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ganlab.latents.arc import arc
from ganlab.random_numbers import normal
from ganlab.table import PositiveInt
from ganlab.types import Latent


@dataclass(frozen=True)
class SphereLatent(Latent):
    """The uniform distribution on the sphere of radius √dim, near which a standard normal of many dimensions is
    concentrated: each number has mean square 1. Karras et al. 2018 (ProGAN) normalise latents in this way; White 2016
    describes interpolation on the sphere."""

    dim: PositiveInt = 512  # Karras et al. 2018, appendix A

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        return F.normalize(normal((count, self.dim), rng), dim=1) * math.sqrt(self.dim)

    def interpolate(self, start: Tensor, end: Tensor, share: float) -> Tensor:
        return arc(start, end, share)
