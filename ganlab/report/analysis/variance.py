"""The shares of the variance of scores that each factor, each pair of factors and the seed explain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from scipy import stats

from ganlab.report.model import Explained

Array = np.ndarray

MOST_CELLS = 400
"""The most combinations of two factors' levels whose interaction is computed."""


def indicators(values: Sequence[object]) -> Array:
    """Returns a column per distinct value, (n, distinct): 1 where it occurs."""
    _, which = np.unique(np.array([str(value) for value in values]), return_inverse=True)
    return np.eye(int(which.max()) + 1)[which]


def basis(columns: Array, against: Array | None = None) -> Array:
    """Returns an orthonormal basis, (n, rank), of what ``columns`` (n, k) span beyond the basis ``against``."""
    if against is not None:
        columns = columns - against @ (against.T @ columns)
    left, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    found: Array = left[:, sizes > 1e-8 * np.sqrt(len(columns))]
    return found


def _joined(factors: Sequence[Sequence[object]], n: int) -> Array:
    return basis(np.hstack([np.ones((n, 1)), *(indicators(one) for one in factors)]))


def explained(
    values: Sequence[float], factors: Mapping[str, Sequence[str]], seeds: Sequence[object]
) -> tuple[Explained, ...]:
    """Returns the share of the variance of the ranks of ``values`` that each of the ``factors`` (levels of each run, by
    name), each pair of them and the ``seeds`` explain beyond all other main effects, the largest first, and ``rest``.
    Equal values have the mean of their ranks. In a full factorial sweep the shares add up to 1."""
    n = len(values)
    ranks = stats.rankdata(values)
    ranks -= ranks.mean()
    total = float(ranks @ ranks)
    if n < 3 or total == 0:
        return ()
    sources = {**factors, "seed": seeds}
    found = []

    def add(name: str, of: tuple[str, ...], space: Array) -> None:
        share = float(np.square(space.T @ ranks).sum()) / total
        found.append(Explained(name, of, share, space.shape[1] / (n - 1)))

    for name, levels in sources.items():
        others = _joined([one for other, one in sources.items() if other != name], n)
        space = basis(indicators(levels), others)
        if space.shape[1]:
            add(name, (name,) if name in factors else (), space)
    mains = _joined(list(sources.values()), n)
    for first, second in combinations(factors, 2):
        together = _interaction(factors[first], factors[second], mains)
        if together is not None:
            add(f"{first} × {second}", (first, second), together)
    rest = max(0.0, 1 - sum(one.share for one in found))
    found.sort(key=lambda one: -one.share)
    return (*found, Explained("rest", (), rest, max(0.0, 1 - sum(one.by_chance for one in found))))


def _interaction(first: Sequence[str], second: Sequence[str], mains: Array) -> Array | None:
    """Returns the basis of the interaction of two factors beyond the main effects; None where it has none, or where
    the cells are too many."""
    pairs = list(zip(first, second, strict=True))
    if len(set(pairs)) > min(MOST_CELLS, len(pairs) - 1):
        return None
    space = basis(indicators(pairs), mains)
    return space if space.shape[1] else None
