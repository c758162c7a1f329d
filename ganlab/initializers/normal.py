from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganlab.initializers.base import WeightInitializer
from ganlab.table import NonNegative
from ganlab.types import Layer


@dataclass(frozen=True)
class Normal(WeightInitializer):
    """Weights from N(0, std²), norm scales from N(1, norm_std²), biases 0. Radford et al. 2016, section 4: std 0.02."""

    std: NonNegative = 0.02
    norm_std: NonNegative = 0.02

    def fill(self, layer: Layer, draw: torch.Generator) -> None:
        nn.init.normal_(layer.weight, 0.0, self.std, generator=draw)

    def fill_norm(self, scale: Tensor, draw: torch.Generator) -> None:
        nn.init.normal_(scale, 1.0, self.norm_std, generator=draw)
