"""What the initializers share: biases at 0, norms at scale 1, and one method for the weights between."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganlab.types import Blank, Initializer, Layer


class WeightInitializer(Initializer):
    """Fills each weight by ``fill``, biases with 0, and norms with scale 1 and shift 0."""

    def initialize(self, blank: Blank, draw: torch.Generator) -> Sequence[str]:
        for layer in blank.layers:
            if layer.kind == "norm":
                self.fill_norm(layer.weight, draw)
            else:
                self.fill(layer, draw)
            if layer.bias is not None:
                self.fill_bias(layer, draw)
        return ()

    def fill(self, layer: Layer, draw: torch.Generator) -> None:
        """Fills ``layer.weight`` of a dense layer, an embedding or a convolution."""
        raise TypeError(f"{type(self).__name__} does not say how it fills a weight")

    def fill_bias(self, layer: Layer, draw: torch.Generator) -> None:
        """Fills ``layer.bias``."""
        assert layer.bias is not None
        nn.init.zeros_(layer.bias)

    def fill_norm(self, scale: Tensor, draw: torch.Generator) -> None:
        """Fills the scale (channels,) of a norm layer."""
        nn.init.ones_(scale)
