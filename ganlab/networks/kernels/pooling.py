"""Halving and doubling of maps without weights."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import Function


class AveragePool(nn.Module):
    """The mean over 2×2 pixels."""

    fast: bool = True

    def forward(self, x: Tensor) -> Tensor:
        if not self.fast:
            return F.avg_pool2d(x, 2)
        pooled: Tensor = _AveragePool.apply(x)
        return pooled


class NearestUpsampling(nn.Module):
    """Each pixel repeated 2×2."""

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2)


class _AveragePool(Function):
    """Linear, so its derivative needs nothing of its input. PyTorch's own second derivative hands zeros to it, and with
    them a whole backward pass through the network before it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        spread: Tensor = _AveragePoolBackward.apply(gradient)
        return spread


class _AveragePoolBackward(Function):
    """The transpose of the mean: a quarter to each pixel."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor) -> Tensor:
        return F.interpolate(0.25 * gradient, scale_factor=2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        mean: Tensor = _AveragePool.apply(gradient)
        return mean
