"""The contract between networks and initializers: what an initializer sees of a network, and what is expected of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

Kind = Literal["dense", "convolution", "transposed_convolution", "embedding", "norm"]
Role = Literal["hidden", "output", "residual"]
"""``residual`` is the last layer of a branch that is added to a shortcut."""


TRANSPOSED = ("transposed_convolution", "embedding")


def as_matrix(weight: Tensor, kind: Kind) -> Tensor:
    """A stored weight as (out, in * k * k): what fans, orthogonality and singular values are taken over."""
    return (weight.transpose(0, 1) if kind in TRANSPOSED else weight).flatten(1)


@dataclass(frozen=True)
class Layer:
    """One layer as an initializer sees it. Every parameter of a network belongs to exactly one."""

    name: str
    kind: Kind
    role: Role
    activation: str
    """Name of what follows: ``relu``, ``leaky_relu``, ``tanh``, … or ``linear``."""
    gain: float
    """What the weight must amplify by, so that values keep their second moment through layers with this activation."""
    weight: Tensor
    """Stored shape: dense (out, in), convolution (out, in, k, k), transposed (in, out, k, k), embedding
    (classes, out), norm (channels,) or, where it is conditional, (classes, channels)."""
    bias: Tensor | None
    stride: int = 1

    @property
    def stored_transposed(self) -> bool:
        """Whether the inputs' axis stands first in the stored weight."""
        return self.kind in TRANSPOSED

    @property
    def matrix(self) -> Tensor:
        """The weight as (out, in * k * k), without a graph."""
        return as_matrix(self.weight.detach(), self.kind)

    def store(self, matrix: Tensor) -> None:
        """Fills the weight from a matrix (out, in * k * k)."""
        stored = self.weight.detach()
        if self.stored_transposed:
            stored.copy_(matrix.view(stored.shape[1], stored.shape[0], *stored.shape[2:]).transpose(0, 1))
        else:
            stored.copy_(matrix.view(stored.shape))

    @property
    def fan_in(self) -> float:
        """Inputs summed into one output. A transposed convolution of stride s puts only k² / s² of its k² taps on each
        output pixel, so its variance is kept by in * k² / s² (He et al. 2015 count stride 1 only). An embedding's input
        is one class at a time: 1."""
        if self.kind == "embedding":
            return 1
        inputs = self.matrix.shape[1]
        return inputs / self.stride**2 if self.kind == "transposed_convolution" else inputs

    @property
    def fan_out(self) -> float:
        """Outputs that one input reaches: out * k² for a transposed convolution, out * k² / s² for a strided one."""
        out = self.matrix.shape[0] * self.weight[0, 0].numel() if self.weight.dim() > 2 else self.matrix.shape[0]
        return out / self.stride**2 if self.kind == "convolution" else out


@dataclass(frozen=True)
class UninitializedNetwork:
    """A network whose weights are to be filled. ``name`` is ``generator`` or ``discriminator``; ``tensors`` are all of
    its parameters and buffers by name, to be filled in place."""

    name: str
    layers: Sequence[Layer]
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    layer_output: Callable[[Layer], Tensor] | None = None
    """What a layer puts out, before norm and activation, when the network with its weights as they are now meets
    training data (D: real images, G: latents); None where there is no data."""
    scale: Callable[[Layer], float] = lambda layer: 1.0
    """The constant that the layer's parametrization will multiply the stored weight with: an equalized learning rate's;
    otherwise 1."""
    origin: str = ""
    """The name under which others have published weights of this network; empty where nobody has."""


class Initializer:
    """Fills the layers of one network in place. Subclasses are dataclasses: their fields are settings."""

    def check(self) -> None:
        """Looks whether what it reads is there, without a network. Raises UserError where it is not."""

    def initialize(self, network: UninitializedNetwork, rng: torch.Generator) -> Sequence[str]:
        """Fills the weights; returns notes for the person, such as layers that had to be filled otherwise. Raises
        UserError where a file does not fit."""
        raise TypeError(f"{type(self).__name__} does not say how it fills a layer")
