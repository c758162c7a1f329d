"""Grids of images: conversion to pixels, arrangement in rows and columns, and enlargement by whole factors."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

SMALLEST = 512  # pixels of the longer side of an enlarged picture
PADDING = 2  # pixels between images, before enlargement


def pixels(images: Tensor) -> Tensor:
    """Returns images in [-1, 1] as uint8 in 0 … 255, rounded to the nearest level: truncation would darken every pixel
    by half a level."""
    return images.clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8)


def grid(images: Tensor, padding: int = PADDING, columns: int | None = None) -> Tensor:
    """Returns images (N, C, H, W) in [-1, 1] row by row in one picture (3, height, width) uint8, with white padding.

    ``columns`` is the number of images in a row; None makes the picture about square. The result is that of
    ``torchvision.utils.make_grid``, except that a single image has padding too. (The import of torchvision would take
    as long as that of PyTorch, which is why its function is not called.) Of images with two channels the third is
    black; of more than three channels the first three are shown.
    """
    count, _, height, width = images.shape
    columns = min(columns or square_columns(count, height, width), count)
    rows = math.ceil(count / columns)
    cells = F.pad(_rgb(pixels(images)), (padding, 0, padding, 0), value=255)
    cells = torch.cat([cells, cells.new_full((rows * columns - count, *cells.shape[1:]), 255)])
    cells = cells.unflatten(0, (rows, columns)).permute(2, 0, 3, 1, 4)
    return F.pad(
        cells.reshape(3, rows * (height + padding), columns * (width + padding)), (0, padding, 0, padding), value=255
    )


def square_columns(count: int, height: int, width: int) -> int:
    """Returns the number of columns that makes a grid of ``count`` images (height, width) about square."""
    return math.ceil(math.sqrt(count * height / width))


def enlargement(height: int, width: int, smallest: int = SMALLEST) -> int:
    """Returns the least whole factor by which the longer side of a picture has at least ``smallest`` pixels."""
    return max(1, math.ceil(smallest / max(height, width)))


def enlarge(picture: Tensor, factor: int | None = None) -> Tensor:
    """Repeats each pixel of a picture (C, height, width) ``factor`` times in both directions. None takes the factor of
    ``enlargement``."""
    factor = factor or enlargement(*picture.shape[1:])
    return picture.repeat_interleave(factor, 1).repeat_interleave(factor, 2)


def shrink(picture: Tensor, largest: int) -> Tensor:
    """Averages blocks of pixels of a picture (C, height, width) uint8 so that its longer side has at most ``largest``
    pixels. A smaller picture is returned unchanged."""
    factor = math.ceil(max(picture.shape[1:]) / largest)
    if factor == 1:
        return picture
    return F.avg_pool2d(picture[None].float(), factor, ceil_mode=True)[0].round().to(torch.uint8)


def _rgb(images: Tensor) -> Tensor:
    """Returns images (N, C, H, W) as (N, 3, H, W)."""
    channels = images.shape[1]
    if channels == 1:
        return images.expand(-1, 3, -1, -1)
    return F.pad(images, (0, 0, 0, 0, 0, 3 - channels)) if channels < 3 else images[:, :3]
