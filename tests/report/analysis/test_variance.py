from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from ganlab.report.analysis.variance import explained

A, B, SEEDS = ("a", "b", "c"), ("x", "y"), (0, 1, 2, 3)
CELLS = list(itertools.product(A, B, SEEDS))


def shares(values: np.ndarray, cells: list[tuple[str, str, int]] = CELLS) -> dict[str, float]:
    factors = {"A": [a for a, _, _ in cells], "B": [b for _, b, _ in cells]}
    return {one.source: one.share for one in explained(list(values), factors, [s for _, _, s in cells])}


def test_a_full_factorial_sweep_is_divided_as_by_an_analysis_of_variance() -> None:
    values = np.random.default_rng(0).normal(size=24)
    ranks = stats.rankdata(values).reshape(3, 2, 4)
    centred = ranks - ranks.mean()
    total = (centred**2).sum()
    by_a, by_b = centred.mean((1, 2)), centred.mean((0, 2))
    both = centred.mean(2) - by_a[:, None] - by_b
    found = shares(values)
    assert found["A"] == pytest.approx(8 * (by_a**2).sum() / total)
    assert found["B"] == pytest.approx(12 * (by_b**2).sum() / total)
    assert found["A × B"] == pytest.approx(4 * (both**2).sum() / total)
    assert found["seed"] == pytest.approx(6 * (centred.mean((0, 1)) ** 2).sum() / total)
    assert sum(found.values()) == pytest.approx(1)


def test_failures_are_last_in_ranks_and_tied() -> None:
    values = np.array([float(place) for place in range(24)])
    values[[3, 7]] = np.inf
    assert shares(values) == pytest.approx(shares(np.where(np.isinf(values), 1e300, values)))


def test_what_a_missing_run_leaves_is_still_a_share() -> None:
    kept = [cell for cell in CELLS if cell != ("a", "x", 0)]
    by_a = {"a": 0.0, "b": 5.0, "c": 10.0}
    values = np.array([by_a[a] + 0.01 * s for a, _, s in kept])
    found = shares(values, kept)
    assert found["A"] > 0.85
    assert all(-1e-9 <= share <= 1 for share in found.values())


def test_equal_scores_explain_nothing() -> None:
    assert explained([1.0] * 24, {"A": [a for a, _, _ in CELLS]}, [s for _, _, s in CELLS]) == ()
