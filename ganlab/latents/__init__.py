"""What G starts from, one distribution a class."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlab.table import Count, Table
from ganlab.types import Latent


@dataclass(frozen=True)
class Normal(Latent):
    """Standard normal."""

    dim: Count = 100  # Radford et al. 2016, section 4; WGAN-GP uses 128

    def draw(self, count: int, draw: torch.Generator) -> Tensor:
        return torch.randn(count, self.dim, generator=draw, device=draw.device)


LATENTS = Table[Latent]("latent", {"normal": Normal})
