"""The outcomes of the runs of each level, as bars."""

from __future__ import annotations

from collections.abc import Sequence

from ganlab.report.figures.drawing import (
    INK,
    OUTCOMES,
    Drawing,
    as_svg,
    axes,
    legend,
    legend_height,
    margin,
    style,
)
from ganlab.report.figures.labels import fitting, short_names
from ganlab.report.model import Group
from ganlab.report.text.words import percent

BAR, GAP = 20.0, 6.0


def outcome_bars(name: str, groups: Sequence[Group]) -> Drawing | None:
    """Returns bars of the share of each outcome among the runs of each group; ``name`` is that of their factor."""
    if not groups:
        return None
    labels = [one.levels.get(name, "all runs") for one in groups]
    kinds = [kind for kind in OUTCOMES if any(one.outcomes.get(kind) for one in groups)]
    texts = [_share(one) for one in groups]
    shown = list(short_names(labels).values()) if len(set(labels)) == len(labels) else labels
    left, right = margin(shown), margin(texts, least=60, most=130)
    bars = len(groups) * (BAR + GAP)
    below = 18 + legend_height(kinds)
    alt = f"Outcomes by {name}. " + " ".join(
        f"{label}: {_told(one)}." for label, one in zip(labels, groups, strict=True)
    )
    with style(f"outcomes-{name}"):
        figure, axis = axes(bars + 8 + below, left, right, top=8, bottom=below)
        for place, one in enumerate(groups):
            total, start = sum(one.outcomes.values()), 0.0
            for kind in kinds:
                part = one.outcomes.get(kind, 0) / max(1, total)
                axis.barh(
                    place, part, BAR / (BAR + GAP), start, color=OUTCOMES[kind], edgecolor="#ffffff", linewidth=0.6,
                    label=kind if place == 0 else None, hatch="////" if kind == "unfinished" else None,
                )  # fmt: skip
                if part > 0.07:
                    ink = "#ffffff" if kind in ("success", "diverged") else "#000000"
                    axis.text(
                        start + part / 2, place, str(one.outcomes[kind]), ha="center", va="center", color=ink, size=10
                    )
                start += part
            axis.text(1.02, place, texts[place], ha="left", va="center", size=10)
        axis.set_xlim(0, 1)
        axis.set_ylim(len(groups) - 0.45, -0.55)
        axis.set_yticks(range(len(groups)), fitting(shown, left - 8))
        axis.set_xticks([])
        axis.tick_params(left=False)
        for spine in axis.spines.values():
            spine.set_visible(False)
        axis.axvline(0, color=INK, linewidth=0.8)
        legend(axis, 8, fontsize=10)
        caption = f"Runs of each {name} by outcome; at the right the share that succeeded and its 95 % interval."
        return Drawing(f"outcomes-{name}", as_svg(figure, alt), caption, alt)


def _share(one: Group) -> str:
    success = one.success
    if success.low is None or success.high is None:
        return percent(success.share)
    return f"{percent(success.share)} ({100 * success.low:.0f}–{100 * success.high:.0f})"


def _told(one: Group) -> str:
    parts = [f"{count} {kind}" for kind, count in one.outcomes.items()]
    return f"{', '.join(parts)}; {percent(one.success.share)} succeeded"
