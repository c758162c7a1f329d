from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganlab.evaluation import arithmetic
from ganlab.evaluation.arithmetic import checked, nearest_squared, squared_distances


def normal(count: int, dim: int, seed: int = 1) -> Tensor:
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(params=[3, 2048])
def _tile(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arithmetic, "TILE", request.param)
    monkeypatch.setattr(arithmetic, "_DIFFERENCES", 8)


@pytest.mark.parametrize(
    ("offset", "apart", "clusters"), [(0, 1, 0), (1e6, 1, 0), (1e6, 1e-7, 0), (0, 1, 1e5), (1e6, 1, 1e5)]
)
@pytest.mark.usefixtures("_tile")
def test_neighbours_are_exact_however_far_from_the_origin_and_from_each_other(
    offset: float, apart: float, clusters: float
) -> None:
    """Against differences in float64. Points 1e-7 apart at 1e6 have three digits, and all of them count; half of the
    points can be 1e5 away."""
    a, b = apart * normal(11, 5) + offset, apart * normal(8, 5, seed=2) + offset
    a[::2] += clusters
    b[::2] += clusters
    exact = (a[:, None] - b[None]).square().sum(2)
    squared, indices = nearest_squared(a, b, 3)
    expected = exact.topk(3, largest=False)
    # what the origin is, is subtracted first, which rounds once
    torch.testing.assert_close(squared, expected.values, rtol=2e-6, atol=(1e-9 * apart) ** 2)
    torch.testing.assert_close(exact.gather(1, indices), expected.values, rtol=2e-6, atol=0)


@pytest.mark.usefixtures("_tile")
def test_a_point_is_not_its_own_neighbour_but_its_double_is() -> None:
    a = normal(7, 5).float() + 1e4
    a[6] = a[2]
    squared, indices = nearest_squared(a, None, 2)
    assert (indices != torch.arange(7)[:, None]).all()
    assert squared[2, 0] == squared[6, 0] == 0
    assert indices[[2, 6], 0].tolist() == [6, 2]
    assert (squared[[0, 1, 3, 4, 5]] > 0).all()
    assert (squared[:, 0] <= squared[:, 1]).all()


def test_equal_rows_are_at_exactly_zero() -> None:
    a = 1e3 * normal(40, 300)
    assert (squared_distances(a, a.clone()).diagonal() == 0).all()


def test_scores_need_no_gradients() -> None:
    assert not checked(torch.ones(3, 3, requires_grad=True), "the real images").requires_grad


def test_whole_numbers_are_no_features() -> None:
    with pytest.raises(ValueError, match="floating-point"):
        checked(torch.ones(3, 3, dtype=torch.uint8), "the real images")
    with pytest.raises(ValueError, match=r"\(n, d\)"):
        checked(torch.ones(3, 3, 3), "the real images")
