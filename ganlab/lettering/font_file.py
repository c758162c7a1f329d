"""Writes a TrueType font of traced glyphs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.transformPen import TransformPen
from fontTools.pens.ttGlyphPen import TTGlyphPen

from ganlab.lettering.glyph_format import GlyphFormat
from ganlab.lettering.tracing import trace
from ganlab.lettering.typesetting import bearings, ink_columns

UNITS = 1000  # per em
ERROR = 1.0  # units by which a quadratic curve may differ from the traced cubic one


def save_font(
    path: Path, form: GlyphFormat, characters: Sequence[str], glyphs: np.ndarray, family: str, origin: str
) -> int:
    """Writes a font with the glyphs (N, H, W), ink coverage in [0, 1], of the ``characters``, and a space; ``origin``
    is stored as its description. Characters whose glyph is blank are left out; returns the number of those that are
    there. Raises UserError if the tracer is not installed, and OSError."""
    scale = UNITS / form.size
    height, _ = form.shape
    outlines = {".notdef": _frame(), "space": TTGlyphPen(None).glyph()}
    metrics = {".notdef": (UNITS // 2, 50), "space": (round(form.bearings(" ").advance * scale), 0)}
    mapped = {ord(" "): "space"}
    for character, glyph in zip(characters, glyphs, strict=True):
        columns = ink_columns(glyph)
        if columns is None:
            continue
        space, name = bearings(form, character, glyph), _name(character)
        left = space.left - columns.start  # of the image, from the glyph's origin
        pen = TTGlyphPen(None)
        # Pixels with y down become units with y up, from the baseline.
        placed = TransformPen(
            Cu2QuPen(pen, ERROR, reverse_direction=True),
            (scale, 0, 0, -scale, left * scale, form.baseline * scale),
        )
        trace(glyph, placed)
        outlines[name] = pen.glyph()
        outlines[name].recalcBounds(None)
        metrics[name] = (max(round(space.advance * scale), 1), getattr(outlines[name], "xMin", 0))
        mapped[ord(character)] = name
    ascent, descent = round(form.baseline * scale), round((height - form.baseline) * scale)
    _save(path, outlines, metrics, mapped, (ascent, descent), family, origin)
    return len(mapped) - 1


def _save(
    path: Path,
    outlines: dict[str, object],
    metrics: dict[str, tuple[int, int]],
    mapped: dict[int, str],
    height: tuple[int, int],
    family: str,
    origin: str,
) -> None:
    ascent, descent = height
    font = FontBuilder(UNITS, isTTF=True)
    font.setupGlyphOrder(list(outlines))
    font.setupCharacterMap(mapped)
    font.setupGlyf(outlines)
    font.setupHorizontalMetrics(metrics)
    font.setupHorizontalHeader(ascent=ascent, descent=-descent)
    postscript = re.sub(r"[^A-Za-z0-9-]", "", family) or "Ganlab"
    font.setupNameTable(
        {
            "familyName": family,
            "styleName": "Regular",
            "uniqueFontIdentifier": f"ganlab: {family}",
            "fullName": family,
            "psName": f"{postscript[:50]}-Regular",
            "version": "Version 1.000",
            "description": origin,
        }
    )
    font.setupOS2(
        sTypoAscender=ascent, sTypoDescender=-descent, usWinAscent=ascent, usWinDescent=descent, achVendID="GANL"
    )
    font.setupPost()
    font.save(path)


def _frame() -> object:
    """Returns the outline of the sign for missing characters: an empty frame."""
    pen = TTGlyphPen(None)
    for points in (
        ((50, 0), (50, 700), (450, 700), (450, 0)),
        ((100, 50), (400, 50), (400, 650), (100, 650)),
    ):
        pen.moveTo(points[0])
        for point in points[1:]:
            pen.lineTo(point)
        pen.closePath()
    return pen.glyph()


def _name(character: str) -> str:
    code = ord(character)
    return f"uni{code:04X}" if code <= 0xFFFF else f"u{code:05X}"
