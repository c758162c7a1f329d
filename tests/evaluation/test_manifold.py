from __future__ import annotations

from dataclasses import asdict

import pytest
import torch
from torch import Tensor

from ganlab.errors import UserError
from ganlab.evaluation import arithmetic
from ganlab.evaluation.manifold import ManifoldScores, manifold_scores


def normal(count: int, dim: int, seed: int) -> Tensor:
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def scores(result: ManifoldScores) -> tuple[float, float, float, float]:
    return result.precision, result.recall, result.density, result.coverage


def by_loops(real: Tensor, fake: Tensor, k: int, dense: int) -> tuple[float, float, float, float]:
    def distance(a: Tensor, b: Tensor) -> float:
        return float((a - b).square().sum())

    def radius(points: Tensor, i: int, k: int) -> float:
        return sorted(distance(points[i], points[j]) for j in range(len(points)) if j != i)[k - 1]

    r, f = range(len(real)), range(len(fake))
    narrow, wide = [radius(real, i, k) for i in r], [radius(real, i, dense) for i in r]
    own = [radius(fake, j, k) for j in f]
    gap = [[distance(real[i], fake[j]) for j in f] for i in r]
    precision = sum(any(gap[i][j] <= narrow[i] for i in r) for j in f) / len(fake)
    recall = sum(any(gap[i][j] <= own[j] for j in f) for i in r) / len(real)
    density = sum(gap[i][j] <= wide[i] for i in r for j in f) / (dense * len(fake))
    coverage = sum(any(gap[i][j] <= wide[i] for j in f) for i in r) / len(real)
    return precision, recall, density, coverage


@pytest.mark.parametrize("tile", [7, 2048])
@pytest.mark.parametrize(("k", "dense"), [(3, 5), (4, 2), (1, 1)])
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_the_scores_are_their_definitions(
    k: int, dense: int, tile: int, offset: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arithmetic, "TILE", tile)
    real, fake = (normal(40, 3, 1) + offset).float(), (0.7 * normal(25, 3, 2) + 0.6 + offset).float()
    expected = by_loops(real.double(), fake.double(), k, dense)
    result = manifold_scores(real, fake, nearest=k, density_nearest=dense)
    assert scores(result) == pytest.approx(expected, rel=1e-12)
    assert (result.nearest, result.density_nearest) == (k, dense)
    assert len({round(value, 3) for value in expected}) == 4  # no score stands in for another


def test_a_line_by_hand() -> None:
    """Reals 0, 1, 3, 7, 15 have first neighbours at 1, 1, 2, 4 and 8; fakes 4, 6 and 40 at 2, 2 and 34.

    4 lies in the balls of 3 and 7, 6 in that of 7 and 40 in none: precision 2/3, density 3/3, two of five reals covered.
    The fakes' balls hold 3 and 7, and that of 40 also 7 and 15.
    """
    real = torch.tensor([0.0, 1.0, 3.0, 7.0, 15.0])[:, None]
    fake = torch.tensor([4.0, 6.0, 40.0])[:, None]
    assert scores(manifold_scores(real, fake, nearest=1, density_nearest=1)) == (2 / 3, 3 / 5, 1, 2 / 5)


@pytest.mark.parametrize("offset", [0.0, 1e5])
def test_a_copied_set_has_every_ball_filled(offset: float) -> None:
    """Each ball holds the copies of its centre and of its k neighbours, those on its surface included."""
    real = normal(60, 20, 1) + offset
    result = manifold_scores(real, real.clone()[torch.randperm(60, generator=torch.Generator().manual_seed(0))])
    assert scores(result) == (1, 1, pytest.approx(6 / 5), 1)


def test_repeated_images_lie_in_balls_without_extent() -> None:
    real = torch.eye(4).repeat(7, 1)
    assert scores(manifold_scores(real, torch.eye(4).repeat(5, 1))) == (1, 1, pytest.approx(7 / 5), 1)


def test_sets_that_lie_apart_score_zero() -> None:
    assert scores(manifold_scores(normal(50, 4, 1), normal(50, 4, 2) + 100)) == (0, 0, 0, 0)


def test_half_of_the_modes() -> None:
    """Good fakes of one of two far modes: precise, with half of the reals reached."""
    real = torch.cat([normal(200, 2, 1), normal(200, 2, 2) + 100])
    result = manifold_scores(real, normal(400, 2, 3))
    assert result.precision > 0.9
    assert result.recall == pytest.approx(0.5, abs=0.03)
    assert result.coverage == pytest.approx(0.5, abs=0.03)
    assert result.density == pytest.approx(1, abs=0.15)
    turned = manifold_scores(normal(400, 2, 3), real)
    assert turned.precision == pytest.approx(0.5, abs=0.03)
    assert turned.recall > 0.9


@pytest.mark.parametrize(("n", "m"), [(1000, 1000), (1500, 500)])
def test_one_distribution_has_the_published_expectations(n: int, m: int) -> None:
    result = manifold_scores(normal(n, 8, 1), normal(m, 8, 2))
    missed = 1.0
    for i in range(1, 6):
        missed *= (n - i) / (m + n - i)
    assert result.coverage == pytest.approx(1 - missed, abs=0.02)
    assert result.density == pytest.approx(1, abs=0.05)


def test_sets_that_are_too_small() -> None:
    with pytest.raises(UserError, match="at least 6 of the real images; there are 5"):
        manifold_scores(normal(5, 2, 1), normal(9, 2, 2))
    with pytest.raises(UserError, match="at least 4 of the generated images; there are 3"):
        manifold_scores(normal(9, 2, 1), normal(3, 2, 2))
    with pytest.raises(UserError, match="different extractors"):
        manifold_scores(normal(9, 2, 1), normal(9, 3, 2))


def test_torch_fidelity_says_the_same() -> None:
    """Of precision and recall; its first set is the generated one."""
    prc = pytest.importorskip("torch_fidelity.metric_prc")
    real, fake = normal(150, 5, 1), 0.8 * normal(120, 5, 2) + 0.3
    theirs = prc.prc_features_to_metric(fake, real, prc_neighborhood=3, verbose=False)
    ours = asdict(manifold_scores(real, fake))
    assert (ours["precision"], ours["recall"]) == pytest.approx((theirs["precision"], theirs["recall"]), rel=1e-6)


def test_its_authors_say_the_same() -> None:
    """Of all four, for one k; its package is called prdc."""
    prdc = pytest.importorskip("prdc")
    real, fake = normal(150, 5, 1), 0.8 * normal(120, 5, 2) + 0.3
    theirs = prdc.compute_prdc(real.numpy(), fake.numpy(), nearest_k=4)
    assert scores(manifold_scores(real, fake, nearest=4, density_nearest=4)) == pytest.approx(tuple(theirs.values()))
    assert list(theirs) == ["precision", "recall", "density", "coverage"]
