"""ReLU and leaky ReLU as one autograd function with cheap first and second derivatives."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function


def piecewise_linear(x: Tensor, slope: float, overwrite: bool) -> Tensor:
    """Returns x above 0 and slope · x below, without a gradient; in place if ``overwrite``."""
    if slope:
        return F.leaky_relu(x, slope, inplace=overwrite)
    return F.relu(x, inplace=overwrite)


class PiecewiseLinear(Function):
    """ReLU and leaky ReLU: x above 0, and slope · x below.

    The derivative is constant almost everywhere, so the second derivative is zero and is not computed. PyTorch's own
    returns zeros instead, which costs a whole backward pass through the network before it. Its leaky ReLU also keeps
    the input for the backward pass; this one keeps the output, which the next layer keeps anyway.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: float, overwrite: bool, alone: bool) -> Tensor:
        y = piecewise_linear(x, slope, overwrite)
        if overwrite:
            ctx.mark_dirty(x)
        ctx.save_for_backward(y)
        ctx.slope, ctx.alone = slope, alone
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (y,) = ctx.saved_tensors
        if ctx.alone and not torch.is_grad_enabled() and gradient.stride() == y.stride():
            return _backward(gradient, y, ctx.slope, overwrite=True), None, None, None
        return _Backward.apply(gradient, y.detach(), ctx.slope), None, None, None


class _Backward(Function):
    """The derivative of ``PiecewiseLinear``: the gradient where y > 0, and slope times the gradient elsewhere."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, y: Tensor, slope: float) -> Tensor:
        ctx.save_for_backward(y)
        ctx.slope = slope
        if gradient.stride() != y.stride():  # of a dense layer behind maps in channels last: five times as slow
            gradient = torch.empty_like(y, dtype=gradient.dtype).copy_(gradient)
        return _backward(gradient, y, slope)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (y,) = ctx.saved_tensors
        return _Backward.apply(gradient, y, ctx.slope), None, None


def _backward(gradient: Tensor, y: Tensor, slope: float, overwrite: bool = False) -> Tensor:
    out = gradient if overwrite else torch.empty_like(gradient)
    if slope:
        torch.ops.aten.leaky_relu_backward.grad_input(gradient, y, slope, True, grad_input=out)
    else:
        torch.ops.aten.threshold_backward.grad_input(gradient, y, 0, grad_input=out)
    return out
