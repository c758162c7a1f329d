from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from ganlab.initializers import INITIALIZERS
from ganlab.initializers.he import He
from ganlab.initializers.normal import Normal
from ganlab.initializers.orthogonal import Orthogonal
from ganlab.initializers.xavier import Xavier
from ganlab.networks.activations import Activation, LeakyReLU, Linear, ReLU, Tanh
from ganlab.networks.layers import Convolution, Dense, TransposedConvolution, walk
from ganlab.networks.norms import Batch
from ganlab.types import Initializer, Layer

RELU = ReLU()


def layer(kind: str, follows: Activation = RELU, stride: int = 2, inputs: int = 64, outputs: int = 64) -> nn.Module:
    if kind == "dense":
        return Dense(inputs * 16, outputs * 16, follows=follows)
    if kind == "convolution":
        return Convolution(inputs, outputs, 4, stride=stride, padding=1, follows=follows)
    return TransposedConvolution(inputs, outputs, 4, stride=stride, padding=1, follows=follows)


def fill(initializer: Initializer, module: nn.Module, seed: int = 0) -> Layer:
    initializer.initialize(walk(module), torch.Generator().manual_seed(seed))
    return next(walk(module))


def feed(kind: str) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return (
        torch.randn(64, 1024, generator=generator)
        if kind == "dense"
        else torch.randn(16, 64, 16, 16, generator=generator)
    )


KINDS = ["dense", "convolution", "transposed"]


@pytest.mark.parametrize("kind", KINDS)
def test_normal(kind: str) -> None:
    weight = fill(Normal(), layer(kind)).weight
    assert weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert abs(weight.mean().item()) < 3 * 0.02 / math.sqrt(weight.numel()) * 2


def test_normal_fills_norm_scales_around_one() -> None:
    norm = Batch().build(5000, True)
    Normal(norm_std=0.02).initialize(walk(norm), torch.Generator().manual_seed(0))
    assert norm.weight.mean().item() == pytest.approx(1, abs=2e-3)
    assert norm.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert not norm.bias.any()


@pytest.mark.parametrize("name", [name for name in INITIALIZERS if name != "normal"])
def test_other_schemes_leave_norms_at_one(name: str) -> None:
    norm = Batch().build(8, True)
    with torch.no_grad():
        norm.weight.fill_(7)
        norm.bias.fill_(7)
    INITIALIZERS[name]().initialize(walk(norm), torch.Generator())
    assert torch.equal(norm.weight, torch.ones(8))
    assert not norm.bias.any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("follows", [ReLU(), LeakyReLU(0.2), Tanh(), Linear()], ids=lambda a: a.name)
@pytest.mark.parametrize("initializer", [He(), Orthogonal()], ids=["he", "orthogonal"])
def test_the_second_moment_is_kept_through_layer_and_activation(
    kind: str, follows: Activation, initializer: Initializer
) -> None:
    """Strided and transposed layers included, measured on random input: this is what the fans are for."""
    module = layer(kind, follows)
    fill(initializer, module)
    with torch.no_grad():
        x = feed(kind)
        y = module(x)
        if kind != "dense":
            y = y[..., 2:-2, 2:-2]  # the padded border sums fewer terms
        if follows.name in ("relu", "leaky_relu"):
            y = follows(y)
    # Orthonormal rows over out × (in · k²) put a norm of 1 on all k² taps; an output pixel meets k² / s² = 4 of 16.
    expected = 1 / 4 if kind == "transposed" and isinstance(initializer, Orthogonal) else 1.0
    assert (y**2).mean().item() == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_he_fan_out_keeps_the_gradient(kind: str) -> None:
    module = layer(kind, Linear())
    fill(He(fan="out"), module)
    x = feed(kind).requires_grad_()
    y = module(x)
    (gradient,) = torch.autograd.grad(y, x, torch.randn(y.shape, generator=torch.Generator().manual_seed(5)))
    inner = gradient if kind == "dense" else gradient[..., 2:-2, 2:-2]
    assert (inner**2).mean().item() == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_he_against_the_formula(kind: str) -> None:
    fans = {"dense": 1024, "convolution": 64 * 16, "transposed": 64 * 16 / 4}
    weight = fill(He(), layer(kind, LeakyReLU(0.2))).weight
    assert weight.std().item() == pytest.approx(math.sqrt(2 / 1.04 / fans[kind]), rel=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_xavier_against_the_formula(kind: str) -> None:
    inputs, outputs = 64, 32
    fan_in = {"dense": 1024, "convolution": inputs * 16, "transposed": inputs * 4}[kind]
    fan_out = {"dense": 512, "convolution": outputs * 4, "transposed": outputs * 16}[kind]
    weight = fill(Xavier(), layer(kind, inputs=inputs, outputs=outputs)).weight
    bound = math.sqrt(6 / (fan_in + fan_out))
    assert weight.abs().max().item() == pytest.approx(bound, rel=1e-3)
    assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.02)
    assert torch.equal(fill(Xavier(gain=2.0), layer(kind, inputs=inputs, outputs=outputs)).weight, 2 * weight)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("inputs", "outputs"), [(8, 4), (1, 64)], ids=["wide", "tall"])
def test_orthogonal_rows_or_columns(kind: str, inputs: int, outputs: int) -> None:
    filled = fill(Orthogonal(gain=1.5), layer(kind, inputs=inputs, outputs=outputs))
    weight = filled.weight.detach()
    if kind == "transposed":  # by hand: row o is everything that reaches output o
        matrix = torch.stack([weight[:, o].flatten() for o in range(outputs)])
    else:
        matrix = weight.flatten(1)
    rows, columns = matrix.shape
    gram = matrix @ matrix.t() if rows <= columns else matrix.t() @ matrix
    torch.testing.assert_close(gram, 1.5**2 * torch.eye(min(rows, columns)), atol=1e-4, rtol=0)


def test_orthogonal_gain_follows_the_activation() -> None:
    for follows, gain in (
        (ReLU(), math.sqrt(2)),
        (LeakyReLU(0.2), math.sqrt(2 / 1.04)),
        (Tanh(), 1.0),
        (Linear(), 1.0),
    ):
        matrix = fill(Orthogonal(), layer("dense", follows, inputs=1, outputs=1)).matrix
        assert matrix.norm(dim=1).mean().item() == pytest.approx(gain, rel=1e-4)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_biases_are_zero_and_the_draw_decides(name: str) -> None:
    one, same, other = (layer("convolution") for _ in range(3))
    for module, seed in ((one, 0), (same, 0), (other, 1)):
        fill(INITIALIZERS[name](), module, seed)
        assert not module.bias.any()
    assert torch.equal(one.weight, same.weight)
    assert not torch.equal(one.weight, other.weight)


def test_neighbours_differ() -> None:
    weights = {name: fill(INITIALIZERS[name](), layer("convolution")).weight for name in INITIALIZERS}
    for name, weight in weights.items():
        for other, theirs in weights.items():
            assert name == other or not torch.allclose(weight, theirs)
