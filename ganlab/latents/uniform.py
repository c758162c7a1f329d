from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlab.random_numbers import uniform
from ganlab.table import PositiveInt
from ganlab.types import Latent


@dataclass(frozen=True)
class UniformLatent(Latent):
    """The uniform distribution: each number in [-1, 1), variance 1/3. Radford et al. 2016, figure 1.

    Interpolation is linear: an arc, which White 2016 uses for this distribution too, may leave the cube, and G was
    trained on no latents outside it.
    """

    dim: PositiveInt = 100

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        return uniform((count, self.dim), rng) * 2 - 1
