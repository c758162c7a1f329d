from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ganlab.draws import normal
from ganlab.latents.arc import arc
from ganlab.table import Count
from ganlab.types import Latent


@dataclass(frozen=True)
class Sphere(Latent):
    """Uniform on the sphere of radius √dim, where a standard normal of many dimensions lies anyway: each number has
    mean square 1. Karras et al. 2018 (ProGAN) normalise latents so; White 2016 on interpolation there."""

    dim: Count = 512  # Karras et al. 2018, appendix A

    def draw(self, count: int, draw: torch.Generator) -> Tensor:
        return F.normalize(normal((count, self.dim), draw), dim=1) * math.sqrt(self.dim)

    def between(self, start: Tensor, end: Tensor, share: float) -> Tensor:
        return arc(start, end, share)
