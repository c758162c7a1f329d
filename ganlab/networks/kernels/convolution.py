"""Convolutions whose second derivatives cost no more than their arithmetic.

A convolution of stride s maps large maps to small ones, and a transposed convolution small maps to large ones. With the
same weight (small channels, large channels, k, k), both of them and the gradient by the weight are the derivatives of
one trilinear form, Σ small · (weight ∗ large). So the three functions below are each other's derivatives, of any order.
PyTorch's own second derivative is slower (its gradient by the weight is a convolution with a whole map as the kernel,
which is fast for small maps only), and its first derivative by the images alone also computes that by the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from ganlab.input_gradient import only_inputs
from ganlab.networks.kernels import winograd
from ganlab.processor import is_intel, processor

SMALL_MAP = 4  # pixels a side
SMALLEST_MAP = 2
MANY_CHANNELS = 256 * 256  # of both maps, multiplied
SOME_CHANNELS = 128 * 256
FEW_CHANNELS = 4
LEAST_TILES = 64  # of 2×2 pixels of the small maps of all images


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
    """Computes ``F.conv2d``, in autocast's type where that is on. ``x`` (N, in, H, W), ``weight`` (out, in, k, k)."""
    if torch.compiler.is_compiling():  # what traces this program handles the plain operation better
        return F.conv2d(x, weight, bias, stride, padding)
    x, weight, bias = _in_autocast_type(x, weight, bias)
    if not _differentiates(x, weight):
        return _convolution(x, weight, bias, stride, padding)
    y: Tensor = _Convolution.apply(x, weight, bias, stride, padding)
    return y


def convolve_transposed(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
    """Computes ``F.conv_transpose2d``, in autocast's type where that is on. ``x`` (N, in, H, W), ``weight`` (in, out,
    k, k)."""
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
    return torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad)


def _in_autocast_type(*tensors: Any) -> Any:
    kind = tensors[0].device.type
    if not torch.is_autocast_enabled(kind):
        return tensors
    dtype = torch.get_autocast_dtype(kind)
    return tuple(tensor.to(dtype) if tensor is not None else None for tensor in tensors)


