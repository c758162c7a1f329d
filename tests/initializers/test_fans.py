"""Schemes that scale by the fans: xavier, he, and their uniform and normal twins."""

from __future__ import annotations

import math

import pytest
import torch

from ganlab.initializers.he import He, HeUniform
from ganlab.initializers.orthogonal import OrthogonalInitializer
from ganlab.initializers.xavier import Xavier, XavierNormal
from ganlab.layer import Initializer
from ganlab.networks import DISCRIMINATORS, NORMS, walk
from ganlab.networks.activations import ELU, Activation, LeakyReLU, Linear, ReLU, SiLU, Softplus, Tanh
from ganlab.types import Shapes, Wiring
from tests.initializers.modules import KINDS, feed, fill, inner, kurtosis, layer

RECTIFIERS: list[Activation] = [ReLU(), LeakyReLU(0.2), ELU(), SiLU(), Softplus()]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", [*RECTIFIERS, Linear()], ids=lambda a: a.name)
@pytest.mark.parametrize(
    "initializer", [He(), HeUniform(), OrthogonalInitializer()], ids=["he", "he_uniform", "orthogonal"]
)
def test_the_second_moment_is_kept_from_layer_to_layer(
    kind: str, activation: Activation, initializer: Initializer
) -> None:
    """Standard normal z, activation, layer: what comes out has the second moment 1 again, with whatever gain that
    takes. Strided and transposed layers included: this is what the fans are for."""
    outputs = 64 if kind == "dense" else 512  # an activation's mean reaches all pixels alike: many outputs even it out
    module = layer(kind, activation, outputs=outputs)
    fill(initializer, module)
    with torch.no_grad():
        y = inner(kind, module(activation(feed(kind))))
    orthogonal = isinstance(initializer, OrthogonalInitializer)
    # Orthonormal rows over out × (in · k²) put a norm of 1 on all k² taps; an output pixel meets k² / s² = 4 of 16.
    expected = 1 / 4 if kind == "transposed" and orthogonal else 1.0
    assert (y**2).mean().item() == pytest.approx(expected, rel=0.12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", RECTIFIERS[:2], ids=lambda a: a.name)
def test_the_second_moment_is_kept_through_layer_and_activation(kind: str, activation: Activation) -> None:
    """He et al. 2015, where the activation only scales: the order does not matter."""
    module = layer(kind, activation)
    fill(He(), module)
    with torch.no_grad():
        y = activation(inner(kind, module(feed(kind))))
    assert (y**2).mean().item() == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("activation", RECTIFIERS, ids=lambda a: a.name)
def test_he_keeps_ten_layers_alive(activation: Activation) -> None:
    x = feed("dense")
    with torch.no_grad():
        for seed in range(10):
            module = layer("dense", activation)
            fill(He(), module, seed)
            x = module(activation(x))
    assert (x**2).mean().item() == pytest.approx(1, rel=0.4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scheme", [He, HeUniform])
def test_fan_out_keeps_the_gradient(kind: str, scheme: type[He | HeUniform]) -> None:
    module = layer(kind, Linear())
    fill(scheme(fan="out"), module)
    x = feed(kind).requires_grad_()
    y = module(x)
    (gradient,) = torch.autograd.grad(y, x, torch.randn(y.shape, generator=torch.Generator().manual_seed(5)))
    assert (inner(kind, gradient) ** 2).mean().item() == pytest.approx(1, rel=0.1)


HE_FANS = {"dense": 1024, "convolution": 64 * 16, "transposed": 64 * 16 / 4}


@pytest.mark.parametrize("kind", KINDS)
def test_he_against_the_formula(kind: str) -> None:
    weight = fill(He(), layer(kind, LeakyReLU(0.2))).weight
    assert weight.std().item() == pytest.approx(math.sqrt(2 / 1.04 / HE_FANS[kind]), rel=0.02)
    assert kurtosis(weight) == pytest.approx(3, rel=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_he_uniform_has_the_variance_of_he_in_a_box(kind: str) -> None:
    weight = fill(HeUniform(), layer(kind, LeakyReLU(0.2))).weight
    std = math.sqrt(2 / 1.04 / HE_FANS[kind])
    assert weight.std().item() == pytest.approx(std, rel=0.02)
    assert weight.abs().max().item() == pytest.approx(std * math.sqrt(3), rel=1e-3)
    assert kurtosis(weight) == pytest.approx(1.8, rel=0.02)


XAVIER_FANS = {"dense": 1024 + 512, "convolution": 64 * 16 + 32 * 4, "transposed": 64 * 4 + 32 * 16}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scheme", [Xavier, XavierNormal])
def test_xavier_against_the_formula(kind: str, scheme: type[Xavier | XavierNormal]) -> None:
    weight = fill(scheme(), layer(kind, inputs=64, outputs=32)).weight
    std = math.sqrt(2 / XAVIER_FANS[kind])
    assert weight.std().item() == pytest.approx(std, rel=0.02)
    if scheme is Xavier:
        assert weight.abs().max().item() == pytest.approx(std * math.sqrt(3), rel=1e-3)
        assert kurtosis(weight) == pytest.approx(1.8, rel=0.02)
    else:
        assert weight.abs().max().item() > 3 * std
        assert kurtosis(weight) == pytest.approx(3, rel=0.05)
    assert torch.equal(fill(scheme(gain=2.0), layer(kind, inputs=64, outputs=32)).weight, 2 * weight)


@pytest.mark.parametrize("scheme", [Xavier, XavierNormal])
def test_xavier_ignores_the_activation_and_he_does_not(scheme: type[Xavier | XavierNormal]) -> None:
    filled = [fill(scheme(), layer("dense", follows)).weight for follows in (ReLU(), Tanh(), Softplus())]
    assert torch.equal(filled[0], filled[1])
    assert torch.equal(filled[0], filled[2])
    assert not torch.equal(fill(He(), layer("dense", ReLU())).weight, fill(He(), layer("dense", Softplus())).weight)


def test_an_embedding_has_a_fan_of_one() -> None:
    """A class's row is copied, not summed: N(0, 1) keeps the second moment."""
    assert fill(He(), layer("embedding")).weight.std().item() == pytest.approx(1, rel=0.05)
    assert fill(Xavier(), layer("embedding")).weight.std().item() == pytest.approx(math.sqrt(2 / 65), rel=0.05)


def test_rows_that_multiply_features_have_the_fans_of_a_dense_layer() -> None:
    """Those of the projection discriminator: each is summed over all features, so that N(0, 1) would make its part of
    the logit √features times as large as that of the output layer."""
    shapes = Shapes((3, 32, 32), 8, classes=5, wiring=Wiring("none", "projection"))
    network = DISCRIMINATORS["dcgan"](width=16).build(shapes, NORMS["none"]())  # type: ignore[call-arg]
    length = network.projection.embedding_dim
    fans = {described.name: (described.fan_in, described.fan_out) for described in walk(network)}
    assert fans["projection"] == fans["output"] == (length, 1)
    fill(He(), network)
    assert network.projection.weight.std().item() == pytest.approx(1 / math.sqrt(length), rel=0.1)
