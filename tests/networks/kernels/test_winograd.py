"""Convolutions with fewer products beside PyTorch's own, to the third derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ganlab.networks import DCGANDiscriminator, DCGANGenerator, use_fast_kernels
from ganlab.networks.kernels import convolution, winograd
from ganlab.networks.norms import BatchNorm, NoNorm
from ganlab.types import Batch, Shapes
from tests.networks.kernels.test_convolution import derivatives
from tests.networks.test_fast_kernels import penalized

# in, out, kernel, stride, padding, height, width of the large maps: one tile and many, in each direction.
SHAPES = {
    "to 2×2": (5, 6, 4, 2, 1, 4, 4),
    "to 4×4": (5, 6, 4, 2, 1, 8, 8),
    "to 8×6": (5, 6, 4, 2, 1, 16, 12),
    "to 2×6": (5, 6, 4, 2, 1, 4, 12),
    "to 6×2": (5, 6, 4, 2, 1, 12, 4),
}


@pytest.fixture
def everywhere(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Uses it for all shapes that it can compute, and returns the list of what it has computed."""
    computed: list[str] = []

    def chosen(capability: str, dtype: torch.dtype, derivative: str, large: Any, small: Any) -> bool:
        computed.append(derivative)
        return True

    monkeypatch.setattr(convolution, "has_fewer_products", chosen)
    return computed


def channels_last(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def called(x: Tensor, weight: Tensor, *rest: object) -> Tensor:
        return function(x.contiguous(memory_format=torch.channels_last), weight, *rest)

    return called


@pytest.mark.parametrize("tiles", [1, 4, 512], ids="{} tiles at a time".format)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_derivatives_are_pytorchs(
    shape: tuple[int, ...], tiles: int, everywhere: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winograd, "TILES", tiles)
    torch.testing.assert_close(
        derivatives(channels_last(convolution.convolve), False, shape), derivatives(F.conv2d, False, shape)
    )
    small = (*shape[:5], shape[5] // 2, shape[6] // 2)
    torch.testing.assert_close(
        derivatives(channels_last(convolution.convolve_transposed), True, small),
        derivatives(F.conv_transpose2d, True, small),
    )
    assert {"convolution", "transposed", "weight"} <= set(everywhere)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_results_without_a_gradient_are_pytorchs(shape: tuple[int, ...], everywhere: list[str]) -> None:
    inputs, outputs, kernel, _, _, height, width = shape
    large = torch.randn(3, inputs, height, width, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(outputs, inputs, kernel, kernel, dtype=torch.float64)
    bias = torch.randn(outputs, dtype=torch.float64)
    small = convolution.convolve(large, weight, bias, 2, 1)
    torch.testing.assert_close(small, F.conv2d(large, weight, bias, 2, 1))
    assert small.is_contiguous(memory_format=torch.channels_last)
    bias = torch.randn(inputs, dtype=torch.float64)
    back = convolution.convolve_transposed(small, weight, bias, 2, 1)
    torch.testing.assert_close(back, F.conv_transpose2d(small, weight, bias, 2, 1))
    assert back.is_contiguous(memory_format=torch.channels_last)
    assert everywhere == ["convolution", "transposed"]


@pytest.mark.parametrize(
    "shape",
    [(5, 6, 4, 2, 1, 7, 9), (5, 6, 4, 2, 1, 8, 6), (5, 6, 3, 1, 1, 8, 8), (5, 6, 4, 2, 0, 8, 8), (5, 6, 3, 2, 1, 8, 8)],
    ids=["odd", "an odd number of pixels", "3×3", "not padded", "3×3, strided"],
)
def test_other_shapes_are_computed_by_the_library(shape: tuple[int, ...], everywhere: list[str]) -> None:
    torch.testing.assert_close(
        derivatives(channels_last(convolution.convolve), False, shape), derivatives(F.conv2d, False, shape)
    )
    assert everywhere == []


def test_so_are_other_layouts(everywhere: list[str]) -> None:
    x, weight = torch.randn(2, 8, 8, 8), torch.randn(8, 8, 4, 4)
    torch.testing.assert_close(convolution.convolve(x, weight, None, 2, 1), F.conv2d(x, weight, None, 2, 1))
    assert everywhere == []


def test_a_drawn_graph_has_a_convolution_in_one_piece(everywhere: list[str]) -> None:
    x, weight = torch.randn(2, 8, 8, 8).contiguous(memory_format=torch.channels_last), torch.randn(8, 8, 4, 4)
    graph = torch.jit.trace(lambda x: convolution.convolve(x, weight, None, 2, 1), x, check_trace=False).graph
    assert "aten::_convolution" in str(graph)
    assert everywhere == []


def test_its_rounding_error_is_that_of_the_library() -> None:
    rng = torch.Generator().manual_seed(0)
    large = torch.randn(16, 64, 16, 16, generator=rng).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(96, 64, 4, 4, generator=rng)
    small = torch.randn(16, 96, 8, 8, generator=rng).contiguous(memory_format=torch.channels_last)

    def error(result: Tensor, exact: Tensor) -> float:
        return float((result - exact).norm() / exact.norm())

    exact = F.conv2d(large.double(), weight.double(), None, 2, 1)
    library = error(F.conv2d(large, weight, None, 2, 1), exact)
    assert error(winograd.convolve(large, weight, None), exact) < 4 * library
    exact = F.conv_transpose2d(small.double(), weight.double(), None, 2, 1)
    library = error(F.conv_transpose2d(small, weight, None, 2, 1), exact)
    assert error(winograd.convolve_transposed(small, weight, None), exact) < 4 * library
    exact = torch.nn.grad.conv2d_weight(large.double(), list(weight.shape), small.double(), 2, 1)
    assert error(winograd.weight_gradient(large, small), exact) < 2e-6


def test_networks_and_their_penalties_are_the_same(everywhere: list[str]) -> None:
    for norm in (NoNorm(), BatchNorm()):
        shapes = Shapes(image=(3, 16, 16), latent=8)
        network = DCGANDiscriminator(width=6).build(shapes, norm).double().to(memory_format=torch.channels_last)
        torch.testing.assert_close(penalized(network, True), penalized(network, False), rtol=1e-4, atol=1e-6)
    assert {"convolution", "transposed", "weight"} <= set(everywhere)
    generator = DCGANGenerator(width=6).build(shapes, BatchNorm()).double().to(memory_format=torch.channels_last)
    latent = torch.randn(4, 8, dtype=torch.float64)
    results = []
    for fast in (True, False):
        use_fast_kernels(generator, fast)
        generator.zero_grad()
        images = generator(latent, {}).images
        images.square().sum().backward()
        results.append([images.detach(), *(parameter.grad for parameter in generator.parameters())])
    torch.testing.assert_close(*results)


def test_a_step_of_training_without_fast_kernels_never_uses_it(everywhere: list[str]) -> None:
    network = DCGANDiscriminator(width=4).build(Shapes(image=(3, 16, 16), latent=8), NoNorm())
    network.to(memory_format=torch.channels_last)
    use_fast_kernels(network, False)
    images = torch.randn(2, 3, 16, 16).contiguous(memory_format=torch.channels_last)
    network(Batch(images)).logits.sum().backward()
    assert everywhere == []
