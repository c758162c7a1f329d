from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from ganlab.initializers.base import WeightInitializer
from ganlab.layer import Layer


@dataclass(frozen=True)
class EqualizedInitializer(WeightInitializer):
    """Draws weights from N(0, 1), for layers with an equalized learning rate, which multiply them by gain / √fan_in
    when they apply them. Karras et al. 2018, section 4.1. It requires ``norm.<network>.weight=equalized``; each of
    the two settings selects the other if that is ``auto``."""

    def fill(self, layer: Layer, rng: torch.Generator) -> None:
        nn.init.normal_(layer.weight, generator=rng)
