"""Scales of axes: ticks and their labels."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ganlab.report.model import Score
from ganlab.report.text.words import number

MOST_TICKS = 6


def finite(values: Iterable[float | None]) -> list[float]:
    """Returns the finite numbers among values."""
    return [float(value) for value in values if value is not None and math.isfinite(value)]


def log_ticks(low: float, high: float, most: int = MOST_TICKS) -> list[float]:
    """Returns round numbers from ``low`` to ``high``, about evenly spaced on the logarithmic scale; within less than a
    factor of 2, where both scales are nearly the same, on the plain one."""
    if high < 2 * low:
        from matplotlib.ticker import MaxNLocator

        ticks = MaxNLocator(most - 1, steps=[1, 2, 5, 10]).tick_values(low, high)
        return [float(tick) for tick in ticks if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8), (1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        found = [step * 10.0**decade for decade in decades for step in steps]
        inside = [value for value in found if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
        if len(inside) <= most:
            return inside or [low, high]
    return inside[:: math.ceil(len(inside) / most)]


def set_scale(axis: Any, along: str, low: float, high: float, log: bool, most: int = MOST_TICKS) -> None:
    """Sets the limits of the ``x`` or ``y`` axis, a little beyond ``low`` to ``high``, and readable ticks."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    own = axis.xaxis if along == "x" else axis.yaxis
    set_limits = axis.set_xlim if along == "x" else axis.set_ylim
    if log and low > 0:
        if high / low < 1.2:
            low, high = low / 1.1, high * 1.1
        room = (high / low) ** 0.04
        (axis.set_xscale if along == "x" else axis.set_yscale)("log")
        set_limits(low / room, high * room)
        own.set_major_locator(FixedLocator(log_ticks(low / room, high * room, most)))
        own.set_minor_locator(NullLocator())
    else:
        room = 0.04 * (high - low) or abs(high) * 0.1 or 1.0
        set_limits(low - room, high + room)
        own.set_major_locator(MaxNLocator(most - 1))
    own.set_major_formatter(FuncFormatter(lambda value, _: short(value)))


def short(value: float) -> str:
    """Returns a number in few letters: 38k, 1.2M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size * (10 if letter == "k" else 1):
            return f"{value / size:.4g}{letter}"
    return "0" if abs(value) < 1e-12 else number(value, 4).replace("-", "−")


def is_log(score: Score | None, values: Iterable[float]) -> bool:
    """Whether values of a score are drawn on a logarithmic scale: where they are compared as ratios."""
    return score is not None and score.comparison == "ratio" and min(values, default=0.0) > 0
