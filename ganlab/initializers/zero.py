from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ganlab.initializers.base import WeightInitializer
from ganlab.layer import Layer


@dataclass(frozen=True)
class ZerO(WeightInitializer):
    """ZerO initialization: identity and Hadamard matrices in place of random numbers. Zhao et al. 2022, Algorithm 1.

    A weight (out, in) with out ≤ in is a partial identity, which keeps the first inputs. With out > in it is the upper
    left part of a Hadamard matrix, divided by the square root of its side 2^⌈log₂ out⌉: an identity would leave all
    added outputs at 0, and the layer's rank could never grow (Theorem 1). Convolutions have this matrix in the centre
    of their kernel, at ⌊k / 2⌋, and 0 elsewhere. The last layer of a residual branch starts at 0.

    The weights do not depend on ``seed``. A transposed convolution of stride s > 1 reaches one of s² output pixels with
    its centre alone.
    """

    is_random: ClassVar[bool] = False
    zeroes_layers: ClassVar[bool] = True

    def fill(self, layer: Layer, rng: torch.Generator) -> None:
        weight = layer.weight.detach()
        nn.init.zeros_(weight)
        if layer.role == "residual":
            return
        inputs, outputs = weight.shape[:2] if layer.stored_transposed else weight.shape[1::-1]
        matrix = zero_matrix(outputs, inputs)
        centre = weight[:, :, weight.shape[2] // 2, weight.shape[3] // 2] if weight.dim() == 4 else weight
        centre.copy_(matrix.t() if layer.stored_transposed else matrix)


def zero_matrix(outputs: int, inputs: int) -> Tensor:
    """Returns the matrix (outputs, inputs) of Algorithm 1."""
    if outputs <= inputs:
        return torch.eye(outputs, inputs)
    side = 2 ** math.ceil(math.log2(outputs))
    return hadamard(side)[:outputs, :inputs] / math.sqrt(side)


def hadamard(side: int) -> Tensor:
    """Returns Sylvester's Hadamard matrix of a ``side`` that is a power of 2: entries ±1, rows orthogonal."""
    matrix = torch.ones(1, 1)
    while len(matrix) < side:
        matrix = torch.cat([torch.cat([matrix, matrix], dim=1), torch.cat([matrix, -matrix], dim=1)])
    return matrix
