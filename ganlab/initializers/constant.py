from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import nn

from ganlab.initializers.base import WeightInitializer
from ganlab.layer import Layer


@dataclass(frozen=True)
class Constant(WeightInitializer):
    """Every weight of a layer the same: a control, not a way to train. ``value: auto`` is 1 / fan_in, so that each unit
    gives the mean of its inputs; a number that is not made for the fan grows or dies with the depth.

    All units of a layer then compute one thing and get one gradient, so that no update ever tells them apart, however
    wide the layer. Symmetry has to be broken by the start. Goodfellow et al. 2016 (Deep Learning), section 8.4.
    """

    is_random: ClassVar[bool] = False
    value: Literal["auto"] | float = "auto"

    def fill(self, layer: Layer, rng: torch.Generator) -> None:
        nn.init.constant_(layer.weight, 1 / layer.fan_in if self.value == "auto" else self.value)
