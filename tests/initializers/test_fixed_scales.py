"""Schemes that look at no fan or only at PyTorch's own: normal, truncated, uniform, constant, default, equalized."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganlab.config.build import build_generator, initialize_network
from ganlab.initializers.constant import Constant
from ganlab.initializers.default import Default
from ganlab.initializers.equalized import EqualizedInitializer
from ganlab.initializers.normal import NormalInitializer, TruncatedNormal
from ganlab.initializers.uniform import UniformInitializer
from ganlab.initializers.xavier import Xavier
from ganlab.networks import parametrize
from ganlab.networks.activations import ELU, Activation, LeakyReLU, SiLU, Softplus
from ganlab.networks.layers import Convolution, Dense, Embedding, TransposedConvolution
from ganlab.networks.norms import BatchNorm, ConditionalBatchNorm
from ganlab.networks.parametrizations import Equalized as EqualizedWeight
from ganlab.training.trainer import Trainer
from tests.conftest import tiny
from tests.initializers.modules import KINDS, feed, fill, inner, kurtosis, layer, notes_of


@pytest.mark.parametrize("kind", [*KINDS, "embedding"])
def test_normal(kind: str) -> None:
    weight = fill(NormalInitializer(), layer(kind)).weight
    assert weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert abs(weight.mean().item()) < 5 * 0.02 / math.sqrt(weight.numel())


@pytest.mark.parametrize("norm", [BatchNorm(), ConditionalBatchNorm()], ids=["norm", "conditional norm"])
def test_normal_fills_norm_scales_around_one(norm: BatchNorm) -> None:
    built = norm.build(5000, (4, 4), classes=3)
    notes_of(NormalInitializer(norm_std=0.02), built)
    assert built.weight.mean().item() == pytest.approx(1, abs=2e-3)
    assert built.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert not built.bias.any()


@pytest.mark.parametrize("bound", [0.5, 2.0, 5.0])
def test_truncated_normal_is_cut_at_the_bound_and_has_the_std_before_it(bound: float) -> None:
    weight = fill(TruncatedNormal(std=0.1, bound=bound), layer("dense")).weight.detach().double()
    assert weight.abs().max().item() == pytest.approx(0.1 * bound, rel=1e-2 if bound < 5 else 0.1)
    assert weight.abs().max().item() <= 0.1 * bound * (1 + 1e-6)
    # By integration: the density of N(0, 0.1²) inside the bound, and nothing outside.
    x = torch.linspace(-0.1 * bound, 0.1 * bound, 100_001, dtype=torch.float64)
    density = torch.exp(-((x / 0.1) ** 2) / 2)
    expected = math.sqrt(float((x**2 * density).sum() / density.sum()))
    assert weight.std().item() == pytest.approx(expected, rel=5e-3)


def test_truncated_normal_at_two_has_the_documented_share_of_its_std() -> None:
    weight = fill(TruncatedNormal(), layer("dense")).weight
    assert weight.std().item() / 0.02 == pytest.approx(0.880, abs=2e-3)
    assert (
        weight.abs().max().item()
        <= 0.04 * (1 + 1e-6)
        < fill(NormalInitializer(), layer("dense")).weight.abs().max().item()
    )


@pytest.mark.parametrize("kind", [*KINDS, "embedding"])
def test_uniform_is_the_same_in_every_layer(kind: str) -> None:
    weight = fill(UniformInitializer(), layer(kind)).weight
    assert weight.abs().max().item() == pytest.approx(0.05, rel=2e-3)
    assert weight.std().item() == pytest.approx(0.05 / math.sqrt(3), rel=0.02)
    assert kurtosis(weight) == pytest.approx(1.8, rel=0.02)


@pytest.mark.parametrize("kind", [*KINDS, "embedding"])
def test_constant(kind: str) -> None:
    assert torch.equal(fill(Constant(0.5), layer(kind)).weight, torch.full_like(layer(kind).weight, 0.5))
    filled = fill(Constant(), layer(kind))
    assert torch.equal(filled.weight, torch.full_like(filled.weight, 1 / filled.fan_in))


def test_constant_keeps_units_alike_through_training_and_a_random_start_does_not() -> None:
    def units(initializer: Constant | Xavier) -> Tensor:
        network = nn.Sequential(Dense(3, 4, follows=None), nn.Tanh(), Dense(4, 1, follows=None))
        notes_of(initializer, network)
        optimizer = torch.optim.Adam(network.parameters(), lr=0.1)
        x = torch.randn(16, 3, generator=torch.Generator().manual_seed(0))
        for _ in range(5):
            optimizer.zero_grad()
            ((network(x) - x[:, :1].sin()) ** 2).mean().backward()
            optimizer.step()
        return network[0].weight.detach()

    alike = units(Constant())
    assert not torch.allclose(alike, torch.full_like(alike, 1 / 3))  # it did move
    torch.testing.assert_close(alike, alike[:1].expand_as(alike))
    assert units(Xavier()).std(dim=0).min() > 0.01


PYTORCHS: dict[str, tuple[Callable[[], nn.Module], Callable[[], nn.Module]]] = {
    "dense": (lambda: Dense(30, 20, follows=None), lambda: nn.Linear(30, 20)),
    "convolution": (
        lambda: Convolution(6, 10, 3, stride=2, follows=None),
        lambda: nn.Conv2d(6, 10, 3, stride=2),
    ),
    "transposed": (
        lambda: TransposedConvolution(6, 10, 4, stride=2, follows=None),
        lambda: nn.ConvTranspose2d(6, 10, 4, stride=2),
    ),
    "embedding": (lambda: Embedding(7, 10), lambda: nn.Embedding(7, 10)),
}


@pytest.mark.parametrize("kind", PYTORCHS)
def test_default_is_what_pytorchs_layer_does_by_itself(kind: str) -> None:
    """Of the same random numbers, weights and biases, so the bounds are PyTorch's too."""
    ours, theirs = PYTORCHS[kind]
    filled = ours()
    fill(Default(), filled, seed=5)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        expected = theirs().state_dict()
    for name, parameter in filled.named_parameters():
        torch.testing.assert_close(parameter.detach(), expected[name])


