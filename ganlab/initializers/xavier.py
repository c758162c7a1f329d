from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn

from ganlab.initializers.base import WeightInitializer
from ganlab.layer import Layer
from ganlab.table import Positive


@dataclass(frozen=True)
class Xavier(WeightInitializer):
    """Weights uniform with variance gain² · 2 / (fan_in + fan_out). Glorot & Bengio 2010, Eq. 16.

    The paper's scheme assumes an activation that is linear around 0 and has no gain: 1, not the activation's, so that
    what it costs in front of a ReLU can be seen beside ``he``.
    """

    gain: Positive = 1.0

    def fill(self, layer: Layer, rng: torch.Generator) -> None:
        bound = self.gain * math.sqrt(6 / (layer.fan_in + layer.fan_out))
        nn.init.uniform_(layer.weight, -bound, bound, generator=rng)


@dataclass(frozen=True)
class XavierNormal(WeightInitializer):
    """Weights from N(0, gain² · 2 / (fan_in + fan_out)): the variance of ``xavier``, Glorot & Bengio 2010, Eq. 12, in
    another shape. The gain is 1 as there."""

    gain: Positive = 1.0

    def fill(self, layer: Layer, rng: torch.Generator) -> None:
        nn.init.normal_(layer.weight, 0.0, self.gain * math.sqrt(2 / (layer.fan_in + layer.fan_out)), generator=rng)
