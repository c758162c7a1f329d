from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch import Tensor, nn

from ganlab.errors import UserError
from ganlab.evaluation.frechet import Moments, frechet_distance


def features(count: int, dim: int, seed: int) -> Tensor:
    """Correlated, with variances from 1 to 1e-4 and a mean of its own."""
    rng = torch.Generator().manual_seed(seed)
    mixing = torch.randn(dim, dim, generator=rng, dtype=torch.float64) / dim**0.5
    mixing = mixing * torch.logspace(0, -2, dim, dtype=torch.float64)
    return torch.randn(count, dim, generator=rng, dtype=torch.float64) @ mixing + seed


def exactly(mean: Tensor, covariance: Tensor, count: int = 10_000) -> Moments:
    moments = Moments()
    moments.restore({"count": torch.tensor(count), "mean": mean, "scatter": covariance * (count - 1)})
    return moments


def by_scipy(a: Moments, b: Moments) -> float:
    first, second = a.covariance.numpy(), b.covariance.numpy()
    root = np.trace(np.real(sqrtm(first @ second)))
    return float(((a.mean - b.mean) ** 2).sum() + first.trace() + second.trace() - 2 * root)


@pytest.mark.parametrize("sizes", [[500], [1] * 500, [3, 0, 200, 1, 296], [250, 250], [499, 1]])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_the_moments_do_not_depend_on_the_batches(sizes: list[int], offset: float) -> None:
    samples = features(500, 6, seed=1) + offset
    moments = Moments()
    for batch in samples.split(sizes):
        moments.add(batch)
    assert moments.count == 500
    torch.testing.assert_close(moments.mean, samples.mean(0), rtol=1e-14, atol=1e-14)
    # the samples themselves are rounded to offset * 1e-16; nothing more may be lost
    torch.testing.assert_close(moments.covariance, torch.from_numpy(np.cov(samples.numpy().T)), rtol=1e-10, atol=1e-10)


def test_a_set_that_is_larger_than_what_is_taken_up_at_once() -> None:
    samples = features(10_001, 3, seed=2)
    torch.testing.assert_close(Moments.of(samples).covariance, torch.cov(samples.T))


def test_half_precision_is_summed_in_double() -> None:
    samples = features(3000, 4, seed=1).bfloat16()
    torch.testing.assert_close(Moments.of(samples).mean, samples.double().mean(0), rtol=1e-14, atol=0)


def test_moments_go_on_from_a_saved_state() -> None:
    samples = features(50, 4, seed=1)
    first = Moments.of(samples[:20])
    state = first.state()
    first.add(samples[:5])  # what was saved does not change with what it was saved from
    second = Moments()
    second.restore(state)
    second.add(samples[20:])
    whole = Moments.of(samples)
    assert second.count == 50
    torch.testing.assert_close(second.mean, whole.mean)
    torch.testing.assert_close(second.covariance, whole.covariance)
    torch.testing.assert_close(state["scatter"], Moments.of(samples[:20]).covariance * 19)


def test_two_normal_distributions_with_diagonal_covariances() -> None:
    """‖Δμ‖² + Σ(σ₁ - σ₂)²: here 9 + 16 + (1 - 3)² + (2 - 2)² + (4 - 1)²."""
    a = exactly(torch.tensor([0.0, 1.0, 2.0]), torch.diag(torch.tensor([1.0, 4.0, 16.0])))
    b = exactly(torch.tensor([3.0, 1.0, -2.0]), torch.diag(torch.tensor([9.0, 4.0, 1.0])))
    assert frechet_distance(a, b) == pytest.approx(38, rel=1e-12)


def test_covariances_that_commute() -> None:
    """Turned by one rotation, the distance is that of the standard deviations along its axes."""
    turn = torch.linalg.qr(features(8, 8, seed=3)).Q
    first, second = torch.arange(1.0, 9, dtype=torch.float64), torch.arange(8.0, 0, -1, dtype=torch.float64)
    a = exactly(torch.zeros(8), turn @ torch.diag(first) @ turn.T)
    b = exactly(torch.zeros(8), turn @ torch.diag(second) @ turn.T)
    assert frechet_distance(a, b) == pytest.approx(float(((first.sqrt() - second.sqrt()) ** 2).sum()), rel=1e-12)


