"""Grids of images with names of their rows and columns, and the places of the images in them."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

from PIL import PngImagePlugin
from torch import Tensor

from ganlab.monitor import captions
from ganlab.monitor.grid import PADDING, enlarge, enlargement, grid, square_columns

KEY = "ganlab"  # of the text in a PNG
SMALLEST_CELL = 12  # pixels of a named row or column


@dataclass(frozen=True)
class Layout:
    """The places of ``count`` images (height, width) in a picture: ``columns`` images in a row, ``PADDING`` pixels
    between them, everything enlarged by the whole ``factor``, and the grid's corner at pixel (``top``, ``left``)."""

    count: int
    columns: int
    height: int
    width: int
    factor: int
    top: int = 0
    left: int = 0

    @property
    def rows(self) -> int:
        """The number of rows of images."""
        return math.ceil(self.count / self.columns)

    def corner(self, number: int) -> tuple[int, int]:
        """Returns the pixel (row, column) at which image ``number`` begins."""
        row, column = divmod(number, self.columns)
        return (
            self.top + self.factor * (PADDING + row * (self.height + PADDING)),
            self.left + self.factor * (PADDING + column * (self.width + PADDING)),
        )

    def center(self, number: int) -> tuple[float, float]:
        """Returns the pixel (row, column) in the middle of image ``number``."""
        row, column = self.corner(number)
        return row + self.factor * self.height / 2, column + self.factor * self.width / 2


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture, ``pixels`` (3, height, width) uint8, the places of the images in it, or None if it is no grid, and the
    names of the grid's rows, if they have names."""

    pixels: Tensor
    layout: Layout | None = None
    row_names: Sequence[str] = ()

    @cached_property
    def png(self) -> bytes:
        """The picture as a PNG file, which holds the layout and the names of the rows as text (JSON, keyword ``KEY``).
        Enlarged pixels compress well: the fastest level gives files that are about 10 % larger than the default's."""
        facts = PngImagePlugin.PngInfo()
        layout = None if self.layout is None else asdict(self.layout)
        facts.add_text(KEY, json.dumps({"layout": layout, "names": list(self.row_names)}))
        file = io.BytesIO()
        captions.to_image(self.pixels).save(file, "PNG", compress_level=1, pnginfo=facts)
        return file.getvalue()


def named_grid(
    images: Tensor,
    columns: int | None = None,
    *,
    row_names: Sequence[str] = (),
    column_names: Sequence[str] = (),
    caption: str = "",
) -> Picture:
    """Shows images (N, C, H, W) in [-1, 1] in a grid that is enlarged by a whole factor to at least 512 pixels on its
    longer side, with the names of its rows at the left, those of its columns at the top, and ``caption`` under it.

    ``columns`` is the number of images in a row; None makes the grid about square. Names are left out unless there is
    one for each row or column.
    """
    count, _, height, width = images.shape
    columns = min(columns or square_columns(count, height, width), count)
    picture = grid(images, columns=columns)
    row_names = row_names if len(row_names) == math.ceil(count / columns) else ()
    column_names = column_names if len(column_names) == columns else ()
    factor = enlargement(*picture.shape[1:])
    for side, names in ((height, row_names), (width, column_names)):
        factor = max(factor, math.ceil(SMALLEST_CELL / (side + PADDING)) if names else 1)
    layout = Layout(count, columns, height, width, factor)
    picture = enlarge(picture, factor)
    grid_height, grid_width = picture.shape[1:]
    if column_names:
        centers = [layout.center(column)[1] for column in range(columns)]
        picture = captions.with_column_names(picture, column_names, centers, factor * width)
    top = picture.shape[1] - grid_height
    if row_names:
        centers = [top + layout.center(row * columns)[0] for row in range(len(row_names))]
        picture = captions.with_row_names(picture, row_names, centers, factor * height)
    left = picture.shape[2] - grid_width
    if caption:
        picture = captions.with_caption(picture, caption)
    return Picture(picture, Layout(count, columns, height, width, factor, top, left), row_names)
