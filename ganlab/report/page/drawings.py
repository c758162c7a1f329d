"""Chooses and draws the figures of a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ganlab.report.analysis.groups import MOST_LEVELS
from ganlab.report.figures.curves import HEALTH, curve_lines
from ganlab.report.figures.drawing import Drawing
from ganlab.report.figures.effects import explained_bars, forest
from ganlab.report.figures.heatmaps import heat_maps
from ganlab.report.figures.outcomes import outcome_bars
from ganlab.report.figures.scores import distribution, profile_lines, trend_dots
from ganlab.report.model import Factor, Interaction, Report

MOST_FACTORS = 6
MOST_PAIRS = 8
MOST_HEALTH = 3
"""The most factors by which health is drawn."""


@dataclass
class Figures:
    """The figures by subject; ``health`` has those of each factor by title. ``notes`` say what is left out."""

    outcomes: list[Drawing] = field(default_factory=list)
    scores: list[Drawing] = field(default_factory=list)
    budgets: list[Drawing] = field(default_factory=list)
    effects: list[Drawing] = field(default_factory=list)
    together: list[Drawing] = field(default_factory=list)
    explained: list[Drawing] = field(default_factory=list)
    profiles: list[Drawing] = field(default_factory=list)
    trends: list[Drawing] = field(default_factory=list)
    curves: list[Drawing] = field(default_factory=list)
    health: list[tuple[str, list[Drawing]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def of_markdown(self) -> list[Drawing]:
        """The figures that are written as files too: outcomes, effects, heat-maps, and explained variance."""
        return [*self.outcomes, *self.effects, *self.together, *self.explained]


def figures_of(report: Report, brief: bool = False) -> Figures:
    """Draws the figures of a report; of a ``brief`` one outcomes, effects and heat-maps alone."""
    factors = _factors(report)
    score, found = report.score, Figures()
    for factor in factors:
        own = [one for one in report.levels if list(one.levels) == [factor.name]]
        found.outcomes += _some([outcome_bars(factor.name, own)])
        if score is not None:
            found.effects += _some([forest(factor, report.effects, score)])
    pairs = _pairs(report)
    for pair in pairs[:MOST_PAIRS]:
        found.together += heat_maps(pair, score)[: 1 if brief else None]
    if not factors:
        found.outcomes += _some([outcome_bars("run", report.cells)])
    if brief:
        return found
    for factor in factors:
        found.scores += _some([distribution(factor, report)])
        if score is not None:
            found.profiles += _some([profile_lines(factor, report.profiles, score)])
    if not factors:
        found.scores += _some([distribution(None, report)])
    found.explained = _some([explained_bars(report.explained)])
    found.trends = _some(trend_dots(one, report) for one in report.trends[:MOST_FACTORS])
    _draw_curves(report, factors, found)
    few = sum(len(one.levels) <= MOST_LEVELS for one in report.factors)
    if few > len(factors):
        found.notes.append(f"Figures are of the {len(factors)} factors that explain most; the tables have all {few}.")
    if len(pairs) > MOST_PAIRS:
        found.notes.append(
            f"Heat-maps are of {MOST_PAIRS} of {len(pairs)} pairs of factors, those with the clearest interaction; "
            "effects.json has all."
        )
    return found


def _draw_curves(report: Report, factors: Sequence[Factor], found: Figures) -> None:
    score, curves = report.score, report.curves
    groups: list[tuple[str, tuple[str, ...]]] = [(one.name, one.levels) for one in factors] or [("", ())]
    spent = {one.kind for one in report.budgets}
    budgets = [*(["d_updates"] if spent & {"d_updates", "images"} else []), "seconds"]
    for place, (name, levels) in enumerate(groups):
        if score is not None:
            found.curves += _some([curve_lines(curves, score.name, name, levels, score)])
            found.budgets += _some(curve_lines(curves, score.name, name, levels, score, one) for one in budgets)
        if place < MOST_HEALTH:
            drawn = _some(curve_lines(curves, tag, name, levels, score) for tag in HEALTH)
            if drawn:
                found.health.append((f"Losses and health{f' by {name}' if name else ''}", drawn))


def _some(drawings: Iterable[Drawing | None]) -> list[Drawing]:
    return [one for one in drawings if one is not None]


def _factors(report: Report) -> list[Factor]:
    """Returns the factors with few levels, at most ``MOST_FACTORS``: those that explain most, in their own order."""
    few = [one for one in report.factors if len(one.levels) <= MOST_LEVELS]
    share = {one.source: one.share for one in report.explained}
    chosen = sorted(few, key=lambda one: -share.get(one.name, 0.0))[:MOST_FACTORS]
    return [one for one in few if one in chosen]


def _pairs(report: Report) -> list[Interaction]:
    share = {one.source: one.share for one in report.explained}

    def place(one: Interaction) -> tuple[float, float]:
        return 2.0 if one.p is None else one.p, -share.get(f"{one.rows} × {one.columns}", 0.0)

    return sorted(report.interactions, key=place)