def test_two_by_two_covariances_that_do_not_commute() -> None:
    """Tr(M^½)² = Tr M + 2 √det M for the 2 × 2 product M = Σ₁Σ₂: here Tr M = 6 and det M = 6."""
    a = exactly(torch.zeros(2), torch.tensor([[2.0, 1.0], [1.0, 2.0]]))
    b = exactly(torch.zeros(2), torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
    assert frechet_distance(a, b) == pytest.approx(4 + 3 - 2 * (6 + 2 * 6**0.5) ** 0.5, rel=1e-12)


def test_general_covariances_agree_with_the_matrix_root() -> None:
    a, b = Moments.of(features(300, 20, seed=1)), Moments.of(features(400, 20, seed=2))
    assert frechet_distance(a, b) == pytest.approx(by_scipy(a, b), rel=1e-9)
    assert frechet_distance(b, a) == pytest.approx(frechet_distance(a, b), rel=1e-12)


def test_fewer_images_than_dimensions_and_many_in_a_plane() -> None:
    """With XXᵀ of the images in place of XᵀX of the dimensions, Tr((Σ₁Σ₂)^½) is the nuclear norm of X₁X₂ᵀ."""
    first, second, many = features(12, 40, seed=1), features(9, 40, seed=2), features(500, 40, seed=3)
    flat, full = features(500, 10, seed=4) @ features(10, 40, seed=5), features(100, 40, seed=6)
    exact, rounded = 1e-10, 1e-8
    for x, y, rel in [
        (first, second, exact), (second, first, exact), (first, many, exact), (many, first, exact),
        (full, flat, rounded), (flat, first, exact),
    ]:  # fmt: skip
        a, b = (z - z.mean(0) for z in (x, y))
        root = torch.linalg.svdvals(a @ b.T).sum() / ((len(x) - 1) * (len(y) - 1)) ** 0.5
        expected = (x.mean(0) - y.mean(0)).square().sum() + x.var(0).sum() + y.var(0).sum() - 2 * root
        assert frechet_distance(Moments.of(x), Moments.of(y)) == pytest.approx(float(expected), rel=rel)


def test_features_that_never_change_and_features_that_repeat() -> None:
    x, y = features(200, 6, seed=1), features(300, 6, seed=2)
    alone = frechet_distance(Moments.of(x), Moments.of(y))
    dead = frechet_distance(*(Moments.of(torch.cat([z, torch.zeros(len(z), 3)], 1)) for z in (x, y)))
    assert dead == pytest.approx(alone, rel=1e-12)
    twice = frechet_distance(*(Moments.of(torch.cat([z, z], 1)) for z in (x, y)))
    assert twice == pytest.approx(2 * alone, rel=1e-9)
    assert frechet_distance(Moments.of(torch.ones(5, 3)), Moments.of(torch.zeros(9, 3))) == 3


@pytest.mark.parametrize("count", [30, 1000])
def test_a_set_is_at_no_distance_from_itself_and_never_below(count: int) -> None:
    samples = features(count, 64, seed=1)
    spread = Moments.of(samples).covariance.trace()
    shuffled = samples[torch.randperm(count, generator=torch.Generator().manual_seed(0))]
    for other in (samples, shuffled, samples + 1e-9):
        assert 0 <= frechet_distance(Moments.of(samples), Moments.of(other)) < 1e-9 * spread


def test_more_samples_of_one_distribution_come_closer() -> None:
    """For d independent normal dimensions of variance 1 the expectation is, to first order, d (1/n + 1/m) from the means
    and d (d + 1) / 4 (1/n + 1/m) from the covariances; here d = 8 and n = m."""
    rng = torch.Generator().manual_seed(5)
    for count in (200, 2000):
        sets = [Moments.of(torch.randn(count, 8, generator=rng)) for _ in range(80)]
        distances = [frechet_distance(a, b) for a, b in zip(sets[::2], sets[1::2], strict=True)]
        assert sum(distances) / 40 == pytest.approx((8 + 18) * 2 / count, rel=0.15)


def test_what_cannot_be_compared() -> None:
    good = Moments.of(features(9, 3, seed=1))
    with pytest.raises(UserError, match="at least 2 images; there are 1"):
        frechet_distance(good, Moments.of(torch.ones(1, 3)))
    with pytest.raises(UserError, match="different extractors"):
        frechet_distance(good, Moments.of(torch.ones(5, 4)))
    with pytest.raises(UserError, match="different extractors"):
        good.add(torch.ones(5, 4))
    with pytest.raises(UserError, match="NaN"):
        good.add(torch.tensor([[1.0, torch.nan, 0.0]]))
    assert good.count == 9


def test_torchmetrics_says_the_same() -> None:
    image = pytest.importorskip("torchmetrics.image.fid")
    extractor = nn.Flatten()
    extractor.num_features = 12
    theirs = image.FrechetInceptionDistance(feature=extractor, input_img_size=(3, 2, 2)).set_dtype(torch.float64)
    real, fake = features(200, 12, seed=1), features(150, 12, seed=2)
    theirs.update(real.view(-1, 3, 2, 2), real=True)
    theirs.update(fake.view(-1, 3, 2, 2), real=False)
    assert frechet_distance(Moments.of(real), Moments.of(fake)) == pytest.approx(theirs.compute().item(), rel=1e-7)


def test_torch_fidelity_says_the_same() -> None:
    fid = pytest.importorskip("torch_fidelity.metric_fid")
    real, fake = features(200, 12, seed=1), features(150, 12, seed=2)
    theirs = fid.fid_statistics_to_metric(*(fid.fid_features_to_statistics(x) for x in (real, fake)), verbose=False)
    assert frechet_distance(Moments.of(real), Moments.of(fake)) == pytest.approx(*theirs.values(), rel=1e-7)
