"""Activations, each with its name for initializers (gains follow the activation)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganlab.table import NonNegative, Table


class Activation:
    """An elementwise function. Subclasses are dataclasses: their fields are settings."""

    name: ClassVar[str]
    slope: float = 0.0

    def __call__(self, x: Tensor) -> Tensor:
        raise TypeError(f"{type(self).__name__} does not say what it computes")


@dataclass(frozen=True)
class ReLU(Activation):
    name: ClassVar[str] = "relu"

    def __call__(self, x: Tensor) -> Tensor:
        return F.relu(x)


@dataclass(frozen=True)
class LeakyReLU(Activation):
    name: ClassVar[str] = "leaky_relu"
    slope: NonNegative = 0.2

    def __call__(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x, self.slope)


@dataclass(frozen=True)
class Tanh(Activation):
    name: ClassVar[str] = "tanh"

    def __call__(self, x: Tensor) -> Tensor:
        return torch.tanh(x)


@dataclass(frozen=True)
class Linear(Activation):
    """No activation: what follows an output that is read as it is."""

    name: ClassVar[str] = "linear"

    def __call__(self, x: Tensor) -> Tensor:
        return x


ACTIVATIONS = Table[Activation]("activation", {"relu": ReLU, "leaky_relu": LeakyReLU, "tanh": Tanh})


class Activate(nn.Module):
    """An activation as a module, for sequences."""

    def __init__(self, activation: Activation) -> None:
        super().__init__()
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(x)

    def extra_repr(self) -> str:
        return repr(self.activation)
