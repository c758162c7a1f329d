"""Two factors together: the score of each combination of levels, and whether the effect of one depends on the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from ganlab.report.analysis.effects import differences, effect_of, from_scale, on_scale
from ganlab.report.analysis.groups import MOST_LEVELS, success_of
from ganlab.report.analysis.pairs import Pairs
from ganlab.report.analysis.permutation import LEVEL, holm
from ganlab.report.analysis.seed_flips import fewest_seeds, interaction_p
from ganlab.report.analysis.statistics import mean_interval
from ganlab.report.model import Factor, Interaction, Run, Score


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
            one = replace(one, p_adjusted=p, fewest_seeds=fewest_seeds(len(tested), share))
            if p < LEVEL:
                one = _with_contrast(one, pairs, score)
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
    p, seeds = None, 0
    if score is not None:
        values = on_scale([run.value or 0.0 for run in counted], score)
        others = [one for one in factors if one not in (first, second)]
        rows, columns, *rest = ([run.levels[one.name] for run in counted] for one in (first, second, *others))
        p, seeds = interaction_p(values, rows, columns, rest, [run.seed for run in counted])
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
        seeds=seeds,
    )


def _centre(values: Sequence[float | None], score: Score | None) -> float | None:
    """Returns the geometric mean of values that compare as ratios, otherwise the mean; None for no values."""
    known = [value for value in values if value is not None]
    if not known or score is None:
        return None
    return from_scale(float(np.mean(on_scale(known, score))), score)


def _with_contrast(one: Interaction, pairs: Sequence[Pairs], score: Score) -> Interaction:
    """Adds the effects of two levels of ``rows`` under those two levels of ``columns`` between which they differ most.
    The contrast is computed from the contexts that have a pair under both."""
    best: tuple[float, Interaction] = (0.0, one)
    for pair in pairs:
        if pair.factor != one.rows:
            continue
        under = {level: pair.under(one.columns, level).known for level in one.column_levels}
        for first, second in combinations([level for level in under if under[level]], 2):
            apart, seeds = _double_differences(under[first], under[second], one.columns, score)
            if len(apart) and abs(float(apart.mean())) > best[0]:
                ends = mean_interval(apart, seeds)
                best = (
                    abs(float(apart.mean())),
                    replace(
                        one,
                        contrasts=tuple(
                            effect_of(pair.under(one.columns, level), score, {one.columns: level})
                            for level in (first, second)
                        ),
                        contrast=from_scale(float(apart.mean()), score),
                        contrast_low=from_scale(ends[0], score) if ends else None,
                        contrast_high=from_scale(ends[1], score) if ends else None,
                    ),
                )
    return best[1]


def _double_differences(
    first: Sequence[tuple[Run, Run]], second: Sequence[tuple[Run, Run]], columns: str, score: Score
) -> tuple[np.ndarray, list[str | None]]:
    """Returns the differences of pairs of ``second`` minus those of pairs of ``first`` in the same context, and the
    seeds."""

    def by_context(pairs: Sequence[tuple[Run, Run]]) -> dict[object, tuple[Run, Run]]:
        return {
            (pair[0].seed, *sorted((name, level) for name, level in pair[0].levels.items() if name != columns)): pair
            for pair in pairs
        }

    ours, theirs = by_context(first), by_context(second)
    both = [context for context in ours if context in theirs]
    apart = differences([theirs[context] for context in both], score) - differences(
        [ours[context] for context in both], score
    )
    return apart, [ours[context][0].seed for context in both]
