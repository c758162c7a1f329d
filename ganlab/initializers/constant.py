from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import nn

from ganlab.initializers.base import WeightInitializer
from ganlab.layer import Layer


@dataclass(frozen=True)
class Constant(WeightInitializer):
    """Constant initialization: all weights of a layer have the same value. It is a control, not a way to train.
    ``value: auto`` is 1 / fan_in, so that each unit returns the mean of its inputs; with a number that does not
    depend on the fan, activations grow or vanish with the depth.

    All units of a layer then compute the same output and receive the same gradient, so that they stay equal in every
    update, whatever the layer's width: the initialization must break this symmetry. Goodfellow et al. 2016 (Deep
    Learning), section 8.4.
    """

    is_random: ClassVar[bool] = False
    value: Literal["auto"] | float = "auto"

    def fill(self, layer: Layer, rng: torch.Generator) -> None:
        nn.init.constant_(layer.weight, 1 / layer.fan_in if self.value == "auto" else self.value)
