from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn

from ganlab.initializers.base import WeightInitializer
from ganlab.layer import Layer


@dataclass(frozen=True)
class Default(WeightInitializer):
    """PyTorch's default initialization: weights and biases uniform in ±1 / √fan, embeddings from N(0, 1). Paszke et
    al. 2019 (``reset_parameters``).

    PyTorch counts the fan over the second axis of the stored weight: in · k², but out · k² for a transposed
    convolution.
    """

    def fill(self, layer: Layer, rng: torch.Generator) -> None:
        if layer.kind == "embedding":
            nn.init.normal_(layer.weight, generator=rng)
        else:
            bound = _bound(layer)
            nn.init.uniform_(layer.weight, -bound, bound, generator=rng)

    def fill_bias(self, layer: Layer, rng: torch.Generator) -> None:
        assert layer.bias is not None
        bound = _bound(layer)
        nn.init.uniform_(layer.bias, -bound, bound, generator=rng)


def _bound(layer: Layer) -> float:
    return 1 / math.sqrt(layer.weight[0].numel())
