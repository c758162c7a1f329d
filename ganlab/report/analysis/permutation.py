"""Tests of "no effect" that assume nothing about distributions, and Holm's correction for their number."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy import stats

Array = np.ndarray

EXACT = 14
"""Up to this number of pairs all signs are tried."""
FLIPS = 20_000
"""Random signs for more pairs: the smallest p is 1 / 20,001."""
LEVEL = 0.05


@lru_cache(maxsize=4)
def signs_of(pairs: int) -> Array:
    """Returns signs, (flips, pairs): all of them where there are few pairs, otherwise random ones."""
    if pairs <= EXACT:
        bits = (np.arange(2**pairs)[:, None] >> np.arange(pairs)) & 1
    else:
        bits = np.random.default_rng(pairs).integers(0, 2, (FLIPS, pairs), dtype=np.int8)
    return (2.0 * bits - 1.0).astype(np.float32)


def sign_flip(differences: Array) -> float:
    """Returns the two-sided p of "both levels of a pair are exchangeable" for the mean of paired ``differences`` (n,):
    the share of the signs for which the mean is as far from 0 as the one observed. Fisher 1935, "The Design of
    Experiments", section 21."""
    if len(differences) == 0:
        return 1.0
    scale = float(np.abs(differences).max())
    if scale == 0:
        return 1.0
    signs = signs_of(len(differences))
    scaled = (differences / scale).astype(np.float32)
    sums = np.abs(signs @ scaled)
    reached = int((sums >= abs(float(scaled.sum())) - 1e-4).sum())
    if len(differences) <= EXACT:
        return reached / len(signs)
    return (1 + reached) / (1 + len(signs))


def sign_test(won: int, lost: int) -> float:
    """Returns the exact two-sided p of "won and lost are equally likely"."""
    return float(stats.binomtest(won, won + lost).pvalue) if won + lost else 1.0


def holm(ps: Sequence[float]) -> list[float]:
    """Returns the p of each comparison adjusted for their number (Holm 1979): the probability that any of those below
    0.05 is one by chance is at most 0.05, however they depend on each other."""
    adjusted = [1.0] * len(ps)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=lambda place: ps[place])):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[place]))
        adjusted[place] = largest
    return adjusted
