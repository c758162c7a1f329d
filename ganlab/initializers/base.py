"""The base class of most initializers, which sets biases to 0 and norm scales to 1, and functions that they share."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganlab.layer import Initializer, Layer, UninitializedNetwork


class WeightInitializer(Initializer):
    """Fills each weight by ``fill``, biases with 0, and norms with scale 1 and shift 0."""

    def initialize(self, network: UninitializedNetwork, rng: torch.Generator) -> Sequence[str]:
        for layer in network.layers:
            if layer.kind == "norm":
                self.fill_norm(layer.weight, rng)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
                continue
            self.fill(layer, rng)
            if layer.bias is not None:
                self.fill_bias(layer, rng)
        return ()

    def fill(self, layer: Layer, rng: torch.Generator) -> None:
        """Fills ``layer.weight`` of a dense layer, an embedding or a convolution."""
        raise TypeError(f"{type(self).__name__} fills no weight")

    def fill_bias(self, layer: Layer, rng: torch.Generator) -> None:
        """Fills ``layer.bias`` of a dense layer or a convolution."""
        assert layer.bias is not None
        nn.init.zeros_(layer.bias)

    def fill_norm(self, scale: Tensor, rng: torch.Generator) -> None:
        """Fills the scale of a norm layer: (channels,), or (classes, channels) where it is conditional."""
        nn.init.ones_(scale)


def fill_orthonormal(layer: Layer, scale: float, rng: torch.Generator) -> None:
    """Fills the weight, as a matrix (out, in · k²), with orthonormal rows times ``scale``, or orthonormal columns if
    it has more rows than columns."""
    # The new matrix is contiguous; a transposed convolution's matrix is a view across its stored axes.
    layer.store(nn.init.orthogonal_(torch.empty(layer.matrix.shape), scale, generator=rng))


def names(layers: Sequence[Layer]) -> str:
    """Returns the layers' names as text for a note."""
    return ", ".join(layer.name for layer in layers)
