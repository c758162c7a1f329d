"""Numbers with so many levels that they are not compared one by one, such as learning rates that a sweeper draws."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from ganlab.report.analysis.groups import MOST_LEVELS
from ganlab.report.model import Factor, Run, Score, Trend

LEAST = 5  # runs


def trends_of(runs: Sequence[Run], factors: Sequence[Factor], score: Score) -> tuple[Trend, ...]:
    """Returns the rank correlation of each such number with the scores, failures last."""
    found = (_trend(runs, factor.name, score) for factor in factors if len(factor.levels) > MOST_LEVELS)
    return tuple(one for one in found if one is not None)


def _trend(runs: Sequence[Run], factor: str, score: Score) -> Trend | None:
    """Returns the trend with its interval by Fisher's transformation, whose variance is (1 + r² / 2) / (n - 3) for
    ranks (Bonett & Wright 2000). None for texts, for few runs, and where all scores are equal."""
    counted = [run for run in runs if run.value is not None and factor in run.levels]
    try:
        levels = [float(run.levels[factor]) for run in counted]
    except ValueError:
        return None
    worst = math.inf if score.better == "lower" else -math.inf
    values = [run.value or 0.0 if run.survivor else worst for run in counted]
    if len(counted) < LEAST or len(set(values)) < 2 or len(set(levels)) < 2:
        return None
    ranks = stats.rankdata(values), stats.rankdata(levels)
    result = stats.spearmanr(*ranks)
    r = float(result.statistic)
    half = stats.norm.ppf(0.975) * math.sqrt((1 + r**2 / 2) / (len(counted) - 3))
    centre = float(np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12)))
    low, high = math.tanh(centre - half), math.tanh(centre + half)
    return Trend(factor, len(counted), r, low, high, float(result.pvalue))
