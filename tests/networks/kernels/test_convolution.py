"""Convolutions beside PyTorch's own, to the second derivative."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ganlab.input_gradient import input_gradient
from ganlab.networks.kernels import convolution
from ganlab.networks.kernels.convolution import convolve, convolve_transposed, exchanges, has_fewer_products
from ganlab.processor import processor
from tests.networks.calls import Calls

# in, out, kernel, stride, padding, height, width. Maps of 4×4 and below, and few channels, have ways of their own.
SHAPES = {
    "strided": (5, 6, 4, 2, 1, 16, 12),
    "to 4×4": (5, 6, 4, 2, 1, 8, 8),
    "to 3×2": (5, 6, 4, 2, 1, 6, 4),
    "from 4×4": (5, 6, 4, 2, 1, 4, 4),
    "of colours": (3, 5, 4, 2, 1, 16, 12),
    "to colours": (5, 3, 4, 2, 1, 8, 6),
    "3×3": (5, 6, 3, 1, 1, 8, 6),
    "3×3 of small maps": (5, 6, 3, 1, 1, 4, 4),
    "1×1": (5, 6, 1, 1, 0, 8, 6),
    "odd": (5, 6, 4, 2, 1, 7, 9),
}

DERIVATIVES: tuple[convolution.Derivative, ...] = ("convolution", "transposed", "weight")


def derivatives(function: Callable[..., Tensor], transposed: bool, shape: tuple[int, ...]) -> list[Tensor]:
    """The result, its three gradients, and three gradients of a function of all those."""
    inputs, outputs, kernel, stride, padding, height, width = shape
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(2, inputs, height, width, generator=rng, dtype=torch.float64, requires_grad=True)
    channels = (inputs, outputs) if transposed else (outputs, inputs)
    weight = torch.randn(*channels, kernel, kernel, generator=rng, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(outputs, generator=rng, dtype=torch.float64, requires_grad=True)
    y = function(x, weight, bias, stride, padding)
    first = torch.autograd.grad(y.square().sum(), (x, weight, bias), create_graph=True)
    second = torch.autograd.grad(sum((gradient**3).sum() for gradient in first), (x, weight, bias), create_graph=True)
    third = torch.autograd.grad(sum((gradient**2).sum() for gradient in second), (x, weight, bias))
    return [y, *first, *second, *third]


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_convolution_and_its_derivatives_are_pytorchs(shape: tuple[int, ...], layout: torch.memory_format) -> None:
    def ours(x: Tensor, weight: Tensor, *rest: object) -> Tensor:
        return convolve(x.contiguous(memory_format=layout), weight.contiguous(memory_format=layout), *rest)

    torch.testing.assert_close(derivatives(ours, False, shape), derivatives(F.conv2d, False, shape))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_so_are_a_transposed_one_and_its_own(shape: tuple[int, ...], layout: torch.memory_format) -> None:
    def ours(x: Tensor, weight: Tensor, *rest: object) -> Tensor:
        return convolve_transposed(x.contiguous(memory_format=layout), weight.contiguous(memory_format=layout), *rest)

    torch.testing.assert_close(derivatives(ours, True, shape), derivatives(F.conv_transpose2d, True, shape))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_they_are_the_same_without_a_gradient(shape: tuple[int, ...]) -> None:
    inputs, outputs, kernel, stride, padding, height, width = shape
    x, weight = torch.randn(2, inputs, height, width), torch.randn(inputs, outputs, kernel, kernel)
    torch.testing.assert_close(
        convolve_transposed(x, weight, None, stride, padding), F.conv_transpose2d(x, weight, None, stride, padding)
    )


@pytest.mark.parametrize("shape", [SHAPES[name] for name in ("strided", "to 4×4", "3×3", "to colours")], ids=str)
def test_they_need_no_onednn(shape: tuple[int, ...]) -> None:
    with torch.backends.mkldnn.flags(enabled=False):
        torch.testing.assert_close(derivatives(convolve, False, shape), derivatives(F.conv2d, False, shape))
        torch.testing.assert_close(
            derivatives(convolve_transposed, True, shape), derivatives(F.conv_transpose2d, True, shape)
        )


@pytest.mark.parametrize("capability", ["AVX512", "AVX2", "DEFAULT"])
def test_the_gradient_by_the_weight_is_the_same_by_either_way(capability: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    for name in ("to 4×4", "to 3×2", "3×3 of small maps"):
        torch.testing.assert_close(
            derivatives(convolve, False, SHAPES[name]), derivatives(F.conv2d, False, SHAPES[name])
        )


def test_which_way_is_chosen_by_processor_and_shape() -> None:
    def chosen(capability: str, channels: tuple[int, int], side: int, dtype: torch.dtype = torch.float32) -> bool:
        return exchanges(capability, dtype, (64, channels[0], 2 * side, 2 * side), (64, channels[1], side, side))

    assert [chosen("AVX512", (64, 128), side, torch.bfloat16) for side in (2, 4, 8)] == [True, True, False]
    assert [chosen("AVX512", (64, 128), side) for side in (2, 4, 8)] == [True, False, False]
    assert [chosen("AVX512", (128, 256), side) for side in (2, 4, 8)] == [True, True, False]
    assert [chosen("AVX2", (64, 128), side) for side in (2, 4, 8)] == [True, False, False]
    assert [chosen("AVX2", (128, 256), side) for side in (2, 4, 8)] == [True, False, False]
    assert [chosen("AVX2", (256, 512), side) for side in (2, 4, 8)] == [True, True, False]


@pytest.mark.parametrize(
    ("capability", "intel", "channels", "side", "chosen"),
    [
        ("AVX512", True, (256, 256), 4, "convolution transposed weight"),
        ("AVX512", True, (256, 512), 16, "convolution transposed weight"),
        ("AVX512", True, (128, 512), 2, "convolution transposed"),
        ("AVX512", True, (128, 256), 4, "weight"), ("AVX512", True, (128, 256), 8, ""),
        ("AVX512", False, (256, 512), 4, ""),
        ("AVX2", False, (128, 256), 4, "transposed weight"),
        ("AVX2", False, (128, 256), 8, "convolution transposed weight"),
        ("AVX2", True, (128, 128), 8, ""), ("AVX2", True, (256, 512), 2, "convolution transposed"),
        ("DEFAULT", True, (256, 512), 4, ""), ("SVE256", False, (256, 512), 4, ""),
    ],
)  # fmt: skip
def test_where_fewer_products_are_computed(
    capability: str, intel: bool, channels: tuple[int, int], side: int, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convolution, "is_intel", lambda: intel)
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: True)
    large, small = (64, channels[0], 2 * side, 2 * side), (64, channels[1], side, side)
    found = [one for one in DERIVATIVES if has_fewer_products(capability, torch.float32, one, large, small)]
    assert found == chosen.split()
    assert not any(has_fewer_products(capability, torch.bfloat16, one, large, small) for one in DERIVATIVES)
    few = (60 // side, *large[1:]), (60 // side, *small[1:])
    if side < 8:  # fewer than 64 tiles
        assert not any(has_fewer_products(capability, torch.float32, one, *few) for one in DERIVATIVES)
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: False)
    assert not any(has_fewer_products(capability, torch.float32, one, large, small) for one in DERIVATIVES)


@pytest.mark.parametrize(
    ("capability", "limit", "kind"),
    [
        ("AVX512", None, "AVX512"), ("AVX512", "AVX2", "AVX2"), ("AVX512", "avx2_vnni", "AVX2"),
        ("AVX512", "AVX512_CORE", "AVX512"), ("AVX512", "SSE41", "DEFAULT"), ("AVX2", "AVX512_CORE", "AVX2"),
        ("AVX2", "AVX", "DEFAULT"), ("SVE256", "AVX2", "SVE256"),
    ],
)  # fmt: skip
def test_limits_of_onednn_count(capability: str, limit: str | None, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.delenv("DNNL_MAX_CPU_ISA", raising=False)
    if limit is None:
        monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    else:
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    assert processor() == kind


def test_under_autocast_they_compute_in_its_type_and_weights_get_gradients_in_theirs() -> None:
    x, weight = torch.randn(2, 8, 8, 8), torch.randn(8, 8, 4, 4, requires_grad=True)
    for ours, theirs in ((convolve, F.conv2d), (convolve_transposed, F.conv_transpose2d)):
        gradients = []
        for function in (ours, theirs):
            with torch.autocast("cpu", torch.bfloat16):
                y = function(x, weight, None, 2, 1)
            assert y.dtype == torch.bfloat16
            gradients += torch.autograd.grad(y.float().square().sum(), weight)
        assert gradients[0].dtype == torch.float32
        torch.testing.assert_close(*gradients, rtol=0.02, atol=0.02 * gradients[1].abs().max().item())


def test_a_derivative_by_the_images_alone_leaves_the_weights_out() -> None:
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 8, 8, generator=rng, requires_grad=True)
    weight = torch.randn(5, 3, 3, 3, generator=rng, requires_grad=True)
    logits = convolve(x, weight, None, 1, 1).square().sum((1, 2, 3))
    with Calls() as calls:
        gradient = input_gradient(logits, x)
    assert calls.convolutions == 1
    with Calls() as calls:  # the gradient's two derivatives, and, as squares are curved, the layer's two
        gradient.square().sum().backward()
    assert weight.grad is not None
    assert calls.convolutions == 4
    logits = F.conv2d(x, weight, None, 1, 1).square().sum((1, 2, 3))
    ours, weight.grad = weight.grad, None
    input_gradient(logits, x).square().sum().backward()
    torch.testing.assert_close(ours, weight.grad, rtol=1e-4, atol=1e-5 * weight.grad.abs().max().item())
