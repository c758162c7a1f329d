"""Matched pairs: runs that were typed alike but for one factor, and have the same seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from ganlab.report.analysis.groups import MOST_LEVELS
from ganlab.report.model import Factor, Run

Context = tuple[str | None, ...]


@dataclass(frozen=True)
class Pairs:
    """The pairs of two levels of a factor: a run of ``baseline`` and one of ``level`` each, and the context that they
    share, levels of the other factors and the seed."""

    factor: str
    baseline: str
    level: str
    pairs: tuple[tuple[Run, Run], ...]

    @property
    def known(self) -> list[tuple[Run, Run]]:
        """The pairs whose both runs have a result."""
        return [pair for pair in self.pairs if pair[0].value is not None and pair[1].value is not None]

    def under(self, factor: str, level: str) -> Pairs:
        """Returns those pairs whose other ``factor`` has this level."""
        kept = tuple(pair for pair in self.pairs if pair[0].levels[factor] == level)
        return Pairs(self.factor, self.baseline, self.level, kept)


def compared(factor: Factor) -> list[tuple[str, str]]:
    """Returns the levels that are compared: each with the baseline, or each two where there is none."""
    if factor.baseline is None:
        return list(combinations(factor.levels, 2))
    return [(factor.baseline, level) for level in factor.levels if level != factor.baseline]


def pairs_of(runs: Sequence[Run], factors: Sequence[Factor]) -> Iterator[Pairs]:
    """Yields the pairs of the levels of each factor that are compared. Factors with more than ``MOST_LEVELS`` levels
    have none. The runs of one combination and one seed are matched in their order."""
    known = [run for run in runs if run.comparable and all(factor.name in run.levels for factor in factors)]
    for factor in factors:
        if len(factor.levels) > MOST_LEVELS:
            continue
        others = [other.name for other in factors if other.name != factor.name]
        by_level: dict[str, dict[Context, list[Run]]] = {level: {} for level in factor.levels}
        for run in known:
            context = (run.seed, *(run.levels[name] for name in others))
            by_level[run.levels[factor.name]].setdefault(context, []).append(run)
        for baseline, level in compared(factor):
            found = [
                pair
                for context, first in by_level[baseline].items()
                for pair in zip(first, by_level[level].get(context, ()), strict=False)
            ]
            yield Pairs(factor.name, baseline, level, tuple(found))
