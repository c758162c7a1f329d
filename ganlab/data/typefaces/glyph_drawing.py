"""Glyphs as grey images: all characters of a face at one size, on one baseline, in the middle of the width."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ganlab.data.fonts import LARGEST, NOBODYS
from ganlab.data.typefaces.font_files import Face, facts

DRAWING = 1  # version of the code that draws glyphs
BASELINE = 0.75  # share of the image's height, without its margins, that is above the baseline
LOOKED_AT = 64  # pixels per em at which glyphs are measured and compared


def usable(face: Face, characters: Sequence[str]) -> list[str]:
    """Returns the characters that a face has a visible glyph for: its table maps them to glyphs, which are not blank
    and do not look like the sign for missing characters. Raises an error of any type if the font is damaged."""
    known = facts(face).characters
    missing = (b"", _ink(face, NOBODYS))
    return [one for one in characters if one in known and _ink(face, one) not in missing]


def look(face: Face, characters: Sequence[str]) -> bytes:
    """Returns the pixels of all characters, which are the same for copies of a font."""
    return b"".join(_ink(face, one) for one in characters)


def different(face: Face, characters: Sequence[str]) -> bool:
    """Whether most characters look different from each other, as they do not in fonts of empty boxes. In fonts of
    capitals half of the letters look alike."""
    return len(characters) < 2 or 2 * len({_ink(face, one) for one in characters}) >= len(characters)


def size_in(face: Face, characters: Sequence[str], shape: tuple[int, int], margin: float) -> float:
    """Returns the pixels per em at which all characters fit into images (height, width): three quarters of the height
    between the margins are above the baseline. Raises ValueError if they fit at no size."""
    height, width = (side * (1 - 2 * margin) for side in shape)
    boxes = [box(face, LOOKED_AT, one) for one in characters]
    ratios = [width / max(right - left for left, _, right, _ in boxes)]
    above, below = max(-top for _, top, _, _ in boxes), max(bottom for *_, bottom in boxes)
    ratios += [BASELINE * height / above] if above > 0 else []
    ratios += [(1 - BASELINE) * height / below] if below > 0 else []
    size = LOOKED_AT * min(ratios)
    if not 1 <= size <= LARGEST:
        raise ValueError(f"its characters fit into {shape[1]}×{shape[0]} pixels at no size")
    return size


def draw(face: Face, size: float, character: str, shape: tuple[int, int], margin: float) -> np.ndarray:
    """Returns the glyph (height, width) uint8, 255 on 0, on the common baseline, its ink in the middle of the width;
    what lies outside of the image is cut off."""
    height, width = shape
    left, _, right, _ = box(face, size, character)
    paper = Image.new("L", (width, height))
    origin = (round((width - (right - left)) / 2 - left), baseline(height, margin))
    ImageDraw.Draw(paper).text(origin, character, 255, _font(face, size), anchor="ls")
    return np.asarray(paper)


def baseline(height: int, margin: float) -> int:
    """Returns the row below which descenders lie, of images of ``height`` pixels."""
    return round(height * (margin + BASELINE * (1 - 2 * margin)))


def box(face: Face, size: float, character: str) -> tuple[float, float, float, float]:
    """Returns the box of a glyph's ink (left, top, right, bottom) in pixels from its origin on the baseline. Raises
    ValueError if it is larger than an image can be, as in damaged fonts."""
    left, top, right, bottom = _font(face, size).getbbox(character, anchor="ls")
    if max(right - left, bottom - top) > LARGEST:
        raise ValueError(f"a glyph of {math.ceil(right - left):,}×{math.ceil(bottom - top):,} pixels")
    return left, top, right, bottom


def ink_box(face: Face, size: float, character: str) -> tuple[float, float, float, float] | None:
    """Returns the box of a glyph's pixels with ink (left, top, right, bottom) from its origin on the baseline, without
    the bearings that ``box`` includes; None if it is blank."""
    mask, (left, top) = _font(face, size).getmask2(character, "L", anchor="ls")
    found = mask.getbbox()
    return None if found is None else (left + found[0], top + found[1], left + found[2], top + found[3])


def advances(face: Face, size: float, characters: Sequence[str]) -> Mapping[str, float]:
    """Returns by how many pixels each character moves the place of the next one."""
    return {one: _font(face, size).getlength(one) for one in characters}


@lru_cache(maxsize=4096)
def _ink(face: Face, character: str) -> bytes:
    """Returns the pixels of a glyph without margins; b"" if it is blank."""
    left, top, right, bottom = box(face, LOOKED_AT, character)
    paper = Image.new("L", (math.ceil(right - left) + 2, math.ceil(bottom - top) + 2))
    ImageDraw.Draw(paper).text((1 - left, 1 - top), character, 255, _font(face, LOOKED_AT), anchor="ls")
    ink = paper.crop(paper.getbbox() or (0, 0, 0, 0))
    return f"{ink.size}".encode() + ink.tobytes() if ink.size[0] else b""


@lru_cache(maxsize=8)
def _font(face: Face, size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(face.file, size, face.number, layout_engine=ImageFont.Layout.BASIC)
