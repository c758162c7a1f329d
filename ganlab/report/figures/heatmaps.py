"""Two factors together: a coloured matrix of the scores or of the shares of success."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ganlab.report.figures.drawing import INK, Drawing, as_svg, axes, margin, style
from ganlab.report.figures.labels import fitting, short_names
from ganlab.report.figures.scales import finite
from ganlab.report.model import Interaction, Score
from ganlab.report.text.words import number, percent, score_name

CELL = 34.0
MAP = "cividis"  # ordered for all kinds of colour vision (Nuñez et al. 2018)
Matrix = Sequence[Sequence[float | None]]


def heat_maps(one: Interaction, score: Score | None) -> list[Drawing]:
    """Returns the heat-maps of a pair of factors: of the score with failures, among survivors where that differs, and
    of the share of success."""
    found = []
    if score is not None:
        own = score_name(score.name)
        found.append(_map(one, one.with_failures, "score", f"{own}, failures at the score of noise", score))
        if one.survivors != one.with_failures:
            found.append(_map(one, one.survivors, "survivors", f"{own} among survivors", score))
    found.append(_map(one, one.success, "success", "share of runs that succeeded", None))
    return [drawing for drawing in found if drawing is not None]


def _map(one: Interaction, matrix: Matrix, kind: str, what: str, score: Score | None) -> Drawing | None:
    values = finite(value for row in matrix for value in row)
    if not values:
        return None
    log = score is not None and score.comparison == "ratio" and min(values) > 0
    low, high = (min(values), max(values)) if score is not None else (0.0, 1.0)
    text = number if score is not None else percent
    rows, columns = (list(short_names(levels).values()) for levels in (one.row_levels, one.column_levels))
    left = margin(rows, least=44, most=170 if len(columns) <= 6 else 120)
    width = min(400.0, left + 14 + max(4, len(one.column_levels)) * 62)
    alt = f"{what.capitalize()} by {one.rows} and {one.columns}. " + " ".join(
        f"{row}: "
        + ", ".join(f"{column} {text(value)}" for column, value in zip(one.column_levels, values, strict=True))
        + "."
        for row, values in zip(one.row_levels, matrix, strict=True)
    )
    lower = score is not None and score.better == "lower"
    name = f"together-{one.rows}-{one.columns}-{kind}"
    with style(name):
        from matplotlib import colormaps
        from matplotlib.patches import Rectangle

        cell = (width - left - 10) / len(one.column_levels)
        figure, axis = axes(CELL * len(one.row_levels) + 44, left, top=38, bottom=6, width=width)
        for row, cells in enumerate(matrix):
            for column, value in enumerate(cells):
                place = _place(value, low, high, log)
                fill: Any = "none"
                ink = INK
                if place is not None:
                    r, g, b, _ = colormaps[MAP](1 - place if lower else place)
                    fill = (r, g, b)
                    ink = _ink(r, g, b)
                box = Rectangle((column, row), 1, 1, facecolor=fill, edgecolor="#808080", linewidth=0.5)
                axis.add_patch(box)
                told = text(value) if value is not None else "–"
                size = 10.5 if cell > 38 else 8.5
                axis.text(column + 0.5, row + 0.5, told, ha="center", va="center", color=ink, size=size)
        axis.set_xlim(0, len(one.column_levels))
        axis.set_ylim(len(one.row_levels), 0)
        axis.set_yticks([row + 0.5 for row in range(len(one.row_levels))], fitting(rows, left - 8))
        axis.set_xticks(
            [column + 0.5 for column in range(len(one.column_levels))],
            fitting(columns, cell - 2),
        )
        axis.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
        axis.set_xlabel(one.columns, fontweight="bold")
        axis.xaxis.set_label_position("top")
        for spine in axis.spines.values():
            spine.set_visible(False)
        caption = f"{one.rows} (rows) × {one.columns} (columns): {what}. Yellow is better."
        return Drawing(name, as_svg(figure, alt), caption, alt, width)


def _ink(red: float, green: float, blue: float) -> str:
    """Returns black or white, whichever has more contrast with a colour (WCAG 2, relative luminance)."""
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in (red, green, blue)]
    return "#000000" if 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.179 else "#ffffff"


def _place(value: float | None, low: float, high: float, log: bool) -> float | None:
    """Returns where a value lies between ``low`` and ``high``, from 0 to 1; None for no number."""
    if value is None or not math.isfinite(value):
        return None
    if high <= low:
        return 0.5
    if log:
        return (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
    return (value - low) / (high - low)
