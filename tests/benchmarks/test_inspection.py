"""The correlations of the inspection with the outcome, on constructed combinations."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.inspection import Combination, correlation_within, figures_of, overall, rank_correlation, table, within
from tests.diagnosis.inspection.test_judgement import inspection, network

RNG = np.random.default_rng(1)


def test_a_figure_that_orders_the_groups_alone_tells_nothing_within_them() -> None:
    """Between groups the figure is the score; within each it is its opposite."""
    base = np.arange(3.0)
    groups = [(base + 10 * number, -base + 10 * number) for number in range(6)]
    everything = [np.concatenate([group[place] for group in groups]) for place in (0, 1)]
    assert rank_correlation(*everything) > 0.8
    assert correlation_within(groups) == pytest.approx(-1)
    value, low, high = within(groups, 50)
    assert (value, low, high) == pytest.approx((-1, -1, -1))


def test_constant_figures_have_no_correlation() -> None:
    score = RNG.normal(size=5)
    assert math.isnan(rank_correlation(np.ones(5), score))
    assert math.isnan(correlation_within([(np.ones(5), score)]))
    assert all(map(math.isnan, overall(np.ones(5), score, 5)))


def test_the_interval_of_noise_contains_0_and_that_of_a_perfect_order_does_not() -> None:
    figure = RNG.normal(size=60)
    value, low, high = overall(figure, RNG.normal(size=60), 200)
    assert low < 0 < high
    assert low < value < high
    assert overall(figure, figure**3, 50)[1] > 0.99


def test_the_table_leaves_out_combinations_without_a_figure() -> None:
    found = [
        Combination({"init": str(number), "loss": loss}, number, {"good": number, "some": math.nan if number else 1.0})
        for number in range(4)
        for loss in ("a", "b")
    ]
    text = table(found, "init", 20)
    assert "| figure | ρ over 8 combinations | ρ within 2 groups that differ in init alone |" in text
    assert "| good | **+1.00 (+1.00 to +1.00)** | **+1.00 (+1.00 to +1.00)** |" in text
    assert "| some (2 combinations) | constant | constant |" in text


def test_figures() -> None:
    found = figures_of(inspection(network((1, 1, 0.01), (1e-3, 1, 1), 0.25)))
    assert found["G: change of the signal, abs. log"] == pytest.approx(2)
    assert found["G: change of the gradient, logit to first layer, abs. log"] == pytest.approx(3)
    assert found["largest of these five"] == pytest.approx(3)
    assert found["G: largest share of dead units"] == 0.25
    assert found["G: condition number of the Jacobian, log"] == pytest.approx(math.log(6))
    assert found["D: gradient quotient, log"] == pytest.approx(math.log10(2))