def test_default_counts_a_transposed_fan_over_its_outputs() -> None:
    filled = fill(Default(), TransposedConvolution(2, 50, 4, follows=None))
    assert filled.bias is not None
    for tensor in (filled.weight, filled.bias):
        assert tensor.abs().max().item() == pytest.approx(1 / math.sqrt(50 * 16), rel=0.05)


ROUNDED: list[Activation] = [LeakyReLU(0.2), ELU(), SiLU(), Softplus()]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("follows", ROUNDED, ids=lambda activation: activation.name)
def test_equalized_with_its_parametrization_applies_gain_squared_over_fan(kind: str, follows: Activation) -> None:
    module = layer(kind, follows)
    stored = fill(EqualizedInitializer(), module).weight
    assert stored.std().item() == pytest.approx(1, rel=0.02)
    parametrize(module, EqualizedWeight())
    z = torch.randn(1_000_000, generator=torch.Generator().manual_seed(1))
    gain_squared = 1 / (follows(z) ** 2).mean().item()
    fan = {"dense": 1024, "convolution": 64 * 16, "transposed": 64 * 16 / 4}[kind]
    assert module.applied_weight().var().item() == pytest.approx(gain_squared / fan, rel=0.03)
    with torch.no_grad():
        y = inner(kind, module(feed(kind)))
    assert (y**2).mean().item() == pytest.approx(gain_squared, rel=0.1)


def equalized_weights(trainer: Trainer) -> list[tuple[Tensor, Tensor, Any]]:
    return [
        (module.weight.detach(), module.applied_weight().detach(), module.parametrization)
        for learner in (trainer.generator, trainer.discriminator)
        for module in learner.network.modules()  # type: ignore[attr-defined]
        if hasattr(module, "applied_weight")
    ]


@pytest.mark.parametrize(
    "choice",
    [
        {"init": {"generator": "equalized", "discriminator": "equalized"}},
        {"norm": {"generator": {"weight": "equalized"}, "discriminator": {"weight": "equalized"}}},
        {
            "init": {"generator": "equalized", "discriminator": "equalized"},
            "norm": {"generator": {"layer": "batch"}, "discriminator": {"layer": "batch"}},
        },
    ],
    ids=["init=equalized", "norm=equalized", "init=equalized norm=batch"],
)
def test_equalized_and_its_parametrization_bring_each_other(
    choice: dict[str, Any], make_trainer: Callable[..., Trainer]
) -> None:
    trainer = make_trainer(steps=1, **choice)
    weights = equalized_weights(trainer)
    assert weights
    for stored, applied, parametrization in weights:
        assert parametrization is not None
        torch.testing.assert_close(applied, stored * parametrization.scale)
    together = torch.cat([stored.flatten() for stored, _, _ in weights])
    assert together.std().item() == pytest.approx(1, rel=0.05)
    trainer.run()


def test_a_plain_start_has_neither() -> None:
    settings = tiny().settings
    network = build_generator(settings)
    initialize_network(network, "generator", settings)
    assert all(getattr(module, "parametrization", None) is None for module in network.modules())
