"""Average pooling and nearest-neighbour upsampling by 2."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import Function


class AveragePool(nn.Module):
    """Averages over 2×2 pixels."""

    fast: bool = True

    def forward(self, x: Tensor) -> Tensor:
        if not self.fast:
            return F.avg_pool2d(x, 2)
        pooled: Tensor = _AveragePool.apply(x)
        return pooled


class NearestUpsampling(nn.Module):
    """Repeats each pixel 2×2."""

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2)


class _AveragePool(Function):
    """Average pooling, which is linear, so that its second derivative is zero and is not computed. PyTorch's own
    returns zeros, which costs a whole backward pass through the network before it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        spread: Tensor = _AveragePoolBackward.apply(gradient)
        return spread


class _AveragePoolBackward(Function):
    """The derivative of average pooling: a quarter of the gradient for each pixel."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor) -> Tensor:
        return F.interpolate(0.25 * gradient, scale_factor=2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        mean: Tensor = _AveragePool.apply(gradient)
        return mean
