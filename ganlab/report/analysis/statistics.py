"""Statistics of few runs: centres, bootstrap intervals over blocks, Wilson's interval.

*Blocks* are what is drawn again in the bootstrap: the seeds of a sweep, since runs of one seed share their random
numbers. Percentile intervals of few blocks are too narrow; here the distances of both ends from the estimate are
multiplied by ``stretch``, so that with normal values they have the width of Student's interval (Hesterberg 2015, "What
Teachers Should Know About the Bootstrap", section 3.3). All random numbers are fixed: a report written twice is equal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy import stats

from ganlab.report.model import Share, Summary

RESAMPLES = 2000
FEWEST = 3
"""The fewest blocks of an interval: a bootstrap of two has three values, the two and their mean, which may be equal."""
CONFIDENCE = 0.95
TAILS = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
TRIMMED = 0.25  # of either end, by the interquartile mean

Array = np.ndarray


def wilson(count: int, of: int) -> Share:
    """Returns a share with Wilson's score interval (Wilson 1927), which stays within [0, 1] and is not empty for 0 or
    all successes."""
    if of == 0:
        return Share(0, 0)
    z = float(stats.norm.ppf(TAILS[1]))
    share = count / of
    centre = (share + z**2 / (2 * of)) / (1 + z**2 / of)
    half = z / (1 + z**2 / of) * math.sqrt(share * (1 - share) / of + z**2 / (4 * of**2))
    return Share(count, of, share, 0.0 if count == 0 else centre - half, 1.0 if count == of else centre + half)


def newcombe(both: int, won: int, lost: int, neither: int) -> tuple[float, float]:
    """Returns the 95 % interval of the difference of two shares over matched pairs: ``won / n - lost / n``, where of
    n > 0 pairs ``both`` succeeded, the second alone ``won``, the first alone ``lost``, and ``neither`` of them. It lies
    within [-1, 1] and is not empty where all pairs agree. Newcombe 1998, "Improved confidence intervals for the
    difference between binomial proportions based on paired data", method 10."""
    n = both + won + lost + neither
    below_first, above_first = _distances(both + lost, n)
    below_second, above_second = _distances(both + won, n)
    margins = (both + lost) * (won + neither) * (both + won) * (lost + neither)
    apart: float = both * neither - won * lost
    apart = max(apart - n / 2, 0) if apart > 0 else apart
    correlation = apart / math.sqrt(margins) if margins else 0.0

    def distance(one: float, other: float) -> float:
        return math.sqrt(max(one**2 - 2 * correlation * one * other + other**2, 0.0))

    difference = (won - lost) / n
    below, above = distance(below_second, above_first), distance(above_second, below_first)
    return max(-1.0, difference - below), min(1.0, difference + above)


def _distances(count: int, of: int) -> tuple[float, float]:
    """Returns how far the ends of Wilson's interval are from the share."""
    found = wilson(count, of)
    assert found.share is not None
    assert found.low is not None
    assert found.high is not None
    return found.share - found.low, found.high - found.share


@lru_cache(maxsize=64)
def stretch(blocks: int) -> float:
    """Returns the factor by which the distances of a percentile interval's ends from the estimate are multiplied: the
    ratio of Student's and the normal quantile, times the square root of n / (n - 1), for n ``blocks``."""
    student, normal = stats.t.ppf(TAILS[1], blocks - 1), stats.norm.ppf(TAILS[1])
    return float(student / normal * math.sqrt(blocks / (blocks - 1)))


@lru_cache(maxsize=8)
def _weights(blocks: int) -> Array:
    """Returns how often each block is in each resample, (resamples, blocks)."""
    rng = np.random.default_rng(blocks)
    return rng.multinomial(blocks, np.full(blocks, 1 / blocks), size=RESAMPLES).astype(np.float64)


def _interval(estimate: float, resampled: Array, blocks: int) -> tuple[float, float]:
    low, high = np.quantile(resampled, TAILS)
    factor = stretch(blocks)
    return float(estimate - factor * (estimate - low)), float(estimate + factor * (high - estimate))


def numbered(blocks: Sequence[object]) -> tuple[Array, int]:
    """Returns the number of each value's block, and the number of blocks."""
    order = {block: number for number, block in enumerate(dict.fromkeys(blocks))}
    return np.array([order[block] for block in blocks], dtype=np.intp), len(order)


def mean_interval(values: Array, blocks: Sequence[object]) -> tuple[float, float] | None:
    """Returns the 95 % bootstrap interval of the mean of ``values`` (n,), over ``blocks`` (n,); None for fewer than
    ``FEWEST`` blocks."""
    which, count = numbered(blocks)
    if count < FEWEST:
        return None
    sums, sizes = np.bincount(which, values, count), np.bincount(which, minlength=count)
    weights = _weights(count)
    return _interval(float(values.mean()), (weights @ sums) / (weights @ sizes), count)


def interquartile_mean(ordered: Array, weights: Array) -> Array:
    """Returns the means of the middle half of ``ordered`` values (n,), ascending, where value i occurs
    ``weights[r, i]`` times, for each r. A quarter of the occurrences, rounded down, is left out at either end."""
    upto = weights.cumsum(axis=1)
    total = upto[:, -1:]
    cut = np.floor(TRIMMED * total)
    kept = np.clip(np.minimum(upto, total - cut) - np.maximum(upto - weights, cut), 0, None)
    means: Array = (kept @ ordered) / (total - 2 * cut)[:, 0]
    return means


def summary(values: Sequence[float], blocks: Sequence[object] | None = None, positive: bool = False) -> Summary:
    """Returns the statistics of ``values``. With enough ``blocks`` it has the interval of the interquartile mean; with
    ``positive`` the interval is computed from logarithms, so that it stays above 0."""
    n = len(values)
    if n == 0:
        return Summary(0)
    array = np.asarray(values, dtype=np.float64)
    order = np.argsort(array, kind="stable")
    ordered = array[order]
    iqm = float(interquartile_mean(ordered, np.ones((1, n)))[0])
    ends: tuple[float, float] | tuple[None, None] = (None, None)
    if blocks is not None:
        which, count = numbered(blocks)
        if count >= FEWEST:
            resampled = interquartile_mean(ordered, _weights(count)[:, which[order]])
            if positive:
                low, high = _interval(math.log(iqm), np.log(resampled), count)
                ends = math.exp(low), math.exp(high)
            else:
                ends = _interval(iqm, resampled, count)
    sd = float(array.std(ddof=1)) if n > 1 else None
    return Summary(n, float(array.mean()), sd, float(np.median(array)), iqm, *ends)
