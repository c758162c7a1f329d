"""Scores, losses and health over the training: a line for each level, and the middle half of its runs as a band."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ganlab.report.figures.drawing import (
    WIDTH,
    Drawing,
    as_svg,
    axes,
    color_of,
    dash_of,
    legend,
    legend_height,
    style,
)
from ganlab.report.figures.scales import finite, is_log, set_scale
from ganlab.report.model import Curve, Score
from ganlab.report.text.words import number, score_name

HEALTH = {
    "discriminator/loss": "loss of D",
    "generator/loss": "loss of G",
    "discriminator/real": "mean output of D, real",
    "discriminator/fake": "mean output of D, samples",
    "discriminator/gradient_norm": "gradient norm of D",
    "generator/gradient_norm": "gradient norm of G",
}
"""The tags that are drawn, with the labels of their axes; all have no unit."""
BUDGETS = {"images": "images seen by D", "d_updates": "updates of D", "seconds": "training time (s)"}
FAR = 8.0
"""Losses beyond so many times the range of the middle 90 % of what is drawn are outside of the axes."""


def curve_lines(
    curves: Sequence[Curve], tag: str, factor: str, levels: Sequence[str], score: Score | None, budget: str = "images"
) -> Drawing | None:
    """Returns the curves of one ``tag`` for the levels of a factor (empty: all runs together) over a ``budget``."""
    own = [one for one in curves if one.tag == tag and one.factor == factor and _known(one, budget)]
    if not own:
        return None
    is_score = score is not None and tag == score.name
    what = score_name(tag) if is_score else HEALTH[tag]
    labels = [one.level for one in own if one.level]
    below = 40 + (8 + legend_height(labels) if labels else 0)
    name = f"curves-{tag.replace('/', '-')}-{factor or 'all'}-{budget}"
    alt = f"{what} over {BUDGETS[budget]}{f' by {factor}' if factor else ''}. " + " ".join(map(_told, own))
    with style(name):
        figure, axis = axes(170 + below, left=52, right=14, bottom=below, width=WIDTH)
        for one in own:
            place = levels.index(one.level) if one.level else 0
            across, middle = _array(getattr(one, budget)), _array(one.median)
            few = len(across) <= 12
            axis.plot(
                across, middle, color=color_of(place), linestyle=dash_of(place), label=one.level or None,
                marker="o" if few else None, markersize=3.5,
            )  # fmt: skip
            low, high = _array(one.low), _array(one.high)
            axis.fill_between(across, low, high, color=color_of(place), alpha=0.15, linewidth=0)
        ends = finite(end for one in own for end in (*one.low, *one.high))
        bottom, top = (min(ends), max(ends)) if is_score or "norm" in tag else _robust(ends)
        log = (is_score and is_log(score, ends)) or ("norm" in tag and bottom > 0 and top > 20 * bottom)
        set_scale(axis, "y", bottom, top, log, most=6)
        spent = finite(value for one in own for value in getattr(one, budget))
        set_scale(axis, "x", min(0.0, *spent), max(spent), False)
        axis.set_xlabel(BUDGETS[budget])
        axis.set_ylabel(what)
        if labels:
            legend(axis, 44, fontsize=10)
        caption = (
            f"{what} over {BUDGETS[budget]}{f', by {factor}' if factor else ''}: median and middle half of the runs."
        )
        return Drawing(name, as_svg(figure, alt), caption[0].upper() + caption[1:], alt)


def _known(one: Curve, budget: str) -> bool:
    return bool(finite(getattr(one, budget))) and bool(finite(one.median))


def _array(values: Sequence[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _robust(values: Sequence[float]) -> tuple[float, float]:
    """Returns the ends of the values, without such that lie far from most."""
    low, high = (float(end) for end in np.quantile(values, (0.05, 0.95)))
    room = FAR * ((high - low) or abs(high) or 1.0)
    inside = [value for value in values if low - room <= value <= high + room]
    return min(inside), max(inside)


def _told(one: Curve) -> str:
    middle = finite(one.median)
    return f"{one.level or 'all runs'}: from {number(middle[0])} to {number(middle[-1])}."
