from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlab.random_numbers import uniform
from ganlab.table import PositiveInt
from ganlab.types import Latent


@dataclass(frozen=True)
class UniformLatent(Latent):
    """Each number uniform in [-1, 1): variance 1/3. Radford et al. 2016, figure 1.

    Between two lies the straight line: an arc, as White 2016 draws it here too, may leave the cube, where G has been
    told nothing."""

    dim: PositiveInt = 100

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        return uniform((count, self.dim), rng) * 2 - 1
