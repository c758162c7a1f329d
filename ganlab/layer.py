"""The interface between networks and initializers: the description of a layer, and the initializer's methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor

from ganlab import deprecated

Kind = Literal["dense", "convolution", "transposed_convolution", "embedding", "norm"]
Role = Literal["hidden", "output", "residual"]
"""The place of a layer in its network. ``residual`` is the last layer of a branch that is added to a shortcut."""


TRANSPOSED = ("transposed_convolution", "embedding")


def as_matrix(weight: Tensor, kind: Kind) -> Tensor:
    """Returns a stored weight as a matrix (out, in * k * k), the form whose fans and singular values are meant."""
    return (weight.transpose(0, 1) if kind in TRANSPOSED else weight).flatten(1)


@dataclass(frozen=True)
class BranchPlace:
    """The place of a layer in a network with residual branches: it is weight layer ``place`` of the ``length`` weight
    layers on branch ``index`` of ``count`` branches. Places and indices start at 0."""

    index: int
    count: int
    place: int
    length: int

    @property
    def is_last(self) -> bool:
        """Whether the layer is the last one on its branch."""
        return self.place == self.length - 1


@dataclass(frozen=True)
class Layer:
    """The description of one layer for initializers. Every parameter of a network belongs to exactly one layer."""

    name: str
    kind: Kind
    role: Role
    activation: str
    """The name of the activation behind the layer: ``relu``, ``leaky_relu``, ``tanh``, … or ``linear``."""
    gain: float
    """The factor by which the weight must amplify, so that activations keep their second moment through the layer."""
    weight: Tensor
    """Stored shape: dense (out, in), convolution (out, in, k, k), transposed (in, out, k, k), embedding
    (classes, out), norm (channels,) or, where it is conditional, (classes, channels)."""
    bias: Tensor | None
    stride: int = 1
    branch: BranchPlace | None = None
    """Its place on a residual branch; None for layers outside of branches, such as shortcuts."""
    projects: bool = False
    """Whether the rows of an embedding are not its output but multiply features, each row to one number: those of a
    projection discriminator. The fans are then those of a dense layer (classes, out)."""

    @property
    def stored_transposed(self) -> bool:
        """Whether the input axis is the first axis of the stored weight."""
        return self.kind in TRANSPOSED

    @property
    def matrix(self) -> Tensor:
        """The weight as a matrix (out, in * k * k), detached."""
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
        """The number of inputs that are summed into one output. A transposed convolution of stride s reaches each
        output pixel with k² / s² of its k² taps, so its fan is in * k² / s² (He et al. 2015 consider stride 1 only). An
        embedding has one class at a time as its input, so its fan is 1, unless its rows multiply features."""
        if self.kind == "embedding":
            return self.matrix.shape[0] if self.projects else 1
        inputs = self.matrix.shape[1]
        return inputs / self.stride**2 if self.kind == "transposed_convolution" else inputs

    @property
    def fan_out(self) -> float:
        """The number of outputs that one input reaches: out * k² for a transposed convolution, and out * k² / s² for a
        convolution of stride s."""
        if self.projects:
            return 1  # a sample's features reach the logit of its own class alone
        out = self.matrix.shape[0] * self.weight[0, 0].numel() if self.weight.dim() > 2 else self.matrix.shape[0]
        return out / self.stride**2 if self.kind == "convolution" else out


@dataclass(frozen=True)
class UninitializedNetwork:
    """A network to be initialized. ``name`` is ``generator`` or ``discriminator``; ``tensors`` holds all its parameters
    and buffers by name, which an initializer fills in place."""

    name: str
    layers: Sequence[Layer]
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    layer_output: Callable[[Layer], Tensor] | None = None
    """Returns the output of a layer, before norm and activation, for a batch of training data (D: real images, G:
    latents) with the network's present weights. None if there is no data."""
    scale: Callable[[Layer], float] = lambda layer: 1.0
    """Returns the constant by which the layer's parametrization will multiply the stored weight: 1, except with an
    equalized learning rate."""
    origin: str = ""
    """The name of this network's published weights; empty if there are none."""


class Initializer:
    """Initializes the layers of one network in place. Subclasses are dataclasses whose fields are settings."""

    is_random: ClassVar[bool] = True
    """Whether the weights depend on the random numbers, and so on ``seed``."""
    zeroes_layers: ClassVar[bool] = False
    """Whether some weights start at 0, which a parametrization by direction (spectral, weight) cannot represent."""
    undoes_scale: ClassVar[bool] = False
    """Whether it divides by the constant of the layer's parametrization, so that it fits every parametrization."""

    def check(self) -> None:
        """Checks that the files which it reads exist, before a network is built. Raises UserError if one does not."""

    def initialize(self, network: UninitializedNetwork, rng: torch.Generator) -> Sequence[str]:
        """Fills the weights, and returns notes for the user, such as layers that needed another initialization. Raises
        UserError if a file does not fit."""
        raise TypeError(f"{type(self).__name__} defines no initialization")


deprecated.attributes(UninitializedNetwork)
__getattr__ = deprecated.names(__name__)
