from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ganlab.report.analysis.permutation import holm, sign_flip, sign_test
from ganlab.report.analysis.statistics import interquartile_mean, mean_interval, newcombe, stretch, summary, wilson


@pytest.mark.parametrize(("count", "of"), [(0, 5), (5, 5), (3, 10), (1, 3), (120, 400)])
def test_wilsons_interval_is_that_of_scipy(count: int, of: int) -> None:
    expected = stats.binomtest(count, of).proportion_ci(method="wilson")
    share = wilson(count, of)
    assert (share.low, share.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert share.share == count / of


def test_the_share_of_no_runs_is_unknown() -> None:
    assert wilson(0, 0).share is None
    assert wilson(0, 0).low is None


@pytest.mark.parametrize("n", range(1, 18))
def test_the_interquartile_mean_is_scipys_trimmed_mean(n: int) -> None:
    values = np.sort(np.random.default_rng(n).lognormal(size=n))
    assert interquartile_mean(values, np.ones((1, n)))[0] == pytest.approx(stats.trim_mean(values, 0.25))


def test_weights_of_the_interquartile_mean_count_occurrences() -> None:
    values, weights = np.array([1.0, 2.0, 5.0, 9.0]), np.array([[3, 0, 1, 2], [0, 4, 0, 3]])
    expected = [stats.trim_mean(np.repeat(values, row), 0.25) for row in weights]
    assert interquartile_mean(values, weights.astype(float)) == pytest.approx(expected)


def test_the_stretch_makes_a_normal_interval_students() -> None:
    # The standard error of a bootstrapped mean is s / sqrt(n) * sqrt((n - 1) / n), whatever the number of resamples.
    for n in (2, 3, 5, 30):
        bootstrapped = math.sqrt((n - 1) / n) * stats.norm.ppf(0.975)
        assert stretch(n) * bootstrapped == pytest.approx(stats.t.ppf(0.975, n - 1))


def test_the_interval_of_many_blocks_is_students_and_scipys() -> None:
    values = np.random.default_rng(0).normal(3, 1, 200)
    low, high = mean_interval(values, range(200)) or (0, 0)
    student = stats.t.interval(0.95, 199, values.mean(), values.std(ddof=1) / math.sqrt(200))
    assert (low, high) == pytest.approx(student, abs=0.02)
    theirs = stats.bootstrap((values,), np.mean, method="percentile").confidence_interval
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=0.02)


def test_values_of_one_block_stay_together() -> None:
    """A slow bootstrap by hand: blocks are drawn, and all their values are taken."""
    rng = np.random.default_rng(1)
    values, blocks = rng.normal(size=12), np.repeat(range(4), 3)
    drawn = [np.concatenate([values[blocks == block] for block in rng.integers(0, 4, 4)]).mean() for _ in range(20_000)]
    by_hand = values.mean() + stretch(4) * (np.quantile(drawn, (0.025, 0.975)) - values.mean())
    assert mean_interval(values, list(blocks)) == pytest.approx(tuple(by_hand), abs=0.06)
    assert mean_interval(values, [0] * 12) is None


def test_a_summary_of_few_values() -> None:
    one = summary([2.0, 4.0, 9.0], [0, 1, 2], positive=True)
    assert (one.n, one.mean, one.median, one.iqm) == (3, 5.0, 4.0, 5.0)
    assert one.sd == pytest.approx(math.sqrt(13))
    assert 0 < (one.low or 0) < 5 < (one.high or 0)
    assert summary([3.0], [0]).sd is None
    assert summary([3.0], [0]).low is None
    assert summary([]).mean is None


@pytest.mark.parametrize("n", [2, 4, 9])
def test_the_sign_flip_p_is_scipys_permutation_p(n: int) -> None:
    values = np.random.default_rng(n).normal(0.5, 1, n)
    expected = stats.permutation_test(
        (values,), lambda x, axis: np.abs(np.mean(x, axis=axis)), permutation_type="samples", alternative="greater",
        n_resamples=np.inf,
    ).pvalue  # fmt: skip
    assert sign_flip(values) == pytest.approx(expected)


