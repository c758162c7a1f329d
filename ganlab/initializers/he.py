from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from ganlab.initializers.base import WeightInitializer
from ganlab.layer import Layer


@dataclass(frozen=True)
class _Rectified(WeightInitializer):
    """What both shapes share."""

    fan: Literal["in", "out"] = "in"

    def std(self, layer: Layer) -> float:
        return layer.gain / math.sqrt(layer.fan_in if self.fan == "in" else layer.fan_out)


@dataclass(frozen=True)
class He(_Rectified):
    """Weights from N(0, gain² / fan) with the gain of the activation that follows. He et al. 2015, Eq. 10 and 14.

    ``fan: in`` keeps the variance of what goes forward, ``out`` that of the gradients that come back.
    """

    def fill(self, layer: Layer, rng: torch.Generator) -> None:
        nn.init.normal_(layer.weight, 0.0, self.std(layer), generator=rng)


@dataclass(frozen=True)
class HeUniform(_Rectified):
    """Weights uniform with the variance of ``he``, gain² / fan: the bound is gain · √(3 / fan). He et al. 2015, whose
    Eq. 10 and 14 ask for a variance and leave the shape open."""

    def fill(self, layer: Layer, rng: torch.Generator) -> None:
        bound = math.sqrt(3) * self.std(layer)
        nn.init.uniform_(layer.weight, -bound, bound, generator=rng)
