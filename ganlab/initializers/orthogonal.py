from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from ganlab.initializers.base import WeightInitializer, gain
from ganlab.table import Positive
from ganlab.types import Layer


@dataclass(frozen=True)
class Orthogonal(WeightInitializer):
    """The weight as a matrix (out, in · k²) with orthonormal rows (columns, where it has more rows), times the gain.

    Saxe et al. 2014. ``gain: auto`` is that of the activation that follows, otherwise a number for all layers.
    """

    gain: Literal["auto"] | Positive = "auto"

    def fill(self, layer: Layer, draw: torch.Generator) -> None:
        scale = gain(layer) if self.gain == "auto" else self.gain
        # On a contiguous matrix: a transposed convolution's is a view across its stored axes.
        matrix = nn.init.orthogonal_(torch.empty(layer.matrix.shape), scale, generator=draw)
        stored = layer.weight.detach()
        if layer.kind == "transposed_convolution":
            stored.copy_(matrix.view(stored.shape[1], stored.shape[0], *stored.shape[2:]).transpose(0, 1))
        else:
            stored.copy_(matrix.view(stored.shape))
