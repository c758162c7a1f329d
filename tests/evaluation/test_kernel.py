from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ganlab.errors import UserError
from ganlab.evaluation.arithmetic import Spread
from ganlab.evaluation.kernel import kernel_distance


def normal(count: int, dim: int, seed: int) -> Tensor:
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def by_loops(x: Tensor, y: Tensor) -> float:
    def kernel(a: Tensor, b: Tensor) -> float:
        return (sum(float(p) * float(q) for p, q in zip(a, b, strict=True)) / len(a) + 1) ** 3

    m, n = len(x), len(y)
    within_x = sum(kernel(x[i], x[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    within_y = sum(kernel(y[i], y[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    return within_x + within_y - 2 * sum(kernel(a, b) for a in x for b in y) / (m * n)


def test_both_sets_whole_are_the_definition_computed_once() -> None:
    real, fake = normal(7, 3, seed=1), normal(7, 3, seed=2) + 0.5
    assert kernel_distance(real, fake, rng=stream()) == Spread(pytest.approx(by_loops(real, fake), rel=1e-12), 0, 1, 7)


def test_two_points_each_by_hand() -> None:
    """x = ±1, y = 0 twice, d = 1: k(1, -1) = 0, k(0, 0) = 1, and k(x, 0) = 1: 0 + 1 - 2."""
    real, fake = torch.tensor([[1.0], [-1.0]]), torch.zeros(2, 1)
    assert kernel_distance(real, fake, rng=stream()).mean == -1


def test_each_subset_is_drawn_without_replacement_from_either_set() -> None:
    real, fake = normal(9, 2, seed=1), normal(6, 2, seed=2) + 0.5
    again = stream(3)
    values = []
    for _ in range(20):
        chosen = [torch.randperm(len(x), generator=again)[:5] for x in (real, fake)]
        values.append(by_loops(real[chosen[0]], fake[chosen[1]]))
    expected = torch.tensor(values, dtype=torch.float64)
    result = kernel_distance(real, fake, subsets=20, subset_size=5, rng=stream(3))
    assert (result.count, result.size) == (20, 5)
    assert result.mean == pytest.approx(expected.mean().item(), rel=1e-10)
    assert result.std == pytest.approx(expected.std(correction=0).item(), rel=1e-10)
    assert result != kernel_distance(real, fake, subsets=20, subset_size=5, rng=stream(4))


@pytest.mark.parametrize(
    ("real", "fake", "count", "size"), [(50, 20, 8, 20), (20, 50, 8, 20), (50, 50, 8, 30), (20, 20, 1, 20)]
)
def test_a_small_set_reduces_the_subsets(real: int, fake: int, count: int, size: int) -> None:
    result = kernel_distance(normal(real, 3, 1), normal(fake, 3, 2), subsets=8, subset_size=30, rng=stream())
    assert (result.count, result.size) == (count, size)
    assert (result.std > 0) == (count > 1)


def test_equal_distributions_are_at_zero_on_average_and_others_above() -> None:
    """Without bias: over independent draws the mean is within three standard errors of 0."""
    values = torch.tensor(
        [kernel_distance(normal(40, 6, 2 * i), normal(40, 6, 2 * i + 1), rng=stream()).mean for i in range(200)]
    )
    assert abs(values.mean()) < 3 * values.std() / 200**0.5
    assert (values < 0).any()
    assert kernel_distance(normal(40, 6, 1), normal(40, 6, 2) + 1, rng=stream()).mean > 10 * values.std()


def test_what_cannot_be_compared() -> None:
    with pytest.raises(UserError, match="at least 2 of the generated images; there are 1"):
        kernel_distance(normal(5, 3, 1), normal(1, 3, 2), rng=stream())
    with pytest.raises(UserError, match="different extractors"):
        kernel_distance(normal(5, 3, 1), normal(5, 4, 2), rng=stream())
    with pytest.raises(UserError, match="real images hold NaN"):
        kernel_distance(torch.full((5, 3), torch.nan), normal(5, 3, 2), rng=stream())


def test_torchmetrics_says_the_same() -> None:
    """It draws its subsets as we do, from torch's own generator."""
    image = pytest.importorskip("torchmetrics.image.kid")
    theirs = image.KernelInceptionDistance(feature=nn.Identity(), subsets=10, subset_size=30)
    real, fake = normal(80, 12, 1), normal(70, 12, 2) + 0.3
    theirs.update(real, real=True)
    theirs.update(fake, real=False)
    with torch.random.fork_rng():
        torch.manual_seed(6)
        mean, std = theirs.compute()
    ours = kernel_distance(real, fake, subsets=10, subset_size=30, rng=stream(6))
    assert ours.mean == pytest.approx(mean.item(), rel=1e-9)
    assert ours.std == pytest.approx(std.item(), rel=1e-9)


def test_torch_fidelity_says_the_same() -> None:
    kid = pytest.importorskip("torch_fidelity.metric_kid")
    real, fake = normal(40, 12, 1), normal(40, 12, 2) + 0.3
    theirs = kid.kid_features_to_metric(real, fake, kid_subsets=1, kid_subset_size=40, verbose=False)
    ours = kernel_distance(real, fake, rng=stream())
    assert ours.mean == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-9)
