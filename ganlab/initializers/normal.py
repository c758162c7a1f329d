from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn

from ganlab.initializers.base import WeightInitializer
from ganlab.layer import Layer
from ganlab.table import NonNegative, Positive, Range


@dataclass(frozen=True)
class NormalInitializer(WeightInitializer):
    """Normal initialization: weights from N(0, std²), norm scales from N(1, norm_std²), biases 0. Radford et al.
    2016, section 4: std 0.02."""

    std: NonNegative = 0.02
    norm_std: NonNegative = 0.02

    def fill(self, layer: Layer, rng: torch.Generator) -> None:
        nn.init.normal_(layer.weight, 0.0, self.std, generator=rng)

    def fill_norm(self, scale: Tensor, rng: torch.Generator) -> None:
        nn.init.normal_(scale, 1.0, self.norm_std, generator=rng)


@dataclass(frozen=True)
class TruncatedNormal(WeightInitializer):
    """Truncated normal initialization: weights from N(0, std²), restricted to ±``bound`` · std. TensorFlow's
    truncated_normal, Abadi et al. 2016.

    ``std`` is the standard deviation before truncation. That of the weights is smaller, by the factor √(1 - 2bφ(b) /
    (2Φ(b) - 1)), with b the bound and φ and Φ the density and distribution function of the standard normal: 0.880 at
    2. Beyond a bound of 5, fewer than one weight in 1.7 million would be affected.
    """

    std: Positive = 0.02
    bound: Annotated[float, Range(above=0, most=5)] = 2.0  # in units of std

    def fill(self, layer: Layer, rng: torch.Generator) -> None:
        cut = self.bound * self.std
        nn.init.trunc_normal_(layer.weight, 0.0, self.std, -cut, cut, generator=rng)
