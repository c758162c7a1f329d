"""Samples beside the real images that are nearest to them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from ganlab.monitor.grid import grid

SMALLEST = 64  # pixels a side: smaller images are enlarged, so that they can be seen and the distances read
PAIRS = 4  # a row
CAPTION = 14  # pixels of height


def neighbours(fakes: Tensor, reals: Tensor, distances: Sequence[float]) -> Image.Image:
    """Pairs of a sample (left) and its nearest real image, both (n, C, H, W) in [-1, 1], closest pairs first, with
    their distances under them."""
    order = torch.tensor(distances).argsort()
    scale = max(1, -(-SMALLEST // max(fakes.shape[2:])))
    pairs = [
        Image.fromarray(grid(torch.stack([fakes[row], reals[row]]), columns=2).permute(1, 2, 0).numpy())
        for row in order.tolist()
    ]
    pairs = [pair.resize((pair.width * scale, pair.height * scale), Image.Resampling.NEAREST) for pair in pairs]
    width, height = pairs[0].width + 8, pairs[0].height + CAPTION
    picture = Image.new("RGB", (PAIRS * width, -(-len(pairs) // PAIRS) * height), "white")
    draw = ImageDraw.Draw(picture)
    for place, (pair, row) in enumerate(zip(pairs, order.tolist(), strict=True)):
        left, top = place % PAIRS * width, place // PAIRS * height
        picture.paste(pair, (left, top))
        draw.text((left + 4, top + pair.height), f"{distances[row]:.3g}", fill="black")
    return picture