class _Convolution(Function):
    """The convolution of large maps (N, a, H, W) with weight (b, a, k, k), which gives small maps (N, b, h, w)."""

    @staticmethod
    def forward(ctx: Any, large: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(large, weight)
        ctx.stride, ctx.padding = stride, padding
        return _convolution(large, weight, bias, stride, padding)

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
    """The transposed convolution of small maps (N, b, h, w) with weight (b, a, k, k), which gives (N, a, *size)."""

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


def _convolution(large: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
    b, _, *kernel = weight.shape
    small = (len(large), b, large.shape[2] // 2, large.shape[3] // 2)
    if _by_winograd("convolution", (large, weight), (stride, padding, *kernel), large.shape, small):
        return winograd.convolve(large, weight, bias)
    return F.conv2d(large, weight, bias, stride, padding)


def _transposed_convolution(
    small: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int, size: torch.Size
) -> Tensor:
    _, height, width = small.shape[1:]
    doubled = (stride, padding, *weight.shape[2:]) == (2, 1, 4, 4) and tuple(size) == (2 * height, 2 * width)
    if doubled and weight.shape[1] <= FEW_CHANNELS and small.device.type == "cpu":
        repeated = bias.repeat_interleave(4) if bias is not None else None
        return F.pixel_shuffle(F.conv2d(small, _by_phase(weight), repeated, padding=1), 2)
    large = (len(small), weight.shape[1], *size)
    if _by_winograd("transposed", (small, weight), (stride, padding, *weight.shape[2:]), large, small.shape):
        return winograd.convolve_transposed(small, weight, bias)
    least = [(length - 1) * stride + weight.shape[2] - 2 * padding for length in small.shape[2:]]
    rest = [length - start for length, start in zip(size, least, strict=True)]
    return F.conv_transpose2d(small, weight, bias, stride, padding, rest)


def _by_phase(weight: Tensor) -> Tensor:
    """Rewrites the weight (b, a, 4, 4) of a transposed convolution of stride 2 as that of a convolution to 4 a channels
    (4 a, b, 3, 3), one for each place in a 2×2 block of the result (``pixel_shuffle``). For few channels the library's
    transposed convolution reaches a tenth of its usual rate, and this one twice that, though 5 of 9 weights are 0."""
    b, a = weight.shape[:2]
    taps = weight.flip(2, 3).view(b, a, 2, 2, 2, 2)  # by rows: which of two taps, which place; and by columns
    phases = weight.new_zeros(a, 2, 2, b, 3, 3)
    for row in (0, 1):
        for column in (0, 1):
            phases[:, row, column, :, row : row + 2, column : column + 2] = taps[:, :, :, row, :, column].transpose(
                0, 1
            )
    return phases.view(4 * a, b, 3, 3).to(memory_format=torch.channels_last)


Derivative = Literal["convolution", "transposed", "weight"]


def _by_winograd(
    derivative: Derivative,
    factors: tuple[Tensor, Tensor],
    arithmetic: Sequence[int],
    large: Sequence[int],
    small: Sequence[int],
) -> bool:
    """Whether a function of these shapes and of these ``factors``, with (stride, padding, kernel height, kernel width)
    as ``arithmetic``, is computed with fewer products (``winograd``)."""
    _, _, height, width = small
    return (
        tuple(arithmetic) == (2, 1, 4, 4)
        and tuple(large[2:]) == (2 * height, 2 * width)
        and height % 2 == width % 2 == 0
        and factors[0].device.type == "cpu"
        and not torch.jit.is_tracing()  # type: ignore[attr-defined]  # a drawn graph has one box for a convolution
        # The maps behind a dense layer are not in this layout, but the weights are.
        and any(factor.is_contiguous(memory_format=torch.channels_last) for factor in factors)
        and has_fewer_products(processor(), factors[0].dtype, derivative, large, small)
    )


def has_fewer_products(
    capability: str, dtype: torch.dtype, derivative: Derivative, large: Sequence[int], small: Sequence[int]
) -> bool:
    """Whether a convolution 4×4 of stride 2, its ``transposed`` or its gradient by the ``weight`` is computed by
    ``winograd``, for maps of these shapes (N, C, H, W) on a processor of this ``capability``, in PyTorch's words.

    It is up to 2.9 times as fast as the library's function where there are many channels, and slower where there are
    few, or few images; the rule was measured (benchmarks/README.md). It depends on nothing that changes between two
    runs on one machine, so that resume is exact."""
    if dtype != torch.float32 or not torch.backends.mkl.is_available():  # others' matrix products were not measured
        return False
    channels, side = large[1] * small[1], max(small[2:])
    if small[0] * small[2] * small[3] < 4 * LEAST_TILES:  # its weights would take longer than its images
        return False
    if derivative == "weight" and side <= SMALLEST_MAP:  # exchanged ones are faster still
        return False
    if capability == "AVX512":
        # Another maker's was not measured; oneDNN is faster there than MKL, which computes the matrix products.
        few = derivative == "weight" and side <= SMALL_MAP
        return is_intel() and channels >= (SOME_CHANNELS if few else MANY_CHANNELS)
    few = derivative != "convolution" or side > SMALL_MAP
    return capability == "AVX2" and channels >= (SOME_CHANNELS if few else MANY_CHANNELS)


def exchanges(capability: str, dtype: torch.dtype, large: Sequence[int], small: Sequence[int]) -> bool:
    """Whether the gradient by the weight is computed as a convolution with channels and images exchanged, for maps of
    these shapes (N, C, H, W) on a processor of this ``capability``, in PyTorch's words.

    It is up to four times as fast as the library's function, or slower; the rule was measured (benchmarks/README.md).
    It depends on nothing that changes between two runs on one machine, so that resume is exact."""
    side, channels = max(small[2:]), large[1] * small[1]
    if capability == "AVX512" and dtype == torch.bfloat16:
        return side <= SMALL_MAP
    many = SOME_CHANNELS if capability == "AVX512" else MANY_CHANNELS
    return side <= SMALLEST_MAP or (side <= SMALL_MAP and channels >= many)


class _WeightGradient(Function):
    """The gradient by the weight (b, a, k, k), from large maps (N, a, H, W) and small maps (N, b, h, w)."""

    @staticmethod
    def forward(ctx: Any, large: Tensor, small: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(large, small)
        ctx.stride, ctx.padding = stride, padding
        if _by_winograd("weight", (large, small), (stride, padding, kernel, kernel), large.shape, small.shape):
            return winograd.weight_gradient(large, small)
        if large.device.type == "cpu" and exchanges(processor(), large.dtype, large.shape, small.shape):
            # A convolution with channels and images exchanged and the small maps as kernels.
            full = F.conv2d(large.transpose(0, 1), small.transpose(0, 1), None, 1, padding, stride)
            full = full[:, :, :kernel, :kernel].reshape(large.shape[1], -1)  # (a, b · k · k)
            # One transposition in channels-last layout is four times as fast as transposing k · k numbers at a time.
            turned = full.t().contiguous()
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
    """Returns whether the gradients by the maps, the weight and the bias are needed. PyTorch's flags alone show which
    tensors require gradients, not which gradients were requested."""
    by_maps, by_weight, by_bias = ctx.needs_input_grad[:3]
    of_weights = not only_inputs()
    return by_maps, by_weight and of_weights, by_bias and of_weights
