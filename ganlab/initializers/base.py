"""What the initializers share: biases at 0, norms at scale 1, and one method for the weights between."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ganlab.types import Initializer, Layer


def gain(layer: Layer) -> float:
    """How much a weight must amplify so that the activation behind it keeps the variance of what went in.

    √2 / √(1 + slope²) for ReLU and LeakyReLU, whose negative half is lost or weakened (He et al. 2015, Eq. 15); 1 for
    tanh and no activation, which are linear around 0 (Glorot & Bengio 2010, section 4.2.1).
    """
    return math.sqrt(2 / (1 + layer.slope**2)) if layer.activation in ("relu", "leaky_relu") else 1.0


class WeightInitializer(Initializer):
    """Fills each weight by ``fill``, biases with 0, and norms with scale 1 and shift 0."""

    def initialize(self, layers: Iterable[Layer], draw: torch.Generator) -> None:
        for layer in layers:
            if layer.kind == "norm":
                self.fill_norm(layer.weight, draw)
            else:
                self.fill(layer, draw)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def fill(self, layer: Layer, draw: torch.Generator) -> None:
        """Fills ``layer.weight`` of a dense layer or a convolution."""
        raise TypeError(f"{type(self).__name__} does not say how it fills a weight")

    def fill_norm(self, scale: Tensor, draw: torch.Generator) -> None:
        """Fills the scale (channels,) of a norm layer."""
        nn.init.ones_(scale)
