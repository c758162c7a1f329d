"""A figure of a run's curves, with the spans of its verdicts marked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from ganlab.diagnosis.verdicts.records import NAMES, Verdict
from ganlab.diagnosis.verdicts.scores import scores_in

Row = Mapping[str, Any]
PANELS: Mapping[str, tuple[str, ...]] = {
    "losses": ("discriminator/loss", "generator/loss"),
    "D's outputs (logits)": ("discriminator/real", "discriminator/fake", "discriminator/held_out"),
    "gradient norms": ("discriminator/gradient_norm", "generator/gradient_norm"),
    "share of reals, of fakes that D classifies rightly": (
        "diagnosis/accuracy_real",
        "diagnosis/accuracy_fake",
        "diagnosis/accuracy_held_out",
    ),
    "samples against the data": ("diagnosis/distance", "diagnosis/contrast", "diagnosis/pixel_gap"),
}
"""The panels that are drawn where the run has one of their tags."""
LOGARITHMIC = ("gradient norms", "update")
SCORES = ("fid", "kid", "modes")
COLOURS = (
    "#d55e00", "#cc79a7", "#56b4e9", "#999999", "#0072b2", "#e69f00", "#f0e442", "#009e73", "#882255", "#aa4499",
    "#ddcc77", "#117733",
)  # fmt: skip
"""One for each verdict."""
MOST_PANELS = 9


def figure(
    rows: Sequence[Row], scores: Sequence[Row], verdicts: Sequence[Verdict], title: str, too_short: bool = False
) -> Figure:
    """Returns the figure: a panel for each group of curves and for each tag that is evidence, steps along the
    horizontal axis, with the span of each verdict shaded from its first to its last step, above a row of bars. A run
    without a verdict is called healthy there, unless it is ``too_short`` to judge."""
    panels = _panels(rows, scores, verdicts)
    columns = 3 if len(panels) > 4 else max(1, min(2, len(panels)))
    lines = math.ceil(len(panels) / columns)
    drawn = Figure(figsize=(4.4 * columns, 2.5 * lines + 0.6 + 0.24 * len(verdicts)), layout="constrained")
    drawn.suptitle(title, fontsize="medium", x=0.01, horizontalalignment="left")
    grid = drawn.add_gridspec(lines + 1, columns, height_ratios=[max(0.12 * len(verdicts), 0.15), *[1] * lines])
    last = max((int(row["step"]) for row in (*rows, *scores)), default=1)
    _timeline(drawn.add_subplot(grid[0, :]), verdicts, last, too_short)
    for number, (name, curves) in enumerate(panels.items()):
        panel = drawn.add_subplot(grid[1 + number // columns, number % columns])
        _draw(panel, name, curves)
        panel.set_xlim(0, last)
        for one in verdicts:
            until = max(one.until, one.since + last / 200)
            panel.axvspan(one.since, until, color=_colour(one), alpha=0.14, linewidth=0)
    return drawn


def _panels(
    rows: Sequence[Row], scores: Sequence[Row], verdicts: Sequence[Verdict]
) -> dict[str, dict[str, list[tuple[int, float]]]]:
    """Returns the points of each curve, by panel and label."""
    found: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for name, tags in PANELS.items():
        curves = {tag.removeprefix("diagnosis/"): points for tag in tags if (points := _points(rows, tag))}
        if curves:
            found[name] = curves
    own = [{"step": row["step"], **scores_in(row)} for row in scores]
    for name in SCORES:
        if points := _points(own, name):
            found[name] = {name: points}
            break
    shown = {tag for tags in PANELS.values() for tag in tags}
    for tag in dict.fromkeys(one.tag for verdict in verdicts for one in verdict.evidence):
        points = _points(own, tag.removeprefix("scores/")) if tag.startswith("scores/") else _points(rows, tag)
        if points and tag not in shown and tag.removeprefix("scores/") not in found and len(found) < MOST_PANELS:
            found[tag] = {tag: points}
    return found


def _points(rows: Sequence[Row], tag: str) -> list[tuple[int, float]]:
    values = [(int(row["step"]), row.get(tag)) for row in rows]
    return [
        (step, float(value))
        for step, value in values
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    ]


def _draw(panel: Any, name: str, curves: Mapping[str, Sequence[tuple[int, float]]]) -> None:
    panel.set_title(name, fontsize="small", loc="left")
    for label, points in curves.items():
        panel.plot(*zip(*points, strict=True), label=label, linewidth=1.1, marker="." if len(points) < 12 else None)
    values = [value for points in curves.values() for _, value in points]
    if any(word in name for word in LOGARITHMIC) and min(values) > 0:
        panel.set_yscale("log")
    elif max(abs(value) for value in values) > 1e4:
        panel.set_yscale("symlog")
    panel.tick_params(labelsize="x-small")
    panel.grid(alpha=0.3)
    if len(curves) > 1:
        panel.legend(fontsize="x-small", frameon=False)


def _timeline(panel: Any, verdicts: Sequence[Verdict], last: int, too_short: bool) -> None:
    """Draws one bar for each verdict, with its title."""
    panel.set_xlim(0, last)
    panel.set_ylim(len(verdicts) - 0.4 if verdicts else 0.6, -0.6)
    panel.set_yticks([])
    panel.tick_params(labelsize="x-small")
    panel.set_xlabel("step", fontsize="x-small", loc="right", labelpad=1)
    for side in ("top", "right", "left"):
        panel.spines[side].set_visible(False)
    if not verdicts:
        said, colour = ("too short to judge", "#666666") if too_short else ("healthy: no verdict", "#117733")
        panel.text(0, 0, said, fontsize="small", verticalalignment="center", color=colour)
    for number, one in enumerate(verdicts):
        width = max(one.until - one.since, last / 200)
        panel.barh(number, width, left=one.since, height=0.8, color=_colour(one), alpha=0.55)
        left = one.since < last / 2
        panel.text(
            one.since if left else one.since + width,
            number,
            f" {one.title} " + ("" if one.lasting else "(over) "),
            fontsize="small",
            verticalalignment="center",
            horizontalalignment="left" if left else "right",
        )


def _colour(one: Verdict) -> str:
    return COLOURS[NAMES.index(one.name)]
