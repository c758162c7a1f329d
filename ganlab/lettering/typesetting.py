"""Sets glyphs as lines of text and as a specimen sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from ganlab.errors import UserError
from ganlab.lettering.glyph_format import Bearings, GlyphFormat
from ganlab.lettering.stylist import Stylist

INK = 0.25  # coverage from which a pixel counts as part of a glyph's width
LEADING = 1.1  # from one baseline to the next, in heights of an image


def typeset(stylist: Stylist, text: str, height: int | None = None, width: int | None = None) -> Image.Image:
    """Returns the text as a grey picture, black on white, each line ``height`` pixels high (by default the height of
    the run's images). Lines end at line ends of the text, and at spaces before they are longer than ``width`` pixels.
    Raises UserError if there is nothing to draw, or a character that the content font lacks."""
    characters = [one for one in dict.fromkeys(text) if not one.isspace()]
    if not characters:
        raise UserError("text: there is nothing to draw in it; type text=Hello")
    form = stylist.form
    glyphs = dict(zip(characters, stylist.draw(characters), strict=True))
    space = {one: bearings(form, one, glyphs.get(one)) for one in set(text)}
    scale = (height or form.shape[0]) / form.shape[0]
    limit = math.inf if width is None else width / scale
    lines = [line for given in text.splitlines() for line in _wrapped(given, space, limit)]
    longest = max(sum(space[one].advance for one in line) for line in lines)
    pitch = LEADING * form.shape[0]
    paper = np.zeros((math.ceil(pitch * (len(lines) - 1)) + form.shape[0], math.ceil(longest) + 2 * form.shape[1]))
    for number, line in enumerate(lines):
        _set_line(paper, line, glyphs, space, round(number * pitch), form)
    return _scaled(_trimmed(paper, form.shape[1] // 4), scale)


def specimen(stylist: Stylist, characters: Sequence[str], columns: int, height: int | None = None) -> Image.Image:
    """Returns all characters in a grid with ``columns`` columns as a grey picture, black on white, each ``height``
    pixels high."""
    glyphs = stylist.draw(characters)
    rows = -(-len(glyphs) // columns)
    tall, wide = stylist.form.shape
    paper = np.zeros((rows * tall, columns * wide))
    for number, glyph in enumerate(glyphs):
        top, left = number // columns * tall, number % columns * wide
        paper[top : top + tall, left : left + wide] = glyph
    return _scaled(paper, (height or tall) / tall)


def bearings(form: GlyphFormat, character: str, glyph: np.ndarray | None) -> Bearings:
    """Returns the space of a drawn glyph (H, W) in pixels: the sides are those of the content font, and the width of
    the ink is its own."""
    content = form.bearings(character)
    columns = ink_columns(glyph) if glyph is not None else None
    return content if columns is None else Bearings(content.left, float(columns.stop - columns.start), content.right)


def ink_columns(glyph: np.ndarray) -> slice | None:
    """Returns the columns of a glyph (H, W) that have ink; None if it is blank."""
    found = np.flatnonzero((glyph >= INK).any(0))
    return slice(int(found[0]), int(found[-1]) + 1) if len(found) else None


def _wrapped(text: str, space: dict[str, Bearings], limit: float) -> list[str]:
    """Returns the lines of one paragraph; a word that is longer than the limit has its own."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if line and sum(space[one].advance for one in longer) > limit:
            lines.append(line)
            line = word
        else:
            line = longer
    return [*lines, line]


def _set_line(
    paper: np.ndarray, line: str, glyphs: dict[str, np.ndarray], space: dict[str, Bearings], top: int, form: GlyphFormat
) -> None:
    place = float(form.shape[1])
    for one in line:
        columns = ink_columns(glyphs[one]) if one in glyphs else None
        if columns is not None:
            start = round(place + space[one].left) - columns.start
            target = paper[top : top + form.shape[0], max(start, 0) : start + form.shape[1]]
            source = glyphs[one][:, max(-start, 0) : max(-start, 0) + target.shape[1]]
            np.maximum(target, source, out=target)
        place += space[one].advance


def _trimmed(paper: np.ndarray, margin: int) -> np.ndarray:
    columns = ink_columns(paper)
    if columns is None:
        return paper
    return paper[:, max(columns.start - margin, 0) : columns.stop + margin]


def _scaled(paper: np.ndarray, scale: float) -> Image.Image:
    picture = Image.fromarray((255 * (1 - np.clip(paper, 0, 1))).round().astype(np.uint8))
    if scale == 1:
        return picture
    size = (max(round(picture.width * scale), 1), max(round(picture.height * scale), 1))
    return picture.resize(size, Image.Resampling.BICUBIC)
