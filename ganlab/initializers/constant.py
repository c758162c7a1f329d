from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from ganlab.initializers.base import WeightInitializer
from ganlab.types import Layer


@dataclass(frozen=True)
class Constant(WeightInitializer):
    """Every weight the same ``value``: a control, not a way to train.

    All units of a layer then compute one thing and get one gradient, so that no update ever tells them apart, however
    wide the layer. Symmetry has to be broken by the start. Goodfellow et al. 2016 (Deep Learning), section 8.4.
    """

    value: float = 0.02

    def fill(self, layer: Layer, draw: torch.Generator) -> None:
        nn.init.constant_(layer.weight, self.value)
