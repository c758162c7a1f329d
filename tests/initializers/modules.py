"""Layers to fill, and what is fed to them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganlab.layer import Initializer, Layer, UninitializedNetwork
from ganlab.networks import walk
from ganlab.networks.activations import Activation, ReLU
from ganlab.networks.layers import Convolution, Dense, Embedding, TransposedConvolution

KINDS = ["dense", "convolution", "transposed"]
RELU = ReLU()


def layer(
    kind: str, follows: Activation | None = RELU, stride: int = 2, inputs: int = 64, outputs: int = 64, kernel: int = 4
) -> nn.Module:
    """One layer; a dense one has 16 times as many inputs and outputs, as many weights as a 4×4 kernel's sums have."""
    if kind == "dense":
        return Dense(inputs * 16, outputs * 16, follows=follows)
    if kind == "embedding":
        return Embedding(inputs, outputs)
    both = {"stride": stride, "padding": (kernel - 1) // 2, "follows": follows}
    if kind == "convolution":
        return Convolution(inputs, outputs, kernel, **both)
    return TransposedConvolution(inputs, outputs, kernel, **both)


def fill(initializer: Initializer, module: nn.Module, seed: int = 0) -> Layer:
    """The first layer of a module that has been initialized."""
    notes_of(initializer, module, seed)
    return next(walk(module))


def notes_of(initializer: Initializer, module: nn.Module, seed: int = 0) -> list[str]:
    blank = UninitializedNetwork("generator", tuple(walk(module)))
    return list(initializer.initialize(blank, torch.Generator().manual_seed(seed)))


def feed(kind: str, seed: int = 3) -> Tensor:
    """Standard normal input to ``layer(kind)``."""
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(64, 1024, generator=rng) if kind == "dense" else torch.randn(16, 64, 16, 16, generator=rng)


def inner(kind: str, y: Tensor) -> Tensor:
    """Without the border of maps, where padding leaves fewer terms to sum."""
    return y if kind == "dense" else y[..., 2:-2, 2:-2]


def by_outputs(kind: str, weight: Tensor) -> Tensor:
    """The weight as (out, in · k²), rearranged by hand: row o is everything that reaches output o."""
    weight = weight.detach()
    if kind in ("transposed", "embedding"):
        return torch.stack([weight[:, o].flatten() for o in range(weight.shape[1])])
    return weight.flatten(1)


def kurtosis(weight: Tensor) -> float:
    """E[w⁴] / E[w²]²: 3 for a normal, 9 / 5 for a uniform distribution."""
    w = weight.detach().double()
    return float((w**4).mean() / (w**2).mean() ** 2)
