from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ganlab.initializers.base import WeightInitializer
from ganlab.initializers.he import He
from ganlab.initializers.xavier import XavierNormal
from ganlab.layer import Layer, UninitializedNetwork


@dataclass(frozen=True)
class Adaptive(WeightInitializer):
    """Adaptive initialization: the scheme of each layer depends on its activation and on the depth of the network.

    Layers before tanh and sigmoid, and output layers: ``xavier_normal`` (Glorot & Bengio 2010). All others: ``he``
    with the gain of the activation that follows (He et al. 2015), which is 1 for a layer inside the network that no
    activation follows. The last layer of each residual branch is scaled by 1 / √(number of such layers), Radford et
    al. 2019 (GPT-2), so that the variances of all branches together add up to that of one branch, at any depth.
    """

    def initialize(self, network: UninitializedNetwork, rng: torch.Generator) -> Sequence[str]:
        notes = super().initialize(network, rng)
        residual = [layer for layer in network.layers if layer.role == "residual"]
        for layer in residual:
            layer.weight.detach().div_(math.sqrt(len(residual)))
        return notes

    def fill(self, layer: Layer, rng: torch.Generator) -> None:
        saturates = layer.activation in ("tanh", "sigmoid")
        scheme = XavierNormal() if saturates or layer.role == "output" else He()
        scheme.fill(layer, rng)
