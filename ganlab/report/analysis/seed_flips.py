"""A test of whether the effect of one factor depends on another, with whole seeds as its units.

Runs of one seed share random numbers: the initial weights of one initializer under two losses, for instance. What they
have in common is not there a second time, however many combinations share it, so that permutations of single runs find
interactions where there are none. Here each seed gives one table, and only the signs of whole tables are exchanged.
That assumes nothing about distributions, nor that all combinations scatter alike, and needs many seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import numpy as np

from ganlab.report.analysis.permutation import EXACT, LEVEL, signs_of
from ganlab.report.analysis.variance import MOST_CELLS, basis, indicators

Array = np.ndarray
Combination = tuple[object, ...]


def fewest_seeds(tests: int, share: float) -> int:
    """Returns the fewest seeds with which the smallest of the p of so many ``tests`` can be below 0.05, adjusted for
    their number (Holm) and their ``share`` of the errors."""
    return next(seeds for seeds in count(2) if tests * 2.0 ** (1 - seeds) / share < LEVEL)


def interaction_p(
    values: Array,
    first: Sequence[object],
    second: Sequence[object],
    others: Sequence[Sequence[object]],
    seeds: Sequence[object],
) -> tuple[float | None, int]:
    """Returns the p of "the effect of ``first`` does not depend on ``second``" for the ``values`` (n,) of runs, and the
    number of seeds that it rests on. ``others`` are the levels of the other factors. p is the share of the signs of the
    seeds' interactions for which their mean is as far from 0 as the one observed: exact if, without an interaction, a
    seed's deviations are as likely as their mirror image; at least 2^(1 - seeds). It is None where it cannot be
    computed.

    Only combinations that each seed has are compared; a seed with less than half of the combinations of the largest one
    is left out."""
    tables: dict[object, dict[Combination, list[float]]] = {}
    for value, seed, *combination in zip(values, seeds, first, second, *others, strict=True):
        tables.setdefault(seed, {}).setdefault(tuple(combination), []).append(float(value))
    most = max(map(len, tables.values()), default=0)
    tables = {seed: table for seed, table in tables.items() if 2 * len(table) >= most}
    shared = [one for one in next(iter(tables.values()), {}) if all(one in table for table in tables.values())]
    space = _space(shared)
    if len(tables) < 2 or space is None:
        return None, len(tables)
    scores = np.array([[float(np.mean(table[one])) for one in shared] for table in tables.values()])
    apart = scores @ space
    scale = float(np.abs(apart).max())
    if scale <= 1e-9 * float(np.abs(scores).max()):
        return None, len(tables)
    apart /= scale
    signs = signs_of(len(apart)).astype(np.float64)
    sizes = np.square(signs @ apart).sum(1)
    reached = int((sizes >= float(np.square(apart.sum(0)).sum()) * (1 - 1e-9)).sum())
    exact = len(apart) <= EXACT
    return (reached / len(signs) if exact else (1 + reached) / (1 + len(signs))), len(tables)


def _space(combinations: Sequence[Combination]) -> Array | None:
    """Returns the basis, (combinations, rank), of the interaction of the first two factors beyond the effects of all
    factors, of the combinations of the others, and of each of the two together with each of those; None where it has
    none, or where the cells are too many."""
    cells = [one[:2] for one in combinations]
    if not cells or len(set(cells)) > MOST_CELLS:
        return None
    first, second, *others = zip(*combinations, strict=True)
    known = [np.ones((len(cells), 1)), indicators(first), indicators(second)]
    if others:
        known.append(indicators([one[2:] for one in combinations]))
        known += [indicators(list(zip(one, other, strict=True))) for one in (first, second) for other in others]
    space = basis(indicators(cells), basis(np.hstack(known)))
    return space if space.shape[1] else None
