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
    """Xavier initialization, uniform, with variance gain² · 2 / (fan_in + fan_out). Glorot & Bengio 2010, Eq. 16.

    The paper's scheme assumes an activation that is linear around 0 and has no gain. The default is therefore 1, and
    not the activation's gain, so that the effect of this assumption before a ReLU can be compared with ``he``.
    """

    gain: Positive = 1.0

    def fill(self, layer: Layer, rng: torch.Generator) -> None:
        bound = self.gain * math.sqrt(6 / (layer.fan_in + layer.fan_out))
        nn.init.uniform_(layer.weight, -bound, bound, generator=rng)


@dataclass(frozen=True)
class XavierNormal(WeightInitializer):
    """Xavier initialization, normal: weights from N(0, gain² · 2 / (fan_in + fan_out)), which have the variance of
    ``xavier``, Glorot & Bengio 2010, Eq. 12. The default gain is 1, as for ``xavier``."""

    gain: Positive = 1.0

    def fill(self, layer: Layer, rng: torch.Generator) -> None:
        nn.init.normal_(layer.weight, 0.0, self.gain * math.sqrt(2 / (layer.fan_in + layer.fan_out)), generator=rng)
