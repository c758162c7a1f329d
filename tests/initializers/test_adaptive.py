from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from ganlab.initializers.adaptive import Adaptive
from ganlab.initializers.he import He
from ganlab.initializers.xavier import XavierNormal
from ganlab.layer import Initializer, Role
from ganlab.networks import NORMS, ResNetDiscriminator
from ganlab.networks.activations import ELU, Activation, LeakyReLU, ReLU, SiLU, Softplus, Tanh
from ganlab.networks.layers import Dense
from ganlab.types import Batch, Shapes
from tests.initializers.modules import notes_of


class Sigmoid(Activation):
    name = "sigmoid"
    gain = 2.0  # type: ignore[assignment]


def same(one: Initializer, other: Initializer, follows: Activation | None, role: Role = "hidden") -> bool:
    modules = [Dense(12, 8, follows=follows, role=role) for _ in range(2)]
    for initializer, module in zip((one, other), modules, strict=True):
        notes_of(initializer, module)
    return torch.equal(modules[0].weight, modules[1].weight)


@pytest.mark.parametrize("follows", [ReLU(), LeakyReLU(), ELU(), SiLU(), Softplus(), None], ids=str)
def test_he_before_what_does_not_saturate(follows: Activation | None) -> None:
    assert same(Adaptive(), He(), follows)
    assert not same(Adaptive(), XavierNormal(), follows)


@pytest.mark.parametrize(
    ("follows", "role"),
    [(Tanh(), "output"), (Tanh(), "hidden"), (Sigmoid(), "hidden"), (None, "output")],
    ids=["tanh output", "tanh", "sigmoid", "linear output"],
)
def test_xavier_before_what_saturates_and_at_outputs(follows: Activation | None, role: Role) -> None:
    assert same(Adaptive(), XavierNormal(), follows, role)
    assert not same(Adaptive(), He(), follows, role)


@pytest.mark.parametrize("count", [1, 4, 9])
def test_residual_layers_are_scaled_by_their_number(count: int) -> None:
    def network() -> nn.Sequential:
        return nn.Sequential(
            *(Dense(6, 6, follows=None, role="residual") for _ in range(count)), Dense(6, 6, follows=ReLU())
        )

    adaptive, he = network(), network()
    notes_of(Adaptive(), adaptive)
    notes_of(He(), he)
    for ours, theirs in zip(adaptive[:-1], he[:-1], strict=True):
        torch.testing.assert_close(ours.weight, theirs.weight / math.sqrt(count))
    assert torch.equal(adaptive[-1].weight, he[-1].weight)


def growth(initializer: Initializer, depth: int) -> float:
    """Second moment behind the last of ``depth`` identity blocks over that behind the first block, without norms."""
    settings = ResNetDiscriminator(width=32, largest_width=32, depth=depth, flat=0, coarsest=8)
    network = settings.build(Shapes((3, 16, 16), 8), NORMS["none"]())
    notes_of(initializer, network)
    images = torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        maps: list[Tensor] = network.trunk(images, Batch(images).condition)
    inside = [x for x in maps if x.dim() == 4]
    assert len(inside) == depth
    return float((inside[-1] ** 2).mean() / (inside[0] ** 2).mean())


def test_a_deep_residual_network_does_not_explode() -> None:
    """Each of L blocks adds at most 1 / L of what came in: (1 + 1 / L)^L < e. He adds a share that does not shrink."""
    assert 1 < growth(Adaptive(), 30) < math.e
    assert growth(He(), 30) > 100
