from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from ganlab.initializers.base import WeightInitializer
from ganlab.layer import Layer
from ganlab.table import NonNegative


@dataclass(frozen=True)
class UniformInitializer(WeightInitializer):
    """Uniform initialization: weights in [-bound, bound] for all layers, with standard deviation bound / √3. The
    default bound is that of Keras, Chollet 2015."""

    bound: NonNegative = 0.05

    def fill(self, layer: Layer, rng: torch.Generator) -> None:
        nn.init.uniform_(layer.weight, -self.bound, self.bound, generator=rng)
