"""Reads a picture of one glyph, drawn or photographed, as an image of the form that a run was trained on."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageOps
from scipy import ndimage

from ganlab.data.typefaces.glyph_drawing import ink_box
from ganlab.errors import UserError, in_one_line
from ganlab.lettering.glyph_format import GlyphFormat

LONGEST = 512  # pixels to which a larger picture is reduced before it is read
WIDEST = 0.4  # of the longer side: strokes are narrower, and shadows are wider
LEVELS = (0.2, 0.8)  # coverage that becomes 0 and 1: what is left of shadows, and uneven ink
LEAST_CONTRAST = 0.15  # between ink and paper, of the full range; noise of a camera is below 0.1
LEAST_SPOT = 0.002  # of the picture's area: smaller spots are dust, unless they are near the glyph
TALL = "H"  # its height in the content font is that of a glyph whose character is not known


def read_style(path: str, form: GlyphFormat, character: str | None = None) -> np.ndarray:
    """Returns the picture's glyph (1, 1, H, W) float32 in [-1, 1], cropped, levelled and centred.

    What prevails at the border is the paper; its brightness is estimated and divided out, and ink and paper are
    separated by Otsu's threshold (Otsu 1979). The ink is scaled to the box that ``character`` has in the
    content font; without a character it is as high as a capital and stands on the baseline. Raises UserError if the
    picture cannot be read or shows no glyph.
    """
    grey = _grey(path)
    coverage = _levelled(grey)
    if coverage is None:
        raise UserError(f"style={path}: it shows no glyph, since ink and paper do not differ; type another picture")
    rows, columns = _ink_box(coverage)
    return form.from_coverage(_placed(coverage[rows, columns], form, character)[None])


def _grey(path: str) -> np.ndarray:
    """Returns the picture (H, W) in [0, 1], on white where it is transparent."""
    try:
        with Image.open(path) as opened:
            picture = ImageOps.exif_transpose(opened)
            if "A" in picture.getbands() or "transparency" in picture.info:
                picture = picture.convert("RGBA")
                white = Image.new("RGBA", picture.size, "white")
                picture = Image.alpha_composite(white, picture)
            grey = picture.convert("L")
            grey.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    except Exception as error:  # Pillow raises errors of many types
        raise UserError(f"style={path}: it cannot be read as a picture ({in_one_line(error)})") from error
    return np.asarray(grey, np.float32) / 255


def _levelled(grey: np.ndarray) -> np.ndarray | None:
    """Returns the ink coverage (H, W) in [0, 1], or None if there is no contrast."""
    border = float(np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])))
    darkest, lightest = np.percentile(grey, [0.5, 99.5])
    if border - darkest < lightest - border:  # light ink on dark paper
        grey = 1 - grey
    ratio = grey / np.maximum(_paper(grey), 1e-3)
    dark = ratio <= _otsu(ratio)
    ink = float(np.percentile(ratio[dark], 10)) if dark.any() else 1.0
    if dark.all() or 1 - ink < LEAST_CONTRAST:
        return None
    coverage = (1 - ratio) / (1 - ink)
    return np.asarray(np.clip((coverage - LEVELS[0]) / (LEVELS[1] - LEVELS[0]), 0, 1), np.float32)


def _paper(grey: np.ndarray) -> np.ndarray:
    """Returns the paper's brightness (H, W): a morphological closing, which removes what is darker than its
    surroundings and narrower than ``WIDEST``, and keeps shadows; blurred before and afterwards against noise."""
    side = max(grey.shape)
    closed = ndimage.grey_closing(ndimage.gaussian_filter(grey, side / 100), size=round(WIDEST * side), mode="nearest")
    return np.asarray(ndimage.gaussian_filter(closed, side / 20))


def _otsu(grey: np.ndarray) -> float:
    """Returns the threshold that separates the values into two groups with the largest variance between them. Otsu
    1979, Eq. 18."""
    counts, edges = np.histogram(grey, 128, (0, 1))
    middle = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    first = np.cumsum(counts * middle)
    with np.errstate(invalid="ignore", divide="ignore"):
        between = below * above * (first / below - (first[-1] - first) / above) ** 2
    return float(edges[1 + int(np.nanargmax(np.where(np.isfinite(between), between, -1)))])


def _ink_box(coverage: np.ndarray) -> tuple[slice, slice]:
    """Returns the rows and columns of the glyph: all spots of ink that are not dust."""
    spots, count = ndimage.label(coverage > 0.5, np.ones((3, 3)))
    areas = ndimage.sum_labels(np.ones_like(coverage), spots, np.arange(1, count + 1))
    kept = np.flatnonzero(areas >= min(LEAST_SPOT * coverage.size, areas.max())) + 1
    found = np.isin(spots, kept)
    rows, columns = np.flatnonzero(found.any(1)), np.flatnonzero(found.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _placed(ink: np.ndarray, form: GlyphFormat, character: str | None) -> np.ndarray:
    """Returns the cropped ink, scaled and placed as glyphs of the run are, (H, W) in [0, 1]."""
    height, width = form.shape
    if character is not None and not form.has(character):
        raise UserError(f"character={character}: the content font does not have it; leave it out")
    _, top, _, bottom = ink_box(form.face, form.size, character or TALL) or (0, -form.baseline / 2, 0, 0)
    inner = width * (1 - 2 * form.margin)
    scale = min((bottom - top) / ink.shape[0], inner / ink.shape[1])
    size = (max(round(ink.shape[1] * scale), 1), max(round(ink.shape[0] * scale), 1))
    small = Image.fromarray((255 * ink).astype(np.uint8)).resize(size, Image.Resampling.LANCZOS)
    paper = Image.new("L", (width, height))
    lower = form.baseline + bottom  # the row of the ink's lower end
    paper.paste(small, (round((width - size[0]) / 2), round(lower - size[1])))
    return np.asarray(paper, np.float32) / 255