def test_the_random_sign_flips_of_many_pairs_agree_with_the_t_test() -> None:
    values = np.random.default_rng(3).normal(0.3, 1, 60)
    assert sign_flip(values) == pytest.approx(stats.ttest_1samp(values, 0).pvalue, abs=0.01)
    assert sign_flip(np.ones(60)) == pytest.approx(1 / 20_001)
    assert sign_flip(np.zeros(5)) == 1
    assert sign_flip(np.empty(0)) == 1


def test_the_sign_test_is_binomial() -> None:
    assert sign_test(6, 0) == pytest.approx(2 / 64)
    assert sign_test(0, 0) == 1


def test_holms_correction() -> None:
    # Holm 1979: 0.01 × 4, 0.02 × 3, 0.03 × 2 (kept at 0.06 by the one before), 0.5 × 1
    assert holm([0.5, 0.01, 0.03, 0.02]) == pytest.approx([0.5, 0.04, 0.06, 0.06])
    assert holm([]) == []


def test_two_seeds_have_no_interval_for_they_may_give_one_without_a_width() -> None:
    """One of six runs per seed is far off, and the interquartile mean leaves it out of each resample."""
    values = [0.323, 0.323, 0.326, 0.32, 0.33, 1.3] * 2
    assert summary(values, [0] * 6 + [1] * 6).low is None
    assert summary(values * 2, [0] * 6 + [1] * 6 + [2] * 12).low is not None
    assert mean_interval(np.array([1.0, 1.0]), [0, 1]) is None


@pytest.mark.parametrize("n", [3, 5, 10])
def test_intervals_of_the_interquartile_mean_cover_it(n: int) -> None:
    rng = np.random.default_rng(n)
    found = [summary(list(rng.normal(10, 1, n)), range(n)) for _ in range(400)]
    assert 0.90 <= np.mean([(one.low or 0) <= 10 <= (one.high or 0) for one in found]) <= 0.99


def test_newcombes_interval_covers_the_difference_of_paired_shares() -> None:
    """Over all tables of eight pairs that can occur, weighed by their probability."""
    n = 8
    tables = [(a, b, c, n - a - b - c) for a in range(n + 1) for b in range(n + 1 - a) for c in range(n + 1 - a - b)]
    for true in (
        (0.25, 0.25, 0.25, 0.25),
        (0.7, 0.1, 0.1, 0.1),
        (0.1, 0.6, 0.05, 0.25),
        (0.0, 0.9, 0.0, 0.1),
        (1, 0, 0, 0),
    ):
        covered = 0.0
        for table in tables:
            low, high = newcombe(*table)
            assert -1 <= low <= (table[1] - table[2]) / n <= high <= 1
            probability = math.factorial(n) * math.prod(
                p**k / math.factorial(k) for p, k in zip(true, table, strict=True)
            )
            covered += probability * (low <= true[1] - true[2] <= high)
        assert 0.92 < covered < 1.001


def test_newcombes_interval_is_not_empty_where_all_pairs_agree() -> None:
    """For 3 of 3, Wilson's lower end is 1 / (1 + z² / 3) = 0.4385; each share is that far from its own end."""
    end = 1 - 1 / (1 + 1.959963985**2 / 3)
    assert newcombe(3, 0, 0, 0) == pytest.approx((-end, end))
    assert newcombe(0, 0, 0, 3) == pytest.approx((-end, end))
    assert newcombe(0, 3, 0, 0) == pytest.approx((1 - math.hypot(end, end), 1))
    assert newcombe(0, 0, 3, 0) == pytest.approx((-1, math.hypot(end, end) - 1))
    low, high = newcombe(10, 4, 2, 5)
    assert newcombe(10, 2, 4, 5) == pytest.approx((-high, -low))  # the other way round
