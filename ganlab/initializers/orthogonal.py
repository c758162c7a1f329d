from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from ganlab.initializers.base import WeightInitializer, fill_orthonormal, names
from ganlab.layer import Layer, UninitializedNetwork
from ganlab.table import Positive


@dataclass(frozen=True)
class OrthogonalInitializer(WeightInitializer):
    """Orthogonal initialization: the weight as a matrix (out, in · k²) has orthonormal rows, or orthonormal columns
    if it has more rows than columns, times the gain. Saxe et al. 2014.

    ``gain: auto`` is the gain of the activation that follows; a number holds for all layers.
    """

    gain: Literal["auto"] | Positive = "auto"

    def fill(self, layer: Layer, rng: torch.Generator) -> None:
        fill_orthonormal(layer, _scale(self.gain, layer), rng)


@dataclass(frozen=True)
class DeltaOrthogonal(WeightInitializer):
    """Delta-orthogonal initialization: a convolution's kernel is 0 except at its centre, which is a matrix (out, in)
    with orthonormal columns, times the gain. At stride 1 each pixel's vector keeps its length. Xiao et al. 2018.
    Dense layers and embeddings are orthogonal.

    A convolution is filled by ``orthogonal`` instead, and named in a note, in three cases: a side of its kernel is
    even, so that the kernel has no centre; it has fewer outputs than inputs, so that no matrix preserves lengths; or
    it is a transposed convolution of stride 2 or more, whose centre alone would leave most output pixels at 0.
    """

    gain: Literal["auto"] | Positive = "auto"

    def initialize(self, network: UninitializedNetwork, rng: torch.Generator) -> Sequence[str]:
        super().initialize(network, rng)
        without: dict[str, list[Layer]] = {}
        for layer in network.layers:
            if reason := _obstacle(layer):
                without.setdefault(reason, []).append(layer)
        return [
            f"delta_orthogonal filled {names(layers)} by orthogonal: {reason}" for reason, layers in without.items()
        ]

    def fill(self, layer: Layer, rng: torch.Generator) -> None:
        scale = _scale(self.gain, layer)
        if layer.weight.dim() == 2 or _obstacle(layer):
            fill_orthonormal(layer, scale, rng)
            return
        weight = layer.weight.detach()
        height, width = weight.shape[2:]
        inputs, outputs = weight.shape[:2] if layer.stored_transposed else weight.shape[1::-1]
        centre = nn.init.orthogonal_(torch.empty(outputs, inputs), scale, generator=rng)
        weight.zero_()
        weight[:, :, height // 2, width // 2] = centre.t() if layer.stored_transposed else centre


def _scale(gain: float | str, layer: Layer) -> float:
    return layer.gain if gain == "auto" else float(gain)


def _obstacle(layer: Layer) -> str | None:
    """Returns the reason why a convolution cannot have a delta-orthogonal kernel, or None if it can."""
    if layer.kind not in ("convolution", "transposed_convolution"):
        return None
    inputs, outputs = layer.weight.shape[:2] if layer.stored_transposed else layer.weight.shape[1::-1]
    if any(side % 2 == 0 for side in layer.weight.shape[2:]):
        return "a kernel with an even side has no centre"
    if layer.kind == "transposed_convolution" and layer.stride > 1:
        return "the centre of a strided transposed kernel reaches only some of the output pixels"
    if outputs < inputs:
        return "with fewer outputs than inputs no kernel keeps the length of every input"
    return None
