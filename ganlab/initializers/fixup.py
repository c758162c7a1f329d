from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from ganlab.initializers.base import WeightInitializer
from ganlab.initializers.he import He
from ganlab.layer import Layer, UninitializedNetwork


@dataclass(frozen=True)
class Fixup(WeightInitializer):
    """Fixup initialization: residual networks train without a norm. Zhang et al. 2019, section 3, rules 1 and 2.

    All weights start as in ``he``. Then the weights on a residual branch are multiplied by L^(-1 / (2m - 2)), where L
    is the number of branches of the network and m the number of weight layers on the branch; the last layer of each
    branch starts at 0, and so does the output layer unless ``zero_output`` is false. Rule 3, learned scalar biases and
    multipliers on each branch, belongs to the architecture and is not included; it is meant for ``norm.layer=none``.

    With an output of 0 the generator's first images are uniformly grey, and the discriminator's first logits are 0.
    """

    zeroes_layers: ClassVar[bool] = True
    zero_output: bool = True

    def initialize(self, network: UninitializedNetwork, rng: torch.Generator) -> Sequence[str]:
        notes = list(super().initialize(network, rng))
        if not any(layer.branch for layer in network.layers):
            notes.append("fixup found no residual branches, so hidden layers are filled as by he")
        return notes

    def fill(self, layer: Layer, rng: torch.Generator) -> None:
        He().fill(layer, rng)
        branch = layer.branch
        if (layer.role == "output" and self.zero_output) or (branch and branch.is_last):
            nn.init.zeros_(layer.weight)
        elif branch:
            layer.weight.detach().mul_(branch.count ** (-1 / (2 * branch.length - 2)))
