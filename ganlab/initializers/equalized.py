from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from ganlab.initializers.base import WeightInitializer
from ganlab.layer import Layer


@dataclass(frozen=True)
class EqualizedInitializer(WeightInitializer):
    """Weights from N(0, 1), for layers that scale them by gain / √fan_in as they apply them. Karras et al. 2018,
    section 4.1. It goes with ``norm.<network>.weight=equalized``: each brings the other along where that is
    ``auto``."""

    def fill(self, layer: Layer, rng: torch.Generator) -> None:
        nn.init.normal_(layer.weight, generator=rng)
