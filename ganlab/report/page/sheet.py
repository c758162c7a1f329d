"""The grid of pictures as one PNG, for a paper or a page of documentation."""

from __future__ import annotations

import base64
import io
from typing import Any

from ganlab.report.page.gallery import Gallery

CELL, GAP, LINE = 112, 10, 18  # pixels: a picture, between pictures, a line of text
SIZE = 13
INK, PAPER = (27, 29, 33), (255, 255, 255)


def sheet(gallery: Gallery) -> bytes:
    """Returns the grid that a page shows first, with the names of its rows and columns, and real images beside."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(SIZE)
    names = [*gallery.row_levels, gallery.rows]
    left = int(max(font.getlength(name) for name in names)) + 2 * GAP
    columns = len(gallery.column_levels) + (gallery.real is not None)
    step, row_step = CELL + GAP, CELL + LINE + GAP
    picture = Image.new("RGB", (left + columns * step, 2 * LINE + len(gallery.cells) * row_step), PAPER)
    draw = ImageDraw.Draw(picture)

    def text(x: float, y: float, words: str, anchor: str, width: int = 0) -> None:
        while width and len(words) > 1 and font.getlength(words) > width:
            words = f"{words[:-2]}…"
        draw.text((x, y), words, INK, font, anchor=anchor)

    text(left, LINE / 2, gallery.columns, "lm")
    text(GAP, 1.5 * LINE, gallery.rows, "lm")
    for column, level in enumerate(gallery.column_levels):
        text(left + column * step + CELL / 2, 1.5 * LINE, level, "mm", CELL)
    for row, cells in enumerate(gallery.cells):
        top = 2 * LINE + row * row_step
        text(left - GAP, top + CELL / 2, gallery.row_levels[row], "rm")
        for column, shot in enumerate(cells):
            if shot is None:
                continue
            corner = (left + column * step, top)
            if shot.picture:
                picture.paste(_opened(shot.picture), corner)
            else:
                draw.rectangle((*corner, corner[0] + CELL - 1, top + CELL - 1), outline=(150, 150, 150))
            text(corner[0] + CELL / 2, top + CELL + LINE / 2, shot.text.removesuffix(" ⚠"), "mm", CELL + GAP)
    if gallery.real is not None:
        corner = (left + (columns - 1) * step, 2 * LINE)
        picture.paste(_opened(gallery.real), corner)
        text(corner[0] + CELL / 2, 1.5 * LINE, "real", "mm", CELL)
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def _opened(address: str) -> Any:
    """Returns the picture that an address holds, as large as fits into a cell."""
    from PIL import Image

    opened = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGB")
    scale = CELL / max(opened.size)
    size = (max(1, round(opened.width * scale)), max(1, round(opened.height * scale)))
    return opened.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS)
