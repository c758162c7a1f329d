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
    """Layer-sequential unit variance: orthonormal weights, then layer by layer, in the order they were built, each
    weight divided by the standard deviation of what it puts out on a batch of training data. Mishkin & Matas 2016,
    Algorithm 1.

    A layer is done when its output's variance, over images, channels and pixels and before norm and activation, is
    within ``tolerance`` (0.01 to 0.1 in the paper) of ``variance``, or after ``iterations`` rescalings. An output is
    proportional to its weight where biases are 0, so that one mostly does. Embeddings stay orthonormal: they copy a row
    and sum nothing. Notes name layers whose output does not vary, those that are not within the tolerance at the end,
    and networks that there is no data for.
    """

    variance: Positive = 1.0
    tolerance: Positive = 0.1
    iterations: NonNegativeInt = 10

    def initialize(self, network: UninitializedNetwork, rng: torch.Generator) -> Sequence[str]:
        super().initialize(network, rng)
        if network.layer_output is None:
            return ["lsuv had no training data to measure responses on: the weights are orthonormal and no more"]
        still: list[Layer] = []
        astray: list[Layer] = []
        for layer in network.layers:
            if layer.kind not in ("norm", "embedding"):
                variance = self.rescale(layer, network.layer_output)
                if variance is None:
                    still.append(layer)
                elif not self.reached(variance):
                    astray.append(layer)
        return [
            *([f"lsuv left {names(still)} orthonormal: the output does not vary over the data"] if still else []),
            *(
                [f"lsuv did not bring {names(astray)} within {self.tolerance:g} of variance {self.variance:g}"]
                if astray
                else []
            ),
        ]

    def fill(self, layer: Layer, rng: torch.Generator) -> None:
        fill_orthonormal(layer, 1.0, rng)

    def reached(self, variance: float) -> bool:
        return abs(variance - self.variance) < self.tolerance

    def rescale(self, layer: Layer, layer_output: Callable[[Layer], Tensor]) -> float | None:
        """Rescales the weight; returns its output's last variance, None where that cannot be rescaled."""
        for iteration in range(self.iterations + 1):
            variance = _variance(layer_output(layer))
            if variance is None or self.reached(variance) or iteration == self.iterations:
                break
            layer.weight.detach().mul_(math.sqrt(self.variance / variance))
        return variance


def _variance(response: Tensor) -> float | None:
    """The variance over all values; None where they are all the same but for rounding, or not finite."""
    values = response.double()
    variance, size = values.var(correction=0).item(), values.square().mean().item()
    return variance if math.isfinite(size) and variance > 1e-10 * size else None
