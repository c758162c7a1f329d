"""The runs of each cell and of each level of a factor together: outcomes, scores, and what was spent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ganlab.report.analysis.statistics import summary, wilson
from ganlab.report.model import FAILURES, Cause, Factor, Group, Run, Score, Share, Summary
from ganlab.score_names import BETTER

MOST_CELLS = 2000
MOST_LEVELS = 12
"""The most levels of a factor that are shown and compared one by one."""


def success_of(runs: Iterable[Run]) -> Share:
    """Returns the share of the runs that succeeded, of those that ended."""
    outcomes = [run.outcome for run in runs if run.outcome != "unfinished"]
    return wilson(outcomes.count("success"), len(outcomes))


def group(levels: Mapping[str, str], runs: Sequence[Run], score: Score | None) -> Group:
    """Returns the statistics of some runs."""
    counted = [run for run in runs if run.value is not None]
    survivors = [run for run in runs if run.survivor and run.final is not None]
    positive = score is not None and score.comparison == "ratio"
    own = {run.number: run.final if score is None or score.at == "final" else run.best for run in survivors}

    def with_interval(chosen: Sequence[Run], values: Iterable[float | None]) -> Summary:
        numbers = [value for value in values if value is not None]
        return summary(numbers, [run.seed for run in chosen], positive)

    def plain(values: Iterable[float | None]) -> Summary:
        return summary([float(value) for value in values if value is not None])

    return Group(
        levels=dict(levels),
        runs=tuple(run.number for run in runs),
        outcomes=dict(Counter(run.outcome for run in runs)),
        success=success_of(runs),
        with_failures=with_interval(counted, (run.value for run in counted)),
        survivors=with_interval(survivors, (own[run.number] for run in survivors)),
        best=plain(run.best for run in survivors),
        best_step=plain(run.best_step for run in survivors),
        images=plain(run.images for run in runs),
        d_updates=plain(run.d_updates for run in runs),
        seconds=plain(run.seconds for run in runs),
        all_scores={name: plain(run.scores.get(name) for run in survivors) for name in _names_of_scores(survivors)},
    )


def _names_of_scores(runs: Iterable[Run]) -> list[str]:
    """Returns the scores with a better direction that some run has, in the order of their table."""
    found = {name for run in runs for name, value in run.scores.items() if value is not None}
    return [name for name in BETTER if name in found]


def cells_of(runs: Sequence[Run], factors: Sequence[Factor], score: Score | None) -> tuple[Group, ...]:
    """Returns the cells, the best first: by their score with failures, then by their success."""
    found: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        if run.comparable and all(factor.name in run.levels for factor in factors):
            found.setdefault(tuple(run.levels[factor.name] for factor in factors), []).append(run)
    names = [factor.name for factor in factors]
    groups = [group(dict(zip(names, key, strict=True)), some, score) for key, some in found.items()]
    sign = -1 if score is not None and score.better == "higher" else 1

    def place(one: Group) -> tuple[bool, float, float]:
        middle = one.with_failures.iqm
        return middle is None, sign * (middle or 0.0), -(one.success.share or 0.0)

    return tuple(sorted(groups, key=place)[:MOST_CELLS])


def levels_of(runs: Sequence[Run], factors: Sequence[Factor], score: Score | None) -> tuple[Group, ...]:
    """Returns the runs of each level of each factor that has few levels, in their order."""
    return tuple(
        group(
            {factor.name: level},
            [run for run in runs if run.comparable and run.levels.get(factor.name) == level],
            score,
        )
        for factor in factors
        if len(factor.levels) <= MOST_LEVELS
        for level in factor.levels
    )


def causes_of(runs: Sequence[Run]) -> tuple[Cause, ...]:
    """Returns the causes of failures, the most frequent first, and then those of runs that have not finished."""
    found: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        if run.outcome != "success":
            found.setdefault((run.outcome, run.cause), []).append(run)
    causes = [
        Cause(
            outcome,
            cause,
            len(some),
            tuple(run.number for run in some),
            tuple(run.steps for run in some),
            some[0].reason,
        )
        for (outcome, cause), some in found.items()
    ]
    return tuple(sorted(causes, key=lambda one: (one.outcome not in FAILURES, -one.count, one.outcome, one.cause)))
