"""Effects over matched pairs as forest plots, and what explains the variance of the scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ganlab.report.figures.drawing import BETTER, INK, WORSE, Drawing, as_svg, axes, margin, style
from ganlab.report.figures.labels import WHOLE, fitting, short_names
from ganlab.report.figures.scales import set_scale
from ganlab.report.model import Effect, Explained, Factor, Score
from ganlab.report.text.words import number, percent, ratio_or_difference, score_name

ROW = 20.0
FARTHEST = 1e4
"""The largest ratio that an axis shows; arrows stand for what is beyond."""


def forest(factor: Factor, effects: Sequence[Effect], score: Score) -> Drawing | None:
    """Returns the effects of the levels of a factor with their intervals, one in a row."""
    own = [one for one in effects if one.factor == factor.name and one.estimate is not None]
    if not own:
        return None
    ratio = score.comparison == "ratio"
    names, sign = short_names(factor.levels), "/" if ratio else "−"
    labels = [f"{one.level} {sign} {one.baseline}" for one in own]
    by_whole = factor.baseline is not None and names[factor.baseline] == WHOLE
    short = [names[one.level] if by_whole else f"{names[one.level]} {sign} {names[one.baseline]}" for one in own]
    texts = [_number(one, score) for one in own]
    left, right = margin(short, most=170), margin(texts, least=60, most=120)
    alt = f"Effects of {factor.name} on {score_name(score.name)} over matched pairs. " + " ".join(
        f"{label}: {text}, {one.pairs} pairs, {_verdict(one)}."
        for label, text, one in zip(labels, texts, own, strict=True)
    )
    with style(f"effects-{factor.name}"):
        figure, axis = axes(ROW * len(own) + 54, left, right, top=8, bottom=46)
        shown = []
        for place, one in enumerate(own):
            shown += _row(axis, place, one, ratio)
            axis.text(1.03, place, texts[place], va="center", size=10, transform=axis.get_yaxis_transform())
        none = 1.0 if ratio else 0.0
        axis.axvline(none, color=INK, linewidth=0.9)
        set_scale(axis, "x", min([none, *shown]), max([none, *shown]), ratio, most=5)
        axis.set_ylim(len(own) - 0.4, -0.6)
        axis.set_yticks(range(len(own)), fitting(short, left - 8))
        axis.tick_params(left=False)
        better = "left" if score.better == "lower" else "right"
        axis.set_xlabel(f"{score.comparison} of {score_name(score.name)} ({better}: better)")
        caption = (
            f"{factor.name}: {score.comparison} between two levels over matched pairs with its 95 % interval. "
            "Filled: the data can tell (blue better, orange worse); hollow: it cannot."
        )
        if by_whole:
            caption += f" Each is compared with {factor.baseline}."
        return Drawing(f"effects-{factor.name}", as_svg(figure, alt), caption, alt)


def _row(axis: Any, place: int, one: Effect, ratio: bool) -> list[float]:
    """Draws one effect, and returns the values that the axis must show."""

    def clipped(value: float) -> float:
        return min(max(value, 1 / FARTHEST), FARTHEST) if ratio else value

    color = INK if one.better is None else BETTER if one.better else WORSE
    at = clipped(one.estimate or 0.0)
    shown = [at]
    if one.low is not None and one.high is not None and math.isfinite(one.low) and math.isfinite(one.high):
        ends = [clipped(one.low), clipped(one.high)]
        axis.plot(ends, [place, place], "-", color=color, linewidth=1.8, solid_capstyle="butt")
        shown += ends
    fill = "none" if one.better is None else color
    axis.plot(at, place, "s", color=color, markersize=6, markerfacecolor=fill)
    return shown


def _number(one: Effect, score: Score) -> str:
    ends = f" ({number(one.low, 2)}–{number(one.high, 2)})" if one.low is not None and one.low >= 0 else ""
    if one.low is not None and one.low < 0:
        ends = f" ({number(one.low, 2)} to {number(one.high, 2)})"
    return f"{ratio_or_difference(one.estimate, score)}{ends}"


def _verdict(one: Effect) -> str:
    return "cannot tell" if one.better is None else "better" if one.better else "worse"


def explained_bars(explained: Sequence[Explained]) -> Drawing | None:
    """Returns the share of the variance of ranks that each source explains, beside that to expect by chance."""
    if not explained:
        return None
    labels = [one.source for one in explained]
    left = margin(labels, most=150)
    alt = "Share of the variance of the ranks of all scores. " + " ".join(
        f"{one.source}: {percent(one.share)} ({percent(one.by_chance)} by chance)." for one in explained
    )
    with style("explained"):
        figure, axis = axes(ROW * len(labels) + 50, left, right=44, top=6, bottom=42)
        for place, one in enumerate(explained):
            axis.barh(place, one.share, 0.7, color="#8c8c8c" if one.source == "rest" else BETTER)
            axis.plot([one.by_chance] * 2, [place - 0.42, place + 0.42], color=INK, linewidth=2)
            axis.text(max(one.share, one.by_chance) + 0.015, place, percent(one.share), va="center", size=10)
        axis.set_ylim(len(labels) - 0.4, -0.6)
        axis.set_yticks(range(len(labels)), fitting(labels, left - 8))
        axis.tick_params(left=False)
        top = max(0.1, *(max(one.share, one.by_chance) for one in explained))
        axis.set_xlim(0, top)
        step = 0.05 if top <= 0.25 else 0.1 if top <= 0.5 else 0.2
        ticks = [step * place for place in range(int(top / step) + 1)]
        axis.set_xticks(ticks, [percent(tick) for tick in ticks])
        axis.set_xlabel("share of the variance of ranks")
        caption = (
            "What explains the variance of the ranks of all scores (failures last); the mark is the share to expect by "
            "chance."
        )
        return Drawing("explained", as_svg(figure, alt), caption, alt)
