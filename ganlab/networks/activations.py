"""Activations, each with its name and gain for initializers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import Function

from ganlab.table import NonNegative, Positive, Table


class Activation:
    """An elementwise function. Subclasses are dataclasses: their fields are settings."""

    name: ClassVar[str]

    def __call__(self, x: Tensor) -> Tensor:
        raise TypeError(f"{type(self).__name__} does not say what it computes")

    @property
    def slope_below(self) -> float | None:
        """The slope below 0 where the function is x above it and linear below; None for any other."""
        return None

    @property
    def gain(self) -> float:
        """1 / √E[f(z)²], z standard normal: what weights must amplify by so that, from one layer with this activation
        to the next, values before it keep a second moment of 1. For ReLU and LeakyReLU it is √(2 / (1 + slope²)), He et
        al. 2015, Eq. 15; for the others an integral."""
        return _gain(self)


@lru_cache
def _gain(activation: Activation) -> float:
    # A sum over a fine grid: the integrand is smooth but for a kink at 0, which is a point of the grid.
    z = torch.linspace(-12, 12, 24_001, dtype=torch.float64)
    density = torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return float(1 / torch.sqrt(torch.trapezoid(activation(z) ** 2 * density, z)))


@dataclass(frozen=True)
class ReLU(Activation):
    name: ClassVar[str] = "relu"
    slope_below: ClassVar[float] = 0.0

    def __call__(self, x: Tensor) -> Tensor:
        return F.relu(x)


@dataclass(frozen=True)
class LeakyReLU(Activation):
    name: ClassVar[str] = "leaky_relu"
    slope: NonNegative = 0.2

    def __call__(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x, self.slope)

    @property
    def slope_below(self) -> float:
        return self.slope


@dataclass(frozen=True)
class ELU(Activation):
    """Clevert et al. 2016: α (exp(x) - 1) below 0."""

    name: ClassVar[str] = "elu"
    alpha: Positive = 1.0

    def __call__(self, x: Tensor) -> Tensor:
        return F.elu(x, self.alpha)


@dataclass(frozen=True)
class SiLU(Activation):
    """x · sigmoid(x), also called swish. Hendrycks & Gimpel 2016; Ramachandran et al. 2017."""

    name: ClassVar[str] = "silu"

    def __call__(self, x: Tensor) -> Tensor:
        return F.silu(x)


@dataclass(frozen=True)
class Softplus(Activation):
    """log(1 + exp(x)), a ReLU whose every derivative is smooth. Dugas et al. 2001."""

    name: ClassVar[str] = "softplus"

    def __call__(self, x: Tensor) -> Tensor:
        return F.softplus(x)


@dataclass(frozen=True)
class Tanh(Activation):
    name: ClassVar[str] = "tanh"

    def __call__(self, x: Tensor) -> Tensor:
        return torch.tanh(x)

    @property
    def gain(self) -> float:
        """1: tanh is linear around 0, Glorot & Bengio 2010, section 4.2.1."""
        return 1.0


@dataclass(frozen=True)
class Linear(Activation):
    """No activation: what follows an output that is read as it is."""

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
    """An activation as a module, for sequences."""

    fast: bool = True

    def __init__(self, activation: Activation) -> None:
        super().__init__()
        self.activation = activation

    def forward(self, x: Tensor, overwrite: bool = False, alone: bool = False) -> Tensor:
        """``overwrite`` where nobody needs ``x`` any more: its memory is taken for the result, if that helps. ``alone``
        where one layer only, a convolution, takes the result: its gradient's memory is taken likewise."""
        slope = self.activation.slope_below
        if not self.fast or slope is None or torch.compiler.is_compiling():
            return self.activation(x)
        if not x.requires_grad:
            return _piecewise_linear(x, slope, overwrite)
        y: Tensor = _PiecewiseLinear.apply(x, slope, overwrite, alone)
        return y

    def extra_repr(self) -> str:
        return repr(self.activation)


def _piecewise_linear(x: Tensor, slope: float, overwrite: bool) -> Tensor:
    if slope:
        return F.leaky_relu(x, slope, inplace=overwrite)
    return F.relu(x, inplace=overwrite)


class _PiecewiseLinear(Function):
    """x above 0, slope · x below. Its derivative is a constant almost everywhere, so its second is none. PyTorch's own
    hands zeros back instead, and with them a whole backward pass through the network before it; its leaky ReLU also
    keeps the input, where the output, which the next layer keeps anyway, says as much."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: float, overwrite: bool, alone: bool) -> Tensor:
        y = _piecewise_linear(x, slope, overwrite)
        if overwrite:
            ctx.mark_dirty(x)
        ctx.save_for_backward(y)
        ctx.slope, ctx.alone = slope, alone
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (y,) = ctx.saved_tensors
        if ctx.alone and not torch.is_grad_enabled() and gradient.stride() == y.stride():
            return _piecewise_linear_backward(gradient, y, ctx.slope, overwrite=True), None, None, None
        return _PiecewiseLinearBackward.apply(gradient, y.detach(), ctx.slope), None, None, None


class _PiecewiseLinearBackward(Function):
    """The gradient times 1 where y > 0, and times the slope elsewhere."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, y: Tensor, slope: float) -> Tensor:
        ctx.save_for_backward(y)
        ctx.slope = slope
        if gradient.stride() != y.stride():  # of a dense layer behind maps in channels last: five times as slow
            gradient = torch.empty_like(y, dtype=gradient.dtype).copy_(gradient)
        return _piecewise_linear_backward(gradient, y, slope)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (y,) = ctx.saved_tensors
        return _PiecewiseLinearBackward.apply(gradient, y, ctx.slope), None, None


def _piecewise_linear_backward(gradient: Tensor, y: Tensor, slope: float, overwrite: bool = False) -> Tensor:
    out = gradient if overwrite else torch.empty_like(gradient)
    if slope:
        torch.ops.aten.leaky_relu_backward.grad_input(gradient, y, slope, True, grad_input=out)
    else:
        torch.ops.aten.threshold_backward.grad_input(gradient, y, 0, grad_input=out)
    return out
