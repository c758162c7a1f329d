from __future__ import annotations

import math

import torch
from torch import Tensor


def pixels(images: Tensor) -> Tensor:
    """Images in [-1, 1] as uint8, 0 … 255, to nearest: truncation would darken every pixel by half a level."""
    return images.clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8)


def grid(images: Tensor, padding: int = 2, columns: int | None = None) -> Tensor:
    """Images (N, C, H, W) in [-1, 1] side by side in ``columns``, or about a square, as one picture (3, height, width)
    uint8."""
    count, channels, height, width = images.shape
    columns = columns or math.ceil(math.sqrt(count * height / width))
    rows = math.ceil(count / columns)
    cell_height, cell_width = height + padding, width + padding
    canvas = torch.full(
        (channels, rows * cell_height + padding, columns * cell_width + padding), 255, dtype=torch.uint8
    )
    for i, image in enumerate(pixels(images)):
        top, left = (i // columns) * cell_height + padding, (i % columns) * cell_width + padding
        canvas[:, top : top + height, left : left + width] = image
    return canvas.expand(3, -1, -1) if channels == 1 else canvas
