"""A plugin: He's initialization with one value for all biases, by which units can be planted that are never active."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from ganlab.initializers import INITIALIZERS
from ganlab.initializers.base import WeightInitializer
from ganlab.layer import Layer


@INITIALIZERS.register("biased")
@dataclass(frozen=True)
class Biased(WeightInitializer):
    """Weights from N(0, 2 / fan_in) (He et al. 2015, Eq. 10), and every bias is ``bias``."""

    bias: float = 0.0

    def fill(self, layer: Layer, rng: torch.Generator) -> None:
        nn.init.normal_(layer.weight, 0.0, (2 / layer.fan_in) ** 0.5, generator=rng)

    def fill_bias(self, layer: Layer, rng: torch.Generator) -> None:
        assert layer.bias is not None
        nn.init.constant_(layer.bias, self.bias)
