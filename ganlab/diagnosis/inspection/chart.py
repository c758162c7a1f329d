"""A small line chart with a logarithmic axis, drawn by Pillow.

matplotlib would take more than a second to import and half a second per figure, which every run would pay at its first
step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from ganlab.monitor.captions import INK, PAPER, font

# Okabe & Ito 2008: eight colours that readers with any kind of colour blindness can distinguish. Lines also differ in
# their marks.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D1F")
MARKS = ("circle", "square", "triangle", "diamond", "cross", "ring", "plus", "down")
CORNERS = {
    "square": ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)),
    "triangle": ((0.0, -1.2), (1.2, 1.0), (-1.2, 1.0)),
    "down": ((0.0, 1.2), (1.2, -1.0), (-1.2, -1.0)),
    "diamond": ((0.0, -1.4), (1.4, 0.0), (0.0, 1.4), (-1.4, 0.0)),
}
STROKES = {
    "cross": ((-1.0, -1.0, 1.0, 1.0), (-1.0, 1.0, 1.0, -1.0)),
    "plus": ((-1.3, 0.0, 1.3, 0.0), (0.0, -1.3, 0.0, 1.3)),
}
BAND, GRID, QUIET = "#EAF3EA", "#E2E2E2", "#666666"
SHARPNESS = 2  # lines are drawn at twice the size, and then averaged
DECADES = 12.0  # on either side of 1 at most; beyond, values are drawn at the edge


@dataclass(frozen=True)
class Line:
    """A line: ``values`` at positions 0, 1, …, None where there is none, in ``colour`` number 0, 1, …."""

    values: Sequence[float | None]
    colour: int


@dataclass(frozen=True)
class Panel:
    """One chart: its ``title``, its lines, the names of the positions, and ``parts``, positions before which a vertical
    line is drawn."""

    title: str
    lines: Sequence[Line]
    ticks: Sequence[str] = ()
    parts: Sequence[float] = ()


def limits(panels: Sequence[Panel], least: float = 2.0) -> tuple[float, float]:
    """Returns the common range of some panels in powers of ten: at least ``least`` on either side of 1."""
    logs = [
        math.log10(one)
        for panel in panels
        for line in panel.lines
        for one in line.values
        if one is not None and math.isfinite(one) and one > 0
    ]
    low, high = min([-least, *logs]), max([least, *logs])
    return max(math.floor(low), -DECADES), min(math.ceil(high), DECADES)


def draw(
    panel: Panel, size: tuple[int, int], powers: tuple[float, float], place: Image.Image, at: tuple[int, int]
) -> None:
    """Draws a panel of ``size`` (width, height) pixels onto an image, with its corner ``at`` (x, y) and the range
    10^low … 10^high. The band from 1/10 to 10 is shaded: there the signal counts as preserved."""
    width, height = (SHARPNESS * one for one in size)
    image = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(image)
    box = _Box(width, height, powers, max((len(line.values) for line in panel.lines), default=2), bool(panel.ticks))
    pen.rectangle((box.left, box.y(10), box.right, box.y(0.1)), fill=BAND)
    small, face = font(10 * SHARPNESS), font(12 * SHARPNESS)
    step = max(1, math.ceil((powers[1] - powers[0]) / 8))
    for power in range(int(powers[0]), int(powers[1]) + 1):
        if power % step == 0:
            y = box.y(10.0**power)
            pen.line((box.left, y, box.right, y), fill=GRID, width=SHARPNESS)
            pen.text((box.left - 4 * SHARPNESS, y), _power(power), fill=QUIET, font=small, anchor="rm")
    for part in panel.parts:
        pen.line((box.x(part), box.top, box.x(part), box.bottom), fill="#AAAAAA", width=SHARPNESS)
    for word, y in (("exploding", box.top), ("preserved", box.y(1)), ("vanishing", box.bottom)):
        pen.text((box.right + 4 * SHARPNESS, y), word, fill=QUIET, font=small, anchor="lm")
    for line in panel.lines:
        _draw_line(pen, line, box)
    pen.text((box.left, 2 * SHARPNESS), panel.title, fill=INK, font=face)
    for number, tick in enumerate(panel.ticks):
        _upwards(image, tick, (box.x(number), box.bottom + 4 * SHARPNESS), small)
    place.paste(image.resize(size, Image.Resampling.BOX), at)


class _Box:
    """The area of a panel in which lines are drawn, in pixels."""

    def __init__(self, width: int, height: int, powers: tuple[float, float], count: int, named: bool) -> None:
        self.left, self.right = 44 * SHARPNESS, width - 66 * SHARPNESS
        self.top, self.bottom = 24 * SHARPNESS, height - (82 if named else 10) * SHARPNESS
        self.low, self.high = powers
        self.count = max(count, 2)

    def x(self, position: float) -> float:
        inner = 16 * SHARPNESS
        return self.left + inner + (self.right - self.left - 2 * inner) * position / (self.count - 1)

    def y(self, value: float) -> float:
        """Returns the pixel of a value; zero, and what is beyond the range, is at the edge."""
        power = math.log10(value) if value > 0 and math.isfinite(value) else (-math.inf if value == 0 else math.inf)
        part = (min(max(power, self.low), self.high) - self.low) / (self.high - self.low)
        return self.bottom - part * (self.bottom - self.top)


def _draw_line(pen: ImageDraw.ImageDraw, line: Line, box: _Box) -> None:
    colour, mark = COLOURS[line.colour % len(COLOURS)], MARKS[line.colour % len(MARKS)]
    points = [
        (box.x(number), box.y(value))
        for number, value in enumerate(line.values)
        if value is not None and not math.isnan(value)
    ]
    if len(points) > 1:
        pen.line(points, fill=colour, width=2 * SHARPNESS, joint="curve")
    for x, y in points:
        draw_mark(pen, mark, x, y, 4 * SHARPNESS, colour)


def draw_mark(pen: ImageDraw.ImageDraw, mark: str, x: float, y: float, r: float, colour: str) -> None:
    """Draws the mark of a line around a pixel, ``r`` pixels to either side."""
    if mark in CORNERS:
        pen.polygon([(x + r * dx, y + r * dy) for dx, dy in CORNERS[mark]], fill=colour)
    elif mark in STROKES:
        for x1, y1, x2, y2 in STROKES[mark]:
            pen.line((x + r * x1, y + r * y1, x + r * x2, y + r * y2), fill=colour, width=int(r * 0.7))
    else:
        inside = colour if mark == "circle" else PAPER
        pen.ellipse((x - r, y - r, x + r, y + r), fill=inside, outline=colour, width=int(r / 2))


def _upwards(image: Image.Image, text: str, at: tuple[float, float], face: object) -> None:
    """Writes text that reads upwards and ends at a pixel."""
    probe = ImageDraw.Draw(image)
    length, height = int(probe.textlength(text, font=face)) + 2, 12 * SHARPNESS  # type: ignore[arg-type]
    strip = Image.new("RGB", (length, height), PAPER)
    ImageDraw.Draw(strip).text((0, height / 2), text, fill=QUIET, font=face, anchor="lm")  # type: ignore[arg-type]
    image.paste(strip.rotate(90, expand=True), (int(at[0] - height / 2), int(at[1])))


def _power(power: int) -> str:
    raised = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    return "1" if power == 0 else f"10{str(power).translate(raised)}"
