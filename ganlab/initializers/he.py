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
    """The base class of both He initializers, with the standard deviation of the weights."""

    fan: Literal["in", "out"] = "in"

    def std(self, layer: Layer) -> float:
        return layer.gain / math.sqrt(layer.fan_in if self.fan == "in" else layer.fan_out)


@dataclass(frozen=True)
class He(_Rectified):
    """He initialization, normal: weights from N(0, gain² / fan) with the gain of the activation that follows. He et
    al. 2015, Eq. 10 and 14.

    ``fan: in`` preserves the variance of activations in the forward pass, ``out`` that of gradients in the backward
    pass.
    """

    def fill(self, layer: Layer, rng: torch.Generator) -> None:
        nn.init.normal_(layer.weight, 0.0, self.std(layer), generator=rng)


@dataclass(frozen=True)
class HeUniform(_Rectified):
    """He initialization, uniform: weights in ±gain · √(3 / fan), which have the variance of ``he``, gain² / fan. He
    et al. 2015: Eq. 10 and 14 determine the variance and leave the distribution open."""

    def fill(self, layer: Layer, rng: torch.Generator) -> None:
        bound = math.sqrt(3) * self.std(layer)
        nn.init.uniform_(layer.weight, -bound, bound, generator=rng)
