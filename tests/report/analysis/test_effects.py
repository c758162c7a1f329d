from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from ganlab.report.analysis.effects import effect_of, judged, success_effects
from ganlab.report.analysis.pairs import pairs_of
from ganlab.report.analysis.permutation import sign_test
from ganlab.report.model import Effect, Factor, Run, Score

FID = Score("fid", "lower", "ratio", "final", "id")
MODES = Score("modes", "higher", "difference", "final", "id")
FACTORS = (Factor("init", ("he", "normal")), Factor("norm", ("batch", "none")))


def run(number: int, init: str, norm: str, seed: str, value: float | None, **more: object) -> Run:
    one = Run(number, "", "", {"init": init, "norm": norm}, seed, "finished", "success", survivor=True, value=value)
    return replace(one, **more)  # type: ignore[arg-type]


@pytest.fixture
def runs() -> list[Run]:
    """Two inits × two norms × three seeds, without the first of them, in another order."""
    rng = np.random.default_rng(0)
    cells = [(init, norm, seed) for init in ("he", "normal") for norm in ("batch", "none") for seed in "012"]
    made = [run(number, *cell, float(rng.lognormal())) for number, cell in enumerate(cells)]
    return [made[place] for place in rng.permutation(12) if place]


def test_pairs_differ_in_one_factor_alone(runs: list[Run]) -> None:
    found = {one.factor: one.pairs for one in pairs_of(runs, FACTORS)}
    assert {name: len(pairs) for name, pairs in found.items()} == {"init": 5, "norm": 5}
    for name, pairs in found.items():
        other = {"init": "norm", "norm": "init"}[name]
        assert all(
            (a.seed, a.levels[other]) == (b.seed, b.levels[other]) and a.levels[name] != b.levels[name]
            for a, b in pairs
        )


def test_runs_that_do_not_compare_are_in_no_pair(runs: list[Run]) -> None:
    apart = [replace(one, comparable=one.seed != "2") for one in runs]
    assert {len(one.pairs) for one in pairs_of(apart, FACTORS)} == {3}


def test_a_ratio_is_the_geometric_mean_of_the_pairs(runs: list[Run]) -> None:
    pairs = next(iter(pairs_of(runs, FACTORS)))
    effect = effect_of(pairs, FID)
    ratios = [(b.value or 0) / (a.value or 1) for a, b in pairs.pairs]
    assert effect.estimate == pytest.approx(math.prod(ratios) ** (1 / 5))
    assert effect.improves == np.mean([ratio < 1 for ratio in ratios])
    assert (effect.pairs, effect.blocks, effect.block) == (5, 3, "seeds")
    difference = effect_of(pairs, MODES)
    assert difference.estimate == pytest.approx(np.mean([(b.value or 0) - (a.value or 0) for a, b in pairs.pairs]))
    assert difference.improves == pytest.approx(1 - (effect.improves or 0))


def test_a_level_is_better_where_both_the_interval_and_the_adjusted_p_say_so() -> None:
    sure = Effect("init", "he", "normal", 9, 3, "seeds", estimate=0.5, low=0.4, high=0.6, p=0.001)
    many = [replace(sure, p=0.03) for _ in range(3)]
    assert [one.better for one in judged([sure, *many], FID, 1.0)] == [True, None, None, None]
    assert judged([sure, *many], FID, 1.0)[0].p_adjusted == pytest.approx(0.004)
    assert judged([sure], FID, 0.5)[0].p_adjusted == pytest.approx(0.002)
    assert judged([replace(sure, high=1.1)], FID, 1.0)[0].better is None
    assert judged([replace(sure, low=None)], FID, 1.0)[0].better is None
    assert judged([replace(sure, estimate=2.0, low=1.5, high=3.0)], FID, 1.0)[0].better is False
    assert judged([replace(sure, estimate=2.0, low=1.5, high=3.0)], MODES, 1.0)[0].better is True
    assert judged([replace(sure, p=None, estimate=None)], FID, 1.0)[0].p_adjusted is None


def test_success_is_compared_over_pairs_that_ended(runs: list[Run]) -> None:
    changed = [
        replace(one, outcome="diverged" if one.levels["init"] == "normal" and one.seed != "2" else one.outcome)
        if one.levels["norm"] == "none"
        else replace(one, outcome="unfinished")
        for one in runs
    ]
    init, _ = success_effects(list(pairs_of(changed, FACTORS)), 1.0)
    assert (init.pairs, init.won, init.lost, init.difference) == (3, 0, 2, pytest.approx(-2 / 3))
    assert init.p == sign_test(0, 2)


def test_where_all_seeds_agree_the_interval_of_a_difference_of_success_has_a_width(runs: list[Run]) -> None:
    """Two seeds prove no difference of exactly 1, or of exactly 0."""
    kept = [one for one in runs if one.levels["norm"] == "none"]
    lost = [replace(one, outcome="diverged" if one.levels["init"] == "normal" else "success") for one in kept]
    same = [replace(one, outcome="success") for one in kept]
    for some, difference in ((lost, -1.0), (same, 0.0)):
        (effect, *_) = success_effects(list(pairs_of(some, FACTORS[:1])), 1.0)
        assert effect.difference == difference
        assert effect.low is not None
        assert effect.high is not None
        assert -1 <= effect.low <= difference <= effect.high <= 1
        assert effect.high - effect.low > 0.3
