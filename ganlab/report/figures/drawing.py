"""Draws figures with matplotlib as SVG to put into a page: text has the font and the colour of the page."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

WIDTH = 400.0
"""The width of most figures in units of the SVG, which are pixels unless the page is narrower."""
LETTER = 6.6
"""The mean width of a letter of the labels."""
INK = "#010203"
"""Stands for the colour of the page's text."""
LEVELS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#8c8c8c")
"""The colours of levels: those of Okabe and Ito (2008) that can be seen on white and on black. The page replaces some
by darker or lighter ones."""
DASHES = ((0, ()), (0, (4, 2)))
MARKERS = "osD^vPX"
BETTER, WORSE = "#0072b2", "#d55e00"
OUTCOMES = {
    "success": "#009e73", "poor": "#f0e442", "collapsed": "#e69f00", "diverged": "#d55e00", "failed": "#cc79a7",
    "refused": "#999999", "unfinished": "#d9d9d9",
}  # fmt: skip
STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.size": 11.0,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "axes.linewidth": 0.8,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "lines.linewidth": 1.6,
    "path.simplify": True,
    "axes.unicode_minus": True,
    "text.parse_math": False,  # the name of a level may hold a $
}


@dataclass(frozen=True)
class Drawing:
    """A figure: its ``name`` in lower case, the ``svg``, a visible ``caption``, and ``alt``, what a reader who does
    not see it must know. ``width`` is its natural width."""

    name: str
    svg: str
    caption: str
    alt: str
    width: float = WIDTH


@contextmanager
def style(name: str) -> Iterator[None]:
    """Sets matplotlib's style for one figure. ``name`` keeps the identifiers of figures on one page apart."""
    import matplotlib as mpl  # takes a while, and only what writes a page needs it

    settings: Any = {**STYLE, "svg.hashsalt": name}
    with mpl.rc_context(settings):
        yield


def axes(
    height: float, left: float = 48, right: float = 10, top: float = 10, bottom: float = 40, width: float = WIDTH
) -> tuple[Any, Any]:
    """Returns a figure and its axes; all lengths in units of the SVG, the margins around the axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 72, height / 72))
    inner = (left / width, bottom / height, (width - left - right) / width, (height - top - bottom) / height)
    return figure, figure.add_axes(inner)


def margin(labels: Sequence[str], least: float = 30, most: float = 170) -> float:
    """Returns the margin that labels beside an axis need."""
    return min(most, max(least, LETTER * max(map(len, labels), default=0) + 12))


def color_of(place: int) -> str:
    return LEVELS[place % len(LEVELS)]


def dash_of(place: int) -> Any:
    return DASHES[place // len(LEVELS) % len(DASHES)]


def legend(axis: Any, below: float, columns: int = 0, **settings: Any) -> None:
    """Puts the names of lines below the axes, at a distance of so many units."""
    handles, labels = axis.get_legend_handles_labels()
    inner = axis.get_position().height * axis.figure.get_figheight() * 72
    axis.legend(
        handles,
        labels,
        loc="upper left",
        bbox_to_anchor=(0, -below / inner),
        ncol=columns or legend_columns(labels),
        frameon=False,
        borderaxespad=0,
        handlelength=1.8,
        columnspacing=1.2,
        borderpad=0,
        **settings,
    )


def legend_columns(labels: Sequence[str], width: float = WIDTH - 60) -> int:
    """Returns how many names fit side by side."""
    widths = [len(label) * LETTER * 0.95 + 38 for label in labels]
    if sum(widths) <= width:
        return max(1, len(labels))
    return max(1, int(width / max(widths)))


def legend_height(labels: Sequence[str]) -> float:
    return 17.0 * -(-len(labels) // legend_columns(labels))


def as_svg(figure: Any, alt: str) -> str:
    """Returns the figure as an ``<svg>`` element without identifiers that nothing refers to, names of namespaces,
    fonts, and more digits than a screen shows."""
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*|<defs>\s*<style.*?</style>\s*</defs>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", text).replace("xlink:href", "href").replace(INK, "currentColor")
    text = re.sub(r" font-family: [^;\"]*;?", "", text)
    text = re.sub(r' transform="rotate\(-0 [^"]*\)"', "", text)
    text = re.sub(r' (?:d|x|y|transform)="[^"]*"', _rounded, text)
    text = re.sub(r"\s*\n\s*", " ", text)
    for place, color in enumerate(LEVELS):
        text = text.replace(color, f"var(--level-{place}, {color})")
    text = re.sub(r"> <", "><", text).strip()
    return re.sub(r'<svg[^>]*?viewBox="([^"]*)"[^>]*>', lambda found: _opening(found[1], alt), text, count=1)


def standalone(drawing: Drawing) -> str:
    """Returns a figure as a file of its own, dark on white."""
    width, height = drawing.svg.partition('viewBox="0 0 ')[2].partition('"')[0].split()
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
    fonts = 'font-family="system-ui, Helvetica, Arial, sans-serif" '
    body = re.sub(r"var\(--[\w-]+, (#\w+)\)", r"\1", drawing.svg).replace("currentColor", "#1b1d21")
    body = body.replace("<svg ", opening + fonts, 1).replace("<text ", '<text fill="#1b1d21" ')
    return body.replace(">", '><rect width="100%" height="100%" fill="#ffffff"/>', 1) + "\n"


def _rounded(attribute: re.Match[str]) -> str:
    return re.sub(r"-?\d+\.\d{3,}", lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), attribute[0])


def _opening(box: str, alt: str) -> str:
    facts = 'role="img" stroke-linejoin="round" preserveAspectRatio="xMinYMin meet"'
    return f'<svg viewBox="{box}" {facts} aria-label="{html.escape(alt)}">'
