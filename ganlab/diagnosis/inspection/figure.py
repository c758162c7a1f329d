"""The figure of some inspections: signal and gradient along the depth of the networks, one line per initializer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw
from torch import Tensor

from ganlab.diagnosis.inspection.chart import COLOURS, MARKS, SHARPNESS, Line, Panel, draw, draw_mark, limits
from ganlab.diagnosis.inspection.results import Inspection
from ganlab.monitor.captions import INK, PAPER, font, shorten, to_tensor

WIDTH, HEIGHTS = 500, (170, 170, 252)  # of the panels of one block, in pixels; the last has the names of the layers
MOST_BLOCKS, BLOCKS_IN_A_ROW, MOST_LINES = 12, 3, 8
HEAD, ENTRY = 24, 20
TITLES = (
    "Signal, relative to the latent",
    "Gradient of G's loss, relative to that at the logit",
    "Gradient of D's own loss, relative to that at the logit",
)


@dataclass(frozen=True)
class Combination:
    """One combination of settings: its ``name``, its ``levels`` of the keys that vary, and what was found."""

    name: str
    levels: Mapping[str, str]
    inspection: Inspection


def figure(combinations: Sequence[Combination]) -> Tensor:
    """Draws one picture (3, height, width) uint8.

    A block has three panels above each other, whose horizontal axis is the way from the latent through the layers of G
    and D to the logit: the root mean square of the signal at the input of each layer, the norm of the gradient of G's
    loss there, and of D's own loss. All are divided by their size where they start. Combinations that differ in their
    initializer, or if it does not vary, in the first key that varies, are lines of one block; other keys make blocks.
    Seeds are lines of one colour.
    """
    lines_by, blocks_by = _roles(combinations)
    names = list(dict.fromkeys(_text(one, lines_by) for one in combinations))[:MOST_LINES]
    groups: dict[str, list[Combination]] = {}
    for one in combinations:
        groups.setdefault(_text(one, blocks_by), []).append(one)
    shown = dict(list(groups.items())[:MOST_BLOCKS])
    blocks = [
        _panels([one for one in group if _text(one, lines_by) in names], names, lines_by) for group in shown.values()
    ]
    powers = [limits([block[row] for block in blocks]) for row in range(3)]
    across = min(len(blocks), BLOCKS_IN_A_ROW)
    down = -(-len(blocks) // across)
    legend = _legend(names, WIDTH * across)
    block_height = sum(HEIGHTS) + HEAD
    left_out = len(groups) - len(shown)
    picture = Image.new("RGB", (WIDTH * across, legend.height + block_height * down + (HEAD if left_out else 0)), PAPER)
    picture.paste(legend, (0, 0))
    pen = ImageDraw.Draw(picture)
    for number, (name, panels) in enumerate(zip(shown, blocks, strict=True)):
        left, top = WIDTH * (number % across), legend.height + block_height * (number // across)
        pen.text((left + 44, top + 4), name, fill=INK, font=font(14))
        y = top + HEAD
        for panel, height, range_ in zip(panels, HEIGHTS, powers, strict=True):
            draw(panel, (WIDTH, height), range_, picture, (left, y))
            y += height
    if left_out:
        text = f"{left_out} more combinations are in inspection.json and in inspection.txt"
        pen.text((8, picture.height - HEAD + 4), text, fill=INK, font=font(12))
    return to_tensor(picture)


def _roles(combinations: Sequence[Combination]) -> tuple[list[str], list[str]]:
    """Returns the keys whose levels are lines, and those whose levels are blocks."""
    keys = list(dict.fromkeys(key for one in combinations for key in one.levels if key != "seed"))
    lines = [key for key in keys if key.split(".")[0] == "init"] or keys[:1]
    return lines, [key for key in keys if key not in lines]


def _text(one: Combination, keys: Sequence[str]) -> str:
    return " ".join(f"{key}={one.levels[key]}" for key in keys if key in one.levels)


def _panels(group: Sequence[Combination], names: Sequence[str], lines_by: Sequence[str]) -> tuple[Panel, Panel, Panel]:
    """Returns the panels of one block: signal, gradient of G's loss, and gradient of D's own loss."""
    signal, through, own = list[Line](), list[Line](), list[Line]()
    for one in group:
        colour = names.index(_text(one, lines_by))
        path = one.inspection.path
        signal.append(Line(_relative([point.signal for point in path], 0), colour))
        through.append(Line(_relative([point.gradient for point in path], -1), colour))
        network = one.inspection.discriminator
        before = [None] * sum(point.network == "generator" for point in path)
        gradients = [*(layer.input_gradient for layer in network.layers), network.output_gradient]
        own.append(Line([*before, *_relative(gradients, -1)], colour))
    path = max((one.inspection.path for one in group), key=len, default=())
    image = sum(point.network == "generator" for point in path)
    ticks = [
        f"{'G' if point.network == 'generator' else 'D'} {shorten(point.name, 14)}" if point.name else "logit"
        for point in path
    ]
    parts = [image] if image else []
    return (
        Panel(TITLES[0], signal, (), parts),
        Panel(TITLES[1], through, (), parts),
        Panel(TITLES[2], own, ticks, parts),
    )


def _relative(values: Sequence[float | None], start: int) -> list[float | None]:
    """Returns values divided by the one at which their way starts."""
    first = values[start] if values else None
    if not first:
        return [None] * len(values)
    return [None if one is None else one / first for one in values]


def _legend(names: Sequence[str], width: int) -> Image.Image:
    """Returns a strip with the mark, the colour and the name of each line, and what the axis shows."""
    face = font(13)
    places, x, row = list[tuple[int, int]](), 14, 0
    for name in names:
        length = int(face.getlength(name)) + 40
        if x > 14 and x + length > width:
            x, row = 14, row + 1
        places.append((x, row))
        x += length
    note = "Each point is the input of a layer of G or D; the last is D's logit."
    strip = Image.new("RGB", (width * SHARPNESS, (row * ENTRY + ENTRY * (1 + any(names)) + 4) * SHARPNESS), PAPER)
    pen = ImageDraw.Draw(strip)
    for number, (name, (x, row)) in enumerate(zip(names, places, strict=True)):
        y = (row * ENTRY + ENTRY // 2 + 2) * SHARPNESS
        if name:
            draw_mark(pen, MARKS[number], x * SHARPNESS, y, 5 * SHARPNESS, COLOURS[number])
            pen.text(((x + 10) * SHARPNESS, y), name, fill=INK, font=font(13 * SHARPNESS), anchor="lm")
    bottom = (strip.height // SHARPNESS - ENTRY // 2 - 4) * SHARPNESS
    pen.text((8 * SHARPNESS, bottom), note, fill="#666666", font=font(11 * SHARPNESS), anchor="lm")
    return strip.resize((width, strip.height // SHARPNESS), Image.Resampling.BOX)
