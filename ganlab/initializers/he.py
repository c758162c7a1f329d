from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from ganlab.initializers.base import WeightInitializer
from ganlab.types import Layer


@dataclass(frozen=True)
class He(WeightInitializer):
    """Weights from N(0, gain² / fan) with the gain of the activation that follows. He et al. 2015, Eq. 10 and 14.

    ``fan: in`` keeps the variance of what goes forward, ``out`` that of the gradients that come back.
    """

    fan: Literal["in", "out"] = "in"

    def fill(self, layer: Layer, draw: torch.Generator) -> None:
        fan = layer.fan_in if self.fan == "in" else layer.fan_out
        nn.init.normal_(layer.weight, 0.0, layer.gain / math.sqrt(fan), generator=draw)
