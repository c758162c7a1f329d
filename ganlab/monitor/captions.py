"""Text in the margins of pictures: names of rows and columns, and captions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ganlab.data.source import printable

LONGEST = 18  # letters of a name in a margin
SMALL = 11  # pixels of letters that are still easy to read
GAP = 6  # pixels between text and picture
INK, PAPER = "#333333", "white"
UNASSIGNED = "\U0010ffff"  # never a character: the font draws its "missing glyph" for it

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@lru_cache(maxsize=16)
def font(size: int) -> Font:
    """Returns DejaVu Sans, which comes with matplotlib, at ``size`` pixels; without it, Pillow's own font."""
    spec = find_spec("matplotlib")  # not imported: only the place of its files is needed
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if path.is_file():
            return ImageFont.truetype(path, size)
    return ImageFont.load_default(size)


def display_names(names: Sequence[str]) -> list[str]:
    """Returns names that fit into a margin. A long name keeps its beginning and its end. A name with letters that the
    font lacks, and a name that would look like another one, becomes ``class`` and its number."""
    shown = [shorten(printable(name)) for name in names]
    return [
        name if name.strip() and _has_glyphs(name) and shown.count(name) == 1 else f"class {number}"
        for number, name in enumerate(shown)
    ]


def shorten(name: str, longest: int = LONGEST) -> str:
    """Returns ``name`` with at most ``longest`` letters: if it is longer, ``…`` replaces letters in its middle."""
    if len(name) <= longest:
        return name
    end = (longest - 1) // 3
    return f"{name[: longest - 1 - end].rstrip()}…{name[-end:].lstrip()}"


def with_row_names(picture: Tensor, names: Sequence[str], centers: Sequence[float], row_height: float) -> Tensor:
    """Returns a picture (3, height, width) uint8 with a margin at its left that holds ``names``, each beside the pixel
    row of ``centers``. ``row_height`` in pixels limits the size of the letters."""
    face = font(letter_size(row_height))
    margin = max(width_of(name, face) for name in names) + 2 * GAP
    left = Image.new("RGB", (margin, picture.shape[1]), PAPER)
    draw = ImageDraw.Draw(left)
    for name, center in zip(names, centers, strict=True):
        draw.text((margin - GAP, center), name, fill=INK, font=face, anchor="rm")
    return torch.cat([to_tensor(left), picture], dim=2)


def with_column_names(picture: Tensor, names: Sequence[str], centers: Sequence[float], column_width: float) -> Tensor:
    """Returns a picture (3, height, width) uint8 with a margin at its top that holds ``names``, each above the pixel
    column of ``centers``. If a name is wider than ``column_width`` pixels in small letters, all are written upwards."""
    sizes = range(letter_size(column_width), SMALL - 1, -1)
    faces = [font(size) for size in sizes] or [font(SMALL)]
    widths = [max(width_of(name, face) for name in names) for face in faces]
    fitting = [index for index, width in enumerate(widths) if width <= column_width]
    face, longest = (faces[fitting[0]], widths[fitting[0]]) if fitting else (faces[0], widths[0])
    upright = longest <= column_width
    top, bottom = face.getbbox("Åg")[1::2]
    line = int(bottom - top)
    margin = (line if upright else longest) + 2 * GAP
    head = Image.new("RGB", (picture.shape[2], margin), PAPER)
    draw = ImageDraw.Draw(head)
    for name, center in zip(names, centers, strict=True):
        if upright:
            draw.text((center, margin - GAP), name, fill=INK, font=face, anchor="md")
            continue
        text = Image.new("RGB", (longest, line + 2), PAPER)
        ImageDraw.Draw(text).text((0, (line + 2) / 2), name, fill=INK, font=face, anchor="lm")
        head.paste(text.rotate(90, expand=True), (int(center - (line + 2) / 2), GAP))
    return torch.cat([to_tensor(head), picture], dim=1)


def with_caption(picture: Tensor, text: str, size: int = 13) -> Tensor:
    """Returns a picture (3, height, width) uint8 with ``text`` under it, on as many lines as it needs."""
    face, width = font(size), picture.shape[2]
    lines: list[str] = []
    for word in text.split():
        if lines and width_of(f"{lines[-1]} {word}", face) <= width - 2 * GAP:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    height = int(size * 1.4)
    foot = Image.new("RGB", (width, height * len(lines) + GAP), PAPER)
    draw = ImageDraw.Draw(foot)
    for number, line in enumerate(lines):
        draw.text((GAP, number * height + height / 2), line, fill=INK, font=face, anchor="lm")
    return torch.cat([picture, to_tensor(foot)], dim=1)


def to_tensor(image: Image.Image) -> Tensor:
    """Returns an RGB image as a tensor (3, height, width) uint8."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def to_image(picture: Tensor) -> Image.Image:
    """Returns a picture (3, height, width) uint8 as an RGB image."""
    return Image.fromarray(picture.permute(1, 2, 0).contiguous().numpy())


def letter_size(space: float) -> int:
    """Returns the size of letters, in pixels, for names with ``space`` pixels each."""
    return int(min(max(0.6 * space, 9), 16))


def width_of(text: str, face: Font) -> int:
    """Returns the width of ``text`` in pixels, rounded up."""
    return int(face.getlength(text)) + 1


@lru_cache(maxsize=4096)
def _has_glyphs(name: str) -> bool:
    face = font(16)
    missing = bytes(face.getmask(UNASSIGNED))
    return all(letter.isspace() or bytes(face.getmask(letter)) != missing for letter in name)
