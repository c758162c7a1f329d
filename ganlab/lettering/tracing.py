"""Traces the outlines of glyph images as curves."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
from fontTools.pens.transformPen import TransformPen
from fontTools.svgLib.path import SVGPath
from PIL import Image

from ganlab.errors import UserError

ENLARGED = 8  # times: between grey pixels the outline has a place, which is kept so
SPECK = 0.5  # pixels of the image: smaller spots are left out


def trace(coverage: np.ndarray, pen: Any) -> None:
    """Draws the outline of a glyph (H, W), ink coverage in [0, 1], with a pen of fontTools, in pixels, the y axis down.
    The outline lies where the interpolated coverage is one half. Raises UserError if VTracer is not installed."""
    try:
        import vtracer
    except ImportError as error:
        raise UserError(
            f"out: outlines are traced by VTracer, which is not installed ({error}); type pip install "
            "'ganlab-train[fonts]'"
        ) from error
    height, width = coverage.shape
    smooth = Image.fromarray(coverage.astype(np.float32)).resize(
        (ENLARGED * width, ENLARGED * height), Image.Resampling.BICUBIC
    )
    ink = np.asarray(smooth) >= 0.5
    if not ink.any():
        return
    picture = io.BytesIO()
    Image.fromarray(np.where(ink, 0, 255).astype(np.uint8)).convert("RGB").save(picture, "png")
    # By position: with names, VTracer 0.6.15 ends Python 3.14 by a segmentation fault.
    svg = vtracer.convert_raw_image_to_svg(
        picture.getvalue(),
        "png",
        "binary",  # colormode
        "stacked",  # hierarchical, as it is unless given
        "spline",  # mode
        round(SPECK * ENLARGED),  # filter_speckle
        6,  # color_precision, as it is unless given
        16,  # layer_difference, as it is unless given
        60,  # corner_threshold
        10.0,  # length_threshold: the longest segments that it allows, so that a font stays small
        10,  # max_iterations, as it is unless given
        60,  # splice_threshold
        2,  # path_precision
    )
    # fontTools reads no other transformation than a matrix.
    svg = re.sub(r"translate\(([^,]+),([^)]+)\)", r"matrix(1 0 0 1 \1 \2)", svg)
    SVGPath.fromstring(svg.encode()).draw(TransformPen(pen, (1 / ENLARGED, 0, 0, 1 / ENLARGED, 0, 0)))
