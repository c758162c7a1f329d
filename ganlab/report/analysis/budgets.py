"""Scores at equal budgets: what the runs of each level had reached when all had spent the same."""

from __future__ import annotations

from collections.abc import Sequence

from ganlab.report.analysis.groups import MOST_LEVELS
from ganlab.report.analysis.statistics import summary
from ganlab.report.model import AtBudget, Factor, Point, Run, Score

KINDS = ("images", "d_updates", "seconds")
SAME = 0.02
"""Budgets that differ by less than this share count as equal."""


def at_budgets(runs: Sequence[Run], factors: Sequence[Factor], score: Score) -> tuple[AtBudget, ...]:
    """Returns the scores of each level at the largest number of images, of D updates and of seconds that all runs with
    a finite score at their end had spent. Budgets that are equal anyway are left out. Runs that failed are not among
    them."""
    ended = [run for run in runs if run.comparable and run.survivor and run.curve]
    found = []
    for kind in KINDS:
        spent = [value for run in ended if (value := getattr(run.curve[-1], kind)) is not None]
        if len(spent) < len(ended) or not spent or max(spent) <= (1 + SAME) * min(spent):
            continue
        for factor in factors:
            for level in factor.levels if len(factor.levels) <= MOST_LEVELS else ():
                chosen = [run for run in ended if run.levels.get(factor.name) == level]
                values = [(run, _reached(run.curve, kind, min(spent))) for run in chosen]
                known = [(run, value) for run, value in values if value is not None]
                blocks = [run.seed for run, _ in known]
                statistics = summary([value for _, value in known], blocks, score.comparison == "ratio")
                found.append(AtBudget(kind, float(min(spent)), factor.name, level, len(chosen), statistics))
    return tuple(found)


def _reached(curve: Sequence[Point], kind: str, amount: float) -> float | None:
    """Returns the last score that a run had when it had spent ``amount``; None before its first."""
    values = [point.value for point in curve if getattr(point, kind) <= amount * (1 + 1e-9)]
    return values[-1] if values else None
