from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from ganlab.networks import parametrize
from ganlab.networks.base import NetworkModule
from ganlab.networks.layers import Convolution, Dense
from ganlab.networks.parametrizations import Spectral
from ganlab.regularizers.orthogonal import OrthogonalRegularizer
from ganlab.regularizers.weight_penalty import WeightPenalty
from ganlab.types import Update

ROWS = torch.tensor([[3.0, 0.0, 0.0], [0.0, 0.0, 2.0]], requires_grad=True)  # orthogonal, not of length 1
SKEW = torch.tensor([[1.0, 0.0], [1.0, 1.0]], requires_grad=True)  # inner product 1, lengths 1 and √2


def facts(generator: list[Tensor], discriminator: list[Tensor]) -> Update:
    networks = {
        "generator": SimpleNamespace(weights=lambda: generator),
        "discriminator": SimpleNamespace(weights=lambda: discriminator),
    }
    return SimpleNamespace(**networks)  # type: ignore[return-value]


def test_the_weight_penalty_is_the_sum_of_squares_without_a_half() -> None:
    regularizer = WeightPenalty().discriminator(facts([], [ROWS, SKEW]))
    assert regularizer.item() == 9 + 4 + 1 + 1 + 1
    (gradient,) = torch.autograd.grad(regularizer, ROWS)
    torch.testing.assert_close(gradient, 2 * ROWS.detach())
    assert WeightPenalty().generator(facts([ROWS], [])) is None


def test_it_is_the_applied_weight_that_is_penalized() -> None:
    """Under spectral norm a dense layer of rank 1 has ‖W‖_F = σ = 1, whatever is stored."""
    network = NetworkModule()
    network.layer = Dense(3, 2, follows=None)
    network.layer.weight.data = torch.outer(torch.tensor([3.0, 4.0]), torch.tensor([1.0, 2.0, 2.0]))
    assert WeightPenalty().discriminator(_of(network)).item() == pytest.approx(225)
    parametrize(network, Spectral())
    assert WeightPenalty().discriminator(_of(network)).item() == pytest.approx(1, rel=1e-4)


def _of(network: NetworkModule) -> Update:
    return SimpleNamespace(discriminator=network)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("form", "of_rows", "of_skew"),
    [
        ("off_diagonal", 0.0, 2.0),  # W Wᵀ = [[1, 1], [1, 2]]: its off-diagonal twice 1²
        ("strict", 8.0**2 + 3.0**2, 2.0 + 1.0),  # diag(9, 4) - I; and the 1 that 2 is above I
    ],
)
def test_orthogonal_by_hand(form: str, of_rows: float, of_skew: float) -> None:
    regularizer = OrthogonalRegularizer(form=form)
    assert regularizer.generator(facts([ROWS], [])).item() == of_rows
    assert regularizer.generator(facts([SKEW], [])).item() == of_skew
    assert regularizer.generator(facts([ROWS, SKEW], [])).item() == of_rows + of_skew


def test_it_is_over_the_outputs_of_a_convolution() -> None:
    network = NetworkModule()
    network.layer = Convolution(2, 3, 2, follows=None)
    filters = network.layer.weight.detach().reshape(3, 8)
    inner = [filters[i] @ filters[j] for i in range(3) for j in range(3) if i != j]
    regularizer = OrthogonalRegularizer(networks="discriminator").discriminator(_of(network))
    assert regularizer.item() == pytest.approx(sum(value.item() ** 2 for value in inner), rel=1e-5)


@pytest.mark.parametrize("form", ["off_diagonal", "strict"])
def test_under_mixed_precision_the_inner_products_are_float32(form: str) -> None:
    weight = torch.randn(8, 30, generator=torch.Generator().manual_seed(0))
    plain = OrthogonalRegularizer(form=form).generator(facts([weight], []))
    with torch.autocast("cpu", torch.bfloat16):
        mixed = OrthogonalRegularizer(form=form).generator(facts([weight], []))
    assert mixed.dtype == torch.float32
    assert mixed == plain


@pytest.mark.parametrize(
    ("networks", "generator", "discriminator"),
    [("generator", 2.0, None), ("discriminator", None, 2.0), ("both", 2.0, 2.0)],
)
def test_networks_chooses(networks: str, generator: float | None, discriminator: float | None) -> None:
    regularizer, both = OrthogonalRegularizer(networks=networks), facts([SKEW], [SKEW])
    found = [
        value.item() if value is not None else None
        for value in (regularizer.generator(both), regularizer.discriminator(both))
    ]
    assert found == [generator, discriminator]
