"""Convolutions that can be differentiated twice at the price of the arithmetic.

A convolution of stride s takes large maps to small ones, a transposed one small maps to large ones; with the same
weight (small channels, large channels, k, k) both, and the gradient by that weight, are the derivatives of one
trilinear form Σ small · (weight ∗ large). So three functions differentiate to one another, as often as anyone likes.
PyTorch's own second derivative of a convolution takes detours (its weight's gradient is a convolution whose kernel is
a whole map, right for small maps only), and a first derivative by the images alone computes what nobody asked for.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from ganlab import derivatives

SMALL_MAP = 4  # pixels a side
FEW_CHANNELS = 4


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
    """``F.conv2d``, under autocast in its type. ``x`` (N, in, H, W), ``weight`` (out, in, k, k)."""
    if not _differentiates(x, weight):
        return F.conv2d(x, weight, bias, stride, padding)
    x, weight, bias = _in_autocast_type(x, weight, bias)
    y: Tensor = _Convolution.apply(x, weight, bias, stride, padding)
    return y


def convolve_transposed(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
    """``F.conv_transpose2d``, under autocast in its type. ``x`` (N, in, H, W), ``weight`` (in, out, k, k)."""
    if torch.compiler.is_compiling():
        return F.conv_transpose2d(x, weight, bias, stride, padding)
    x, weight, bias = _in_autocast_type(x, weight, bias)
    side = weight.shape[2] - 2 * padding
    size = torch.Size([(length - 1) * stride + side for length in x.shape[2:]])
    if not _differentiates(x, weight):
        return _transposed_convolution(x, weight, bias, stride, padding, size)
    y: Tensor = _TransposedConvolution.apply(x, weight, bias, stride, padding, size)
    return y


def _differentiates(x: Tensor, weight: Tensor) -> bool:
    # A program that reads this one (export, compile) knows the plain operation better.
    return torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad) and not torch.compiler.is_compiling()


def _in_autocast_type(*tensors: Any) -> Any:
    kind = tensors[0].device.type
    if not torch.is_autocast_enabled(kind):
        return tensors
    dtype = torch.get_autocast_dtype(kind)
    return tuple(tensor.to(dtype) if tensor is not None else None for tensor in tensors)


class _Convolution(Function):
    """Large maps (N, a, H, W), weight (b, a, k, k) -> small maps (N, b, h, w)."""

    @staticmethod
    def forward(ctx: Any, large: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(large, weight)
        ctx.stride, ctx.padding = stride, padding
        return F.conv2d(large, weight, bias, stride, padding)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        large, weight = ctx.saved_tensors
        by_large, by_weight, by_bias = _wanted(ctx)
        return (
            _TransposedConvolution.apply(gradient, weight, None, ctx.stride, ctx.padding, large.shape[2:])
            if by_large
            else None,
            _WeightGradient.apply(large, gradient, weight.shape[2], ctx.stride, ctx.padding) if by_weight else None,
            gradient.sum((0, 2, 3)) if by_bias else None,
            None,
            None,
        )


class _TransposedConvolution(Function):
    """Small maps (N, b, h, w), weight (b, a, k, k) -> large maps (N, a, *size)."""

    @staticmethod
    def forward(
        ctx: Any, small: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int, size: torch.Size
    ) -> Tensor:
        ctx.save_for_backward(small, weight)
        ctx.stride, ctx.padding = stride, padding
        return _transposed_convolution(small, weight, bias, stride, padding, size)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        small, weight = ctx.saved_tensors
        by_small, by_weight, by_bias = _wanted(ctx)
        return (
            _Convolution.apply(gradient, weight, None, ctx.stride, ctx.padding) if by_small else None,
            _WeightGradient.apply(gradient, small, weight.shape[2], ctx.stride, ctx.padding) if by_weight else None,
            gradient.sum((0, 2, 3)) if by_bias else None,
            None,
            None,
            None,
        )


def _transposed_convolution(
    small: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int, size: torch.Size
) -> Tensor:
    _, height, width = small.shape[1:]
    doubled = (stride, padding, *weight.shape[2:]) == (2, 1, 4, 4) and tuple(size) == (2 * height, 2 * width)
    if doubled and weight.shape[1] <= FEW_CHANNELS and small.device.type == "cpu":
        repeated = bias.repeat_interleave(4) if bias is not None else None
        return F.pixel_shuffle(F.conv2d(small, _by_phase(weight), repeated, padding=1), 2)
    least = [(length - 1) * stride + weight.shape[2] - 2 * padding for length in small.shape[2:]]
    rest = [length - start for length, start in zip(size, least, strict=True)]
    return F.conv_transpose2d(small, weight, bias, stride, padding, rest)


def _by_phase(weight: Tensor) -> Tensor:
    """A transposed convolution's weight (b, a, 4, 4), stride 2, as that of a convolution to 4 a channels (4 a, b, 3,
    3): one for each place in a 2×2 block of the result, to be shuffled there. For a few channels the library's
    transposed convolution reaches a tenth of its rate, and this one twice that, though 5 of 9 weights are 0."""
    b, a = weight.shape[:2]
    taps = weight.flip(2, 3).view(b, a, 2, 2, 2, 2)  # by rows: which of two taps, which place; and by columns
    phases = weight.new_zeros(a, 2, 2, b, 3, 3)
    for row in (0, 1):
        for column in (0, 1):
            phases[:, row, column, :, row : row + 2, column : column + 2] = taps[:, :, :, row, :, column].transpose(
                0, 1
            )
    return phases.view(4 * a, b, 3, 3).to(memory_format=torch.channels_last)


class _WeightGradient(Function):
    """Large maps (N, a, H, W), small maps (N, b, h, w) -> the form's gradient by the weight (b, a, k, k)."""

    @staticmethod
    def forward(ctx: Any, large: Tensor, small: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(large, small)
        ctx.stride, ctx.padding = stride, padding
        if large.device.type == "cpu" and small.shape[2] <= SMALL_MAP and small.shape[3] <= SMALL_MAP:
            # A convolution with channels and images exchanged and the small maps for kernels: where these are small it
            # is up to twice as fast as what the library has for it.
            whole = F.conv2d(large.transpose(0, 1), small.transpose(0, 1), None, 1, padding, stride)
            whole = whole[:, :, :kernel, :kernel].reshape(large.shape[1], -1)  # (a, b · k · k)
            # Turned in one piece, and channels last: four times as fast as turning it k · k numbers at a time.
            turned = whole.t().contiguous()
            return turned.view(small.shape[1], kernel, kernel, large.shape[1]).permute(0, 3, 1, 2)
        shape = (small.shape[1], large.shape[1], kernel, kernel)
        layout = torch.channels_last if large.is_contiguous(memory_format=torch.channels_last) else None
        like = large.new_empty(shape).to(memory_format=layout or torch.contiguous_format)
        gradients = torch.ops.aten.convolution_backward(
            small, large, like, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], 1, [False, True, False]
        )
        by_weight: Tensor = gradients[1]
        return by_weight

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        large, small = ctx.saved_tensors
        return (
            _TransposedConvolution.apply(small, gradient, None, ctx.stride, ctx.padding, large.shape[2:])
            if ctx.needs_input_grad[0]
            else None,
            _Convolution.apply(large, gradient, None, ctx.stride, ctx.padding) if ctx.needs_input_grad[1] else None,
            None,
            None,
            None,
        )


def _wanted(ctx: Any) -> tuple[bool, bool, bool]:
    """Which gradients are worth computing: by the maps, the weight and the bias. PyTorch's flags say what could have
    one, not what was asked for."""
    by_maps, by_weight, by_bias = ctx.needs_input_grad[:3]
    of_weights = not derivatives.by_images_alone()
    return by_maps, by_weight and of_weights, by_bias and of_weights
