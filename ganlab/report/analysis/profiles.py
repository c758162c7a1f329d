"""Performance profiles (Dolan & Moré 2002; Agarwal et al. 2021): which share of runs reaches each score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ganlab.report.analysis.groups import MOST_LEVELS
from ganlab.report.analysis.statistics import mean_interval
from ganlab.report.model import Factor, Profile, Run, Score, Stated

THRESHOLDS = 40


def profiles_of(
    runs: Sequence[Run], factors: Sequence[Factor], score: Score, noise: Stated | None
) -> tuple[Profile, ...]:
    """Returns the profile of each level of each factor, over the runs that have a result; failures reach nothing."""
    values = [run.value for run in runs if run.value is not None and run.survivor]
    if not values:
        return ()
    thresholds = _thresholds(values, score, noise)
    return tuple(
        profile
        for factor in factors
        if len(factor.levels) <= MOST_LEVELS
        for level in factor.levels
        if (profile := _profile(runs, factor.name, level, score, thresholds)) is not None
    )


def _thresholds(values: Sequence[float], score: Score, noise: Stated | None) -> np.ndarray:
    """Returns scores from the best one of any run to the worst one or that of noise, evenly spaced; on the logarithmic
    scale where scores compare as ratios."""
    ends = [*values, *([noise.value] if noise else [])]
    low, high = min(ends), max(ends)
    if score.comparison == "ratio" and low > 0:
        return np.geomspace(low, high, THRESHOLDS)
    return np.linspace(low, high, THRESHOLDS)


def _profile(runs: Sequence[Run], factor: str, level: str, score: Score, thresholds: np.ndarray) -> Profile | None:
    chosen = [run for run in runs if run.value is not None and run.levels.get(factor) == level]
    if not chosen:
        return None
    sign = 1.0 if score.better == "lower" else -1.0
    values = np.array([sign * (run.value or 0.0) if run.survivor else np.inf for run in chosen])
    reached = (values[:, None] <= sign * thresholds * (1 + 1e-12 * np.sign(sign * thresholds))).astype(np.float64)
    blocks = [run.seed for run in chosen]
    bands = [mean_interval(column, blocks) for column in reached.T]
    return Profile(
        factor,
        level,
        len(chosen),
        tuple(thresholds.tolist()),
        tuple(reached.mean(0).tolist()),
        tuple(None if band is None else max(0.0, band[0]) for band in bands),
        tuple(None if band is None else min(1.0, band[1]) for band in bands),
    )
