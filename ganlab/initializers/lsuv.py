from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlab.initializers.base import WeightInitializer, fill_orthonormal, names
from ganlab.layer import Layer, UninitializedNetwork
from ganlab.table import NonNegativeInt, Positive


@dataclass(frozen=True)
class LSUV(WeightInitializer):
    """Layer-sequential unit variance: weights start orthonormal; then, layer by layer in the order in which the
    layers were built, each weight is divided by the standard deviation of the layer's output on a batch of training
    data. Mishkin & Matas 2016, Algorithm 1.

    A layer is finished when its output's variance, over images, channels and pixels and before norm and activation,
    is within ``tolerance`` (0.01 to 0.1 in the paper) of ``variance``, or after ``iterations`` rescalings. If biases
    are 0, an output is proportional to its weight, so that one rescaling usually suffices. Embeddings stay
    orthonormal: they copy a row and sum nothing. Notes name the layers whose output does not vary and the layers that
    are not within the tolerance at the end, and report a network for which there is no data.
    """

    variance: Positive = 1.0
    tolerance: Positive = 0.1
    iterations: NonNegativeInt = 10

    def initialize(self, network: UninitializedNetwork, rng: torch.Generator) -> Sequence[str]:
        super().initialize(network, rng)
        if network.layer_output is None:
            return ["lsuv had no training data to measure outputs on: the weights are orthonormal only"]
        constant: list[Layer] = []
        outside: list[Layer] = []
        for layer in network.layers:
            if layer.kind not in ("norm", "embedding"):
                variance = self.rescale(layer, network.layer_output)
                if variance is None:
                    constant.append(layer)
                elif not self.reached(variance):
                    outside.append(layer)
        notes = []
        if constant:
            notes.append(f"lsuv left {names(constant)} orthonormal: the output does not vary over the data")
        if outside:
            limits = f"within {self.tolerance:g} of {self.variance:g}"
            notes.append(f"lsuv: the output variance of {names(outside)} is not {limits}")
        return notes

    def fill(self, layer: Layer, rng: torch.Generator) -> None:
        fill_orthonormal(layer, 1.0, rng)

    def reached(self, variance: float) -> bool:
        """Whether a variance is within the tolerance."""
        return abs(variance - self.variance) < self.tolerance

    def rescale(self, layer: Layer, layer_output: Callable[[Layer], Tensor]) -> float | None:
        """Rescales the weight, and returns the last variance of the layer's output, or None if the output cannot be
        rescaled."""
        for iteration in range(self.iterations + 1):
            variance = _variance(layer_output(layer))
            if variance is None or self.reached(variance) or iteration == self.iterations:
                break
            layer.weight.detach().mul_(math.sqrt(self.variance / variance))
        return variance


def _variance(response: Tensor) -> float | None:
    """Returns the variance over all values, or None if they are all equal up to rounding, or not finite."""
    values = response.double()
    variance, size = values.var(correction=0).item(), values.square().mean().item()
    return variance if math.isfinite(size) and variance > 1e-10 * size else None
