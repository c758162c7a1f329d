"""The scores of the runs of each level: one by one, and as performance profiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ganlab.report.figures.drawing import (
    INK,
    Drawing,
    as_svg,
    axes,
    color_of,
    dash_of,
    legend,
    legend_height,
    margin,
    style,
)
from ganlab.report.figures.labels import fitting, short_names
from ganlab.report.figures.scales import finite, is_log, set_scale
from ganlab.report.model import Factor, Group, Profile, Report, Run, Score, Trend
from ganlab.report.text.words import interval, number, score_name

ROW = 30.0
MOST_DOTS = 400
"""The most runs of a level that are drawn one by one; of more, evenly spaced ones of their order."""


def score_axis(score: Score) -> str:
    """Returns the label of an axis: the name of the score, which has no unit, and which end is better."""
    return f"{score.at} {score_name(score.name)} ({score.better} is better)"


def distribution(factor: Factor | None, report: Report) -> Drawing | None:
    """Returns the score of each run by level, with the interquartile mean of each level and its interval."""
    score = report.score
    if score is None:
        return None
    name = factor.name if factor else "all"
    levels = factor.levels if factor else ("all runs",)
    found = report.levels if factor else report.cells
    groups = {one.levels.get(name, "all runs"): one for one in found if not factor or list(one.levels) == [name]}
    runs = {level: _shown(report.runs, name if factor else None, level) for level in levels}
    values = finite([run.value for some in runs.values() for run in some])
    if not values:
        return None
    stated = ((report.threshold, "threshold", (0, (4, 2))), (report.noise, "noise", (0, (1, 2))))
    marks = [(one.value, word, line) for one, word, line in stated if one is not None]
    ends = [*values, *(value for value, _, _ in marks)]
    shown = list(short_names(levels).values())
    left = margin(shown)
    alt = f"{score_axis(score).capitalize()} by {name}. " + " ".join(
        f"{level}: interquartile mean {number(one.with_failures.iqm)} "
        f"({interval(one.with_failures.low, one.with_failures.high)}, {one.with_failures.n} runs)."
        for level, one in groups.items()
    )
    with style(f"scores-{name}"):
        figure, axis = axes(ROW * len(levels) + 62, left, top=20, bottom=42)
        for place, level in enumerate(levels):
            _strip(axis, place, runs[level], groups.get(level))
        for value, word, line in marks:
            axis.axvline(value, color=INK, linewidth=0.9, linestyle=line, alpha=0.7)
            axis.text(value, -0.62, word, ha="center", va="bottom", size=9.5)
        axis.set_ylim(len(levels) - 0.5, -0.5)
        axis.set_yticks(range(len(levels)), fitting(shown, left - 8))
        axis.tick_params(left=False)
        set_scale(axis, "x", min(ends), max(ends), is_log(score, ends))
        axis.set_xlabel(score_axis(score))
        caption = (
            "Each dot is a run (a cross: one that failed and counts as noise); the diamond is the interquartile mean "
            "with its 95 % bootstrap interval."
        )
        return Drawing(f"scores-{name}", as_svg(figure, alt), caption, alt)


def _shown(runs: Sequence[Run], factor: str | None, level: str) -> list[Run]:
    some = [run for run in runs if run.value is not None and (factor is None or run.levels.get(factor) == level)]
    some.sort(key=lambda run: run.value or 0.0)
    return some[:: -(-len(some) // MOST_DOTS)] if some else []


def _strip(axis: Any, place: int, runs: Sequence[Run], group: Group | None) -> None:
    jitter = np.random.default_rng(0).uniform(-0.24, 0.24, len(runs))
    for survivor, marker in ((True, "o"), (False, "x")):
        chosen = [number for number, run in enumerate(runs) if run.survivor is survivor]
        if chosen:
            axis.plot(
                [runs[one].value for one in chosen], place + jitter[chosen], marker, color=color_of(place),
                alpha=0.65, markersize=4 if survivor else 5, markeredgewidth=0 if survivor else 1.2, clip_on=False,
            )  # fmt: skip
    if group is not None and group.with_failures.iqm is not None:
        one = group.with_failures
        if one.low is not None and one.high is not None:
            axis.plot([one.low, one.high], [place, place], "-", color=INK, linewidth=2)
        axis.plot(one.iqm, place, "D", color=INK, markersize=6)


def profile_lines(factor: Factor, profiles: Sequence[Profile], score: Score) -> Drawing | None:
    """Returns the performance profiles of the levels of a factor."""
    own = [one for one in profiles if one.factor == factor.name]
    if not own:
        return None
    labels = [one.level for one in own]
    thresholds = own[0].thresholds
    alt = f"Performance profiles by {factor.name}. " + " ".join(_told(one) for one in own)
    below = 42 + legend_height(labels)
    with style(f"profiles-{factor.name}"):
        figure, axis = axes(200 + below, left=50, bottom=below)
        for one in own:
            place = factor.levels.index(one.level)
            axis.plot(one.thresholds, one.share, color=color_of(place), linestyle=dash_of(place), label=one.level)
            low, high = ([np.nan if end is None else end for end in ends] for ends in (one.low, one.high))
            axis.fill_between(one.thresholds, low, high, color=color_of(place), alpha=0.13, linewidth=0)
        set_scale(axis, "x", min(thresholds), max(thresholds), is_log(score, thresholds))
        if score.better == "higher":
            axis.invert_xaxis()
        axis.set_ylim(-0.02, 1.02)
        axis.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
        axis.set_xlabel(score_axis(score))
        legend(axis, 42, fontsize=10)
        caption = (
            f"Share of the runs of each {factor.name} that reach a score or a better one, with a 95 % bootstrap band "
            "over seeds: higher is better."
        )
        return Drawing(f"profiles-{factor.name}", as_svg(figure, alt), caption, alt)


def _told(one: Profile) -> str:
    half = next((at for at, share in zip(one.thresholds, one.share, strict=True) if share >= 0.5), None)
    if half is None:
        return f"{one.level}: under half of {one.n} runs reach any of them."
    return f"{one.level}: half of {one.n} runs reach {number(half)}."


def trend_dots(trend: Trend, report: Report) -> Drawing | None:
    """Returns the scores of runs against a number with many levels."""
    score = report.score
    known = [run for run in report.runs if run.value is not None and trend.factor in run.levels]
    points = [(float(run.levels[trend.factor]), float(run.value or 0.0), run.survivor) for run in known]
    if score is None or not points:
        return None
    alt = (
        f"{score_axis(score).capitalize()} against {trend.factor}: rank correlation {number(trend.correlation)} "
        f"({interval(trend.low, trend.high)}) over {trend.n} runs."
    )
    with style(f"trend-{trend.factor}"):
        figure, axis = axes(250, left=58)
        for survivor, marker in ((True, "o"), (False, "x")):
            some = [point for point in points if point[2] is survivor]
            axis.plot([x for x, _, _ in some], [y for _, y, _ in some], marker, color=color_of(0), markersize=4)
        across, up = [x for x, _, _ in points], [y for _, y, _ in points]
        set_scale(axis, "x", min(across), max(across), min(across) > 0 and max(across) > 20 * min(across))
        set_scale(axis, "y", min(up), max(up), is_log(score, up))
        axis.set_xlabel(trend.factor)
        axis.set_ylabel(score_axis(score))
        return Drawing(f"trend-{trend.factor}", as_svg(figure, alt), alt, alt)
