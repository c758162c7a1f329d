"""Activations, each with its name and its gain for initializers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganlab.networks.kernels.activation import PiecewiseLinear, piecewise_linear
from ganlab.table import NonNegative, Positive, Table


class Activation:
    """An elementwise function. Subclasses are dataclasses whose fields are settings."""

    name: ClassVar[str]

    def __call__(self, x: Tensor) -> Tensor:
        raise TypeError(f"{type(self).__name__} defines no function")

    @property
    def slope_below(self) -> float | None:
        """The slope below 0 if the function is x above 0 and linear below; None for any other function."""
        return None

    @property
    def gain(self) -> float:
        """The gain 1 / √E[f(z)²] for a standard normal z: the factor by which weights must amplify so that, from one
        layer with this activation to the next, values before it keep a second moment of 1. For ReLU and LeakyReLU it
        is √(2 / (1 + slope²)), He et al. 2015, Eq. 15; for the others it is integrated numerically."""
        return _gain(self)


@lru_cache
def _gain(activation: Activation) -> float:
    # A sum over a fine grid: the integrand is smooth except for a kink at 0, which is a point of the grid.
    z = torch.linspace(-12, 12, 24_001, dtype=torch.float64)
    density = torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return float(1 / torch.sqrt(torch.trapezoid(activation(z) ** 2 * density, z)))


@dataclass(frozen=True)
class ReLU(Activation):
    """ReLU: max(0, x). Nair & Hinton 2010."""

    name: ClassVar[str] = "relu"
    slope_below: ClassVar[float] = 0.0

    def __call__(self, x: Tensor) -> Tensor:
        return F.relu(x)


@dataclass(frozen=True)
class LeakyReLU(Activation):
    """Leaky ReLU: x above 0, ``slope`` · x below. Maas et al. 2013."""

    name: ClassVar[str] = "leaky_relu"
    slope: NonNegative = 0.2

    def __call__(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x, self.slope)

    @property
    def slope_below(self) -> float:
        return self.slope


@dataclass(frozen=True)
class ELU(Activation):
    """ELU: x above 0, α (exp(x) - 1) below 0. Clevert et al. 2016."""

    name: ClassVar[str] = "elu"
    alpha: Positive = 1.0

    def __call__(self, x: Tensor) -> Tensor:
        return F.elu(x, self.alpha)


@dataclass(frozen=True)
class SiLU(Activation):
    """SiLU, also called swish: x · sigmoid(x). Hendrycks & Gimpel 2016; Ramachandran et al. 2017."""

    name: ClassVar[str] = "silu"

    def __call__(self, x: Tensor) -> Tensor:
        return F.silu(x)


@dataclass(frozen=True)
class Softplus(Activation):
    """Softplus log(1 + exp(x)), a ReLU all of whose derivatives are smooth. Dugas et al. 2001."""

    name: ClassVar[str] = "softplus"

    def __call__(self, x: Tensor) -> Tensor:
        return F.softplus(x)


@dataclass(frozen=True)
class Tanh(Activation):
    """The hyperbolic tangent, whose values are in [-1, 1]."""

    name: ClassVar[str] = "tanh"

    def __call__(self, x: Tensor) -> Tensor:
        return torch.tanh(x)

    @property
    def gain(self) -> float:
        """The gain 1: tanh is linear around 0, Glorot & Bengio 2010, section 4.2.1."""
        return 1.0


@dataclass(frozen=True)
class Linear(Activation):
    """The identity, for outputs that are not followed by an activation."""

    name: ClassVar[str] = "linear"

    def __call__(self, x: Tensor) -> Tensor:
        return x

    @property
    def gain(self) -> float:
        return 1.0


ACTIVATIONS = Table[Activation](
    "activation",
    {"relu": ReLU, "leaky_relu": LeakyReLU, "elu": ELU, "silu": SiLU, "softplus": Softplus, "tanh": Tanh},
)


class Activate(nn.Module):
    """An activation as a module, for sequences of layers."""

    fast: bool = True

    def __init__(self, activation: Activation) -> None:
        super().__init__()
        self.activation = activation

    def forward(self, x: Tensor, overwrite: bool = False, alone: bool = False) -> Tensor:
        """Returns the activation of ``x``. ``overwrite``: ``x`` is not needed any more, so that its memory may be
        used for the result. ``alone``: only one layer, a convolution, takes the result, so that its gradient's memory
        may be used likewise."""
        slope = self.activation.slope_below
        if not self.fast or slope is None or torch.compiler.is_compiling():
            return self.activation(x)
        if not x.requires_grad:
            return piecewise_linear(x, slope, overwrite)
        y: Tensor = PiecewiseLinear.apply(x, slope, overwrite, alone)
        return y

    def extra_repr(self) -> str:
        return repr(self.activation)
