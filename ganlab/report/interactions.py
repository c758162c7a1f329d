"""Two factors together: the score of each combination of levels, and whether the effect of one depends on the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from ganlab.report.effects import effect_of, from_scale, on_scale
from ganlab.report.groups import success_of
from ganlab.report.model import Effect, Factor, Interaction, Run, Score
from ganlab.report.pairs import MOST_LEVELS, Pairs
from ganlab.report.permutation import LEVEL, holm
from ganlab.report.variance import interaction_p


def interactions_of(
    runs: Sequence[Run], factors: Sequence[Factor], pairs: Sequence[Pairs], score: Score | None, share: float
) -> tuple[Interaction, ...]:
    """Returns the interaction of each pair of factors. ``share`` is the part of the errors that they may have."""
    few = [factor for factor in factors if len(factor.levels) <= MOST_LEVELS]
    found = [_interaction(runs, factors, first, second, score) for first, second in combinations(few, 2)]
    tested = [one for one in found if one.p is not None]
    adjusted = dict(zip(map(id, tested), holm([one.p or 0.0 for one in tested]), strict=True))
    result = []
    for one in found:
        if score is not None and id(one) in adjusted:
            p = min(1.0, adjusted[id(one)] / share)
            one = replace(one, p_adjusted=p, contrasts=_contrasts(one, pairs, score) if p < LEVEL else ())
        result.append(one)
    return tuple(result)


def _interaction(
    runs: Sequence[Run], factors: Sequence[Factor], first: Factor, second: Factor, score: Score | None
) -> Interaction:
    known = [run for run in runs if run.comparable and all(factor.name in run.levels for factor in factors)]
    cells: dict[tuple[str, str], list[Run]] = {}
    for run in known:
        cells.setdefault((run.levels[first.name], run.levels[second.name]), []).append(run)

    def matrix(value) -> tuple:  # type: ignore[no-untyped-def, type-arg]
        return tuple(tuple(value(cells.get((row, column), [])) for column in second.levels) for row in first.levels)

    def own(run: Run) -> float | None:
        return run.value if run.survivor else None

    counted = [run for run in known if run.value is not None]
    p = None
    if score is not None and len(counted) > 3:
        sources = [[run.levels[factor.name] for run in counted] for factor in factors]
        sources.append([str(run.seed) for run in counted])
        values = on_scale([run.value or 0.0 for run in counted], score)
        rows, columns = ([run.levels[one.name] for run in counted] for one in (first, second))
        p = interaction_p(values, rows, columns, sources)
    return Interaction(
        first.name,
        second.name,
        first.levels,
        second.levels,
        with_failures=matrix(lambda some: _centre([run.value for run in some], score)),
        survivors=matrix(lambda some: _centre([own(run) for run in some], score)),
        success=matrix(lambda some: success_of(some).share),
        n=matrix(lambda some: sum(run.outcome != "unfinished" for run in some)),
        p=p,
    )


def _centre(values: Sequence[float | None], score: Score | None) -> float | None:
    """Returns the geometric mean of values that compare as ratios, otherwise the mean; None for no values."""
    known = [value for value in values if value is not None]
    if not known or score is None:
        return None
    return from_scale(float(np.mean(on_scale(known, score))), score)


def _contrasts(one: Interaction, pairs: Sequence[Pairs], score: Score) -> tuple[Effect, ...]:
    """Returns the effects of two levels of ``rows`` under the two levels of ``columns`` between which they differ most."""
    best: tuple[float, tuple[Effect, ...]] = (0.0, ())
    for pair in pairs:
        if pair.factor != one.rows:
            continue
        effects = [
            effect_of(pair.under(one.columns, level), score, {one.columns: level}) for level in one.column_levels
        ]
        known = [effect for effect in effects if effect.estimate is not None]
        for first, second in combinations(known, 2):
            scaled = on_scale([first.estimate or 0.0, second.estimate or 0.0], score)
            if (apart := abs(float(scaled[1] - scaled[0]))) > best[0]:
                best = apart, (first, second)
    return best[1]
