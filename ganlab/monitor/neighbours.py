"""A picture of samples beside the real images that are nearest to them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from ganlab.monitor.captions import font, to_image, to_tensor, with_caption, with_column_names
from ganlab.monitor.grid import SMALLEST, enlarge, grid

SMALLEST_CELL = 96  # pixels of an image's longer side: the distance and the heading must fit beside it
PAIRS = 4  # in a row
MARGIN, LINE = 8, 20  # pixels around a pair, and of the line with its distance


def neighbours(
    fakes: Tensor, reals: Tensor, distances: Sequence[float], part: str = "train", features: str = ""
) -> Image.Image:
    """Draws each sample (left) beside its nearest real image (right), both (n, C, H, W) in [-1, 1], with their distance
    under them, the smallest distance first, and a legend.

    ``part`` names the real images (``train``, ``held_out``, ``test``), ``features`` the space of the distances.
    """
    order = torch.tensor(distances).argsort().tolist()
    columns = min(PAIRS, len(order))
    factor = -(-max(SMALLEST_CELL, SMALLEST // (2 * columns)) // max(fakes.shape[2:]))
    pairs = [enlarge(grid(torch.stack([fakes[row], reals[row]]), columns=2), factor) for row in order]
    height, width = pairs[0].shape[1] + LINE + MARGIN, pairs[0].shape[2] + 2 * MARGIN
    picture = Image.new("RGB", (columns * width, -(-len(pairs) // columns) * height), "white")
    draw = ImageDraw.Draw(picture)
    for place, (pair, row) in enumerate(zip(pairs, order, strict=True)):
        left, top = place % columns * width + MARGIN, place // columns * height
        picture.paste(to_image(pair), (left, top))
        text = (left + pair.shape[2] / 2, top + pair.shape[1] + LINE / 2 - 2)
        draw.text(text, f"{distances[row]:.3g}", fill="black", font=font(13), anchor="mm")
    half = pairs[0].shape[2] / 2
    centers = [column * width + MARGIN + half * (0.5 + side) for column in range(columns) for side in range(2)]
    named = with_column_names(to_tensor(picture), ["sample", "nearest"] * columns, centers, half)
    space = f" of their features ({features})" if features else ""
    return to_image(
        with_caption(
            named,
            f"Left: sample. Right: the real image (part {part.replace('_', '-')}) nearest to it. Number: the distance"
            f"{space}; the smallest comes first. A copy of a real image has a distance near 0.",
        )
    )
