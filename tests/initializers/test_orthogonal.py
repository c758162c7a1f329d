from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from ganlab.initializers.orthogonal import DeltaOrthogonal, OrthogonalInitializer
from ganlab.layer import Initializer
from ganlab.networks.activations import LeakyReLU, Linear, ReLU, Tanh
from ganlab.networks.layers import Convolution, TransposedConvolution
from tests.initializers.modules import KINDS, by_outputs, fill, layer, notes_of


def assert_orthonormal(matrix: torch.Tensor, scale: float = 1.0) -> None:
    rows, columns = matrix.shape
    gram = matrix @ matrix.t() if rows <= columns else matrix.t() @ matrix
    torch.testing.assert_close(gram, scale**2 * torch.eye(min(rows, columns)), atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", [*KINDS, "embedding"])
@pytest.mark.parametrize(("inputs", "outputs"), [(8, 4), (1, 64)], ids=["wide", "tall"])
def test_orthogonal_rows_or_columns(kind: str, inputs: int, outputs: int) -> None:
    filled = fill(OrthogonalInitializer(gain=1.5), layer(kind, inputs=inputs, outputs=outputs))
    assert_orthonormal(by_outputs(kind, filled.weight), 1.5)


def test_orthogonal_gain_follows_the_activation() -> None:
    for follows, gain in (
        (ReLU(), math.sqrt(2)),
        (LeakyReLU(0.2), math.sqrt(2 / 1.04)),
        (Tanh(), 1.0),
        (Linear(), 1.0),
    ):
        matrix = fill(OrthogonalInitializer(), layer("dense", follows, inputs=1, outputs=1)).matrix
        assert matrix.norm(dim=1).mean().item() == pytest.approx(gain, rel=1e-4)


@pytest.mark.parametrize("transposed", [False, True], ids=["convolution", "transposed"])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_delta_orthogonal_is_zero_but_in_the_centre(transposed: bool, kernel: int) -> None:
    build = TransposedConvolution if transposed else Convolution
    module = build(6, 10, kernel, padding=kernel // 2, follows=ReLU())
    assert notes_of(DeltaOrthogonal(), module) == []
    weight = module.weight.detach().clone()
    centre = weight[:, :, kernel // 2, kernel // 2].clone()
    assert_orthonormal(centre, math.sqrt(2))
    weight[:, :, kernel // 2, kernel // 2] = 0
    assert not weight.any()


@pytest.mark.parametrize("transposed", [False, True], ids=["convolution", "transposed"])
def test_delta_orthogonal_keeps_the_length_of_every_pixel_and_orthogonal_does_not(transposed: bool) -> None:
    build = TransposedConvolution if transposed else Convolution
    x = torch.randn(4, 6, 9, 9, generator=torch.Generator().manual_seed(0))

    def lengths(initializer: Initializer) -> torch.Tensor:
        module = build(6, 10, 3, padding=1, follows=None)
        fill(initializer, module)
        with torch.no_grad():
            return module(x).norm(dim=1)

    torch.testing.assert_close(lengths(DeltaOrthogonal()), x.norm(dim=1))
    assert not torch.allclose(lengths(OrthogonalInitializer()), x.norm(dim=1), rtol=0.1)


FALLS_BACK = {
    "has no centre": (
        Convolution(6, 10, 4, follows=ReLU()),
        TransposedConvolution(6, 10, 4, stride=2, follows=ReLU()),
    ),
    "fewer outputs than inputs": (Convolution(10, 6, 3, follows=ReLU()), TransposedConvolution(10, 6, 3, follows=None)),
    "reaches only some": (TransposedConvolution(6, 10, 3, stride=2, follows=ReLU()),),
}


@pytest.mark.parametrize("reason", FALLS_BACK)
def test_delta_orthogonal_falls_back_to_orthogonal_and_says_where(reason: str) -> None:
    fitting = Convolution(3, 5, 3, follows=None)
    network = nn.Sequential(fitting, *FALLS_BACK[reason])
    (note,) = notes_of(DeltaOrthogonal(), network)
    assert reason in note
    assert ", ".join(str(i + 1) for i in range(len(network) - 1)) in note
    for module in network[1:]:
        kind = "transposed" if isinstance(module, nn.ConvTranspose2d) else "convolution"
        assert_orthonormal(by_outputs(kind, module.weight), module.follows.gain)
        assert module.weight.detach()[..., 0, 0].abs().min() > 0


@pytest.mark.parametrize("kind", ["dense", "embedding"])
def test_delta_orthogonal_is_orthogonal_where_there_is_no_kernel(kind: str) -> None:
    module, same = layer(kind, inputs=2, outputs=1), layer(kind, inputs=2, outputs=1)
    assert notes_of(DeltaOrthogonal(), module) == []
    fill(OrthogonalInitializer(), same)
    assert torch.equal(module.weight, same.weight)
