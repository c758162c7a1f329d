from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ganlab.report.analysis.trends import trends_of
from ganlab.report.model import Factor, Run, Score

SCORE = Score("fid", "lower", "ratio", "final", "id")


def runs(values: list[float], levels: list[str], failed: tuple[int, ...] = ()) -> list[Run]:
    return [
        Run(number, "", "", {"lr": level}, "0", "finished", "success", survivor=number not in failed, value=value)
        for number, (value, level) in enumerate(zip(values, levels, strict=True))
    ]


def test_the_correlation_is_spearmans_with_failures_last() -> None:
    rng = np.random.default_rng(0)
    levels, values = rng.permutation(30), rng.normal(size=30)
    factor = Factor("lr", tuple(map(str, sorted(levels))))
    (found,) = trends_of(runs(list(values), [str(level) for level in levels]), [factor], SCORE)
    assert found.correlation == pytest.approx(stats.spearmanr(levels, values).statistic)
    assert found.p == pytest.approx(stats.spearmanr(levels, values).pvalue)
    assert found.low < found.correlation < found.high
    (worse,) = trends_of(runs(list(values), [str(level) for level in levels], (0, 1)), [factor], SCORE)
    values[:2] = 1e9
    assert worse.correlation == pytest.approx(stats.spearmanr(levels, values).statistic)


def test_texts_and_few_levels_have_no_trend() -> None:
    names = [f"x{number}" for number in range(20)]
    assert trends_of(runs(list(range(20)), names), [Factor("lr", tuple(names))], SCORE) == ()
    assert trends_of(runs([1.0, 2.0], ["1", "2"]), [Factor("lr", ("1", "2"))], SCORE) == ()
