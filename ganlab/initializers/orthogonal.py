from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from ganlab.initializers.base import WeightInitializer
from ganlab.table import Positive
from ganlab.types import Layer


@dataclass(frozen=True)
class Orthogonal(WeightInitializer):
    """The weight as a matrix (out, in · k²) with orthonormal rows (columns, where it has more rows), times the gain.

    Saxe et al. 2014. ``gain: auto`` is that of the activation that follows, otherwise a number for all layers.
    """

    gain: Literal["auto"] | Positive = "auto"

    def fill(self, layer: Layer, draw: torch.Generator) -> None:
        scale = layer.gain if self.gain == "auto" else self.gain
        # On a contiguous matrix: a transposed convolution's is a view across its stored axes.
        layer.store(nn.init.orthogonal_(torch.empty(layer.matrix.shape), scale, generator=draw))
