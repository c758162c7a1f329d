"""Convolutions 4×4 of stride 2 with 9/16 of the products: F(2×2, 2×2) of Lavin & Gray 2016, section 4.

A convolution 4×4 of stride 2 is the sum of four convolutions 2×2 of stride 1, one for each phase: the pixels of even
or odd rows and columns. In one dimension, two neighbouring results of a filter (g₀, g₁) on (d₀, d₁, d₂) are

    d₀ g₀ + d₁ g₁ = (d₀ - d₁) g₀ + d₁ (g₀ + g₁),    d₁ g₀ + d₂ g₁ = d₁ (g₀ + g₁) + (d₂ - d₁) g₁:

three products instead of four. In two dimensions, 2×2 results take nine products instead of 16. All factors are sums
and differences, so that the rounding error is that of the direct way. The nine products of all channels and tiles are
nine matrix products. The functions below are each other's derivatives, as are those of ``convolution``.

Large maps are (N, a, 4 T, 4 S) and padded by 1, small maps (N, b, 2 T, 2 S), weights (b, a, 4, 4), and a tile is one of
the N · T · S squares of 2×2 pixels of the small maps. All results are in channels-last layout.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

TILES = 512
"""The tiles that are computed at a time: enough rows for a matrix product at full rate, and few enough for a cache."""


def convolve(large: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Returns the convolution (N, b, 2 T, 2 S) of ``large`` with ``weight``."""
    x, b = large.permute(0, 2, 3, 1), weight.shape[0]
    images, tall, wide = len(x), x.shape[1] // 4, x.shape[2] // 4
    by_filter = _of_weight(weight).transpose(1, 2)
    transform = _OfLarge(x)
    result = _empty(x, images, b, 2 * tall, 2 * wide)
    y = result.permute(0, 2, 3, 1)
    for part in _parts(images, tall * wide):
        of_large = transform(x[part])
        products = torch.bmm(of_large, by_filter).view(3, 3, -1, tall, wide, b)
        rows = products[:2] + products[1:]
        torch.add(rows[:, :2], rows[:, 1:], out=_in_tiles(y[part]))
    if bias is not None:
        y += bias
    return result


def convolve_transposed(small: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Returns the transposed convolution (N, a, 4 T, 4 S) of ``small`` with ``weight``."""
    y, a = small.permute(0, 2, 3, 1).contiguous(), weight.shape[1]
    images, tall, wide = len(y), y.shape[1] // 2, y.shape[2] // 2
    by_filter = _of_weight(weight)
    result = _empty(y, images, a, 4 * tall, 4 * wide)
    x = result.permute(0, 2, 3, 1)
    for part in _parts(images, tall * wide):
        products = torch.bmm(_of_small(y[part]), by_filter)
        _add_tiles(products.view(3, 3, -1, tall, wide, 2, 2, a), out=x[part])
    if bias is not None:
        x += bias
    return result


def weight_gradient(large: Tensor, small: Tensor) -> Tensor:
    """Returns the gradient by the weight (b, a, 4, 4) for the gradient ``small`` by the convolution of ``large``."""
    x, y = large.permute(0, 2, 3, 1), small.permute(0, 2, 3, 1).contiguous()
    (images, height, width, a), b = x.shape, y.shape[3]
    transform = _OfLarge(x)
    total = x.new_empty(9, b, 4 * a)
    for number, part in enumerate(_parts(images, height // 4 * (width // 4))):
        of_small, of_large = _of_small(y[part]).transpose(1, 2), transform(x[part])
        if number:
            total.baddbmm_(of_small, of_large)
        else:
            torch.bmm(of_small, of_large, out=total)
    total = total.view(3, 3, b, 2, 2, a)
    rows = total[:2] + total[1:]
    gradient = x.new_empty(b, 2, 2, 2, 2, a)  # in each direction: which of two taps, which phase
    torch.add(rows[:, :2], rows[:, 1:], out=gradient.permute(1, 3, 0, 2, 4, 5))
    return gradient.view(b, 4, 4, a).permute(0, 3, 1, 2)


def _empty(like: Tensor, *shape: int) -> Tensor:
    """Returns a new tensor in channels-last layout. Results are no views, so that an activation may overwrite them."""
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last)


def _parts(images: int, tiles: int) -> Iterator[slice]:
    """Yields the images in parts of about ``TILES`` tiles, where an image has ``tiles``; the first part is the
    largest."""
    count = -(-images * tiles // TILES)
    size = -(-images // count)
    for first in range(0, images, size):
        yield slice(first, min(first + size, images))


def _in_tiles(y: Tensor) -> Tensor:
    """Returns maps (n, 2 T, 2 S, b) as a view (2, 2, n, T, S, b), by the place of a pixel in its tile."""
    n, height, width, b = y.shape
    return y.view(n, height // 2, 2, width // 2, 2, b).permute(2, 4, 0, 1, 3, 5)


def _of_weight(weight: Tensor) -> Tensor:
    """Returns g₀, g₀ + g₁, g₁ in both directions, (9, b, 4 a)."""
    b, a = weight.shape[:2]
    taps = weight.permute(0, 2, 3, 1).reshape(b, 2, 2, 2, 2, a).permute(1, 3, 0, 2, 4, 5)
    return _sums(taps).view(9, b, 4 * a)


def _of_small(y: Tensor) -> Tensor:
    """Returns y₀, y₀ + y₁, y₁ of each tile in both directions, (9, n · T · S, b)."""
    return _sums(_in_tiles(y)).view(9, -1, y.shape[3])


def _sums(pairs: Tensor) -> Tensor:
    """Returns (3, 3, …) of pairs (2, 2, …) of rows and of columns: the first, the sum of both, and the second."""
    out = pairs.new_empty(3, 3, *pairs.shape[2:])
    out[::2, ::2] = pairs
    torch.add(pairs[:, 0], pairs[:, 1], out=out[::2, 1])
    torch.add(out[0], out[2], out=out[1])
    return out


class _OfLarge:
    """Computes d₀ - d₁, d₁, d₂ - d₁ of each tile in both directions and for each phase, (9, n · T · S, 4 a), of maps
    (n, 4 T, 4 S, a): as many as the first part of ``x`` has, or fewer. The result is valid until the next call."""

    def __init__(self, x: Tensor) -> None:
        images, height, width, self.channels = x.shape
        self.tall, self.wide = height // 4, width // 4
        most = next(_parts(images, self.tall * self.wide)).stop
        self.padded = x.new_zeros(most, height + 2, width + 2, self.channels)
        self.rows = x.new_empty(2, most, self.tall, 2, width + 2, self.channels)
        self.out = x.new_empty(9 * most * self.tall * self.wide * 4 * self.channels)

    def __call__(self, x: Tensor) -> Tensor:
        n, tall, wide, a = len(x), self.tall, self.wide, self.channels
        self.padded[:n, 1:-1, 1:-1] = x
        out = self.out[: 9 * n * tall * wide * 4 * a].view(3, 3, n, tall, wide, 2, 2, a)
        image, row, column, _ = self.padded.stride()
        # Row 4 t + 2 k + p of the padded maps is d_k of phase p in tile t, and so is the column.
        shape = (3, n, tall, 2, self.padded.shape[2], a)
        by_row = self.padded.as_strided(shape, (2 * row, image, 4 * row, row, column, 1))
        rows = self.rows[:, :n]
        torch.sub(by_row[::2], by_row[1], out=rows)
        which, image, tile, phase = rows.stride()[:4]
        in_tiles = (2, 3, n, tall, wide, 2, 2, a)
        by_column = rows.as_strided(in_tiles, (which, 2 * column, image, tile, 4 * column, phase, column, 1))
        torch.sub(by_column[:, ::2], by_column[:, 1:2], out=out[::2, ::2])
        out[::2, 1] = by_column[:, 1]
        middle = by_row[1]
        image, tile, phase = middle.stride()[:3]
        strides = (2 * column, image, tile, 4 * column, phase, column, 1)
        by_column = middle.as_strided(in_tiles[1:], strides, middle.storage_offset())
        torch.sub(by_column[::2], by_column[1], out=out[1, ::2])
        out[1, 1] = by_column[1]
        return out.view(9, -1, 4 * a)


def _add_tiles(tiles: Tensor, out: Tensor) -> None:
    """Writes to ``out`` (n, 4 T, 4 S, a) the transposed map of ``_OfLarge`` for ``tiles`` (3, 3, n, T, S, 2, 2, a)."""
    _, _, n, tall, wide, _, _, a = tiles.shape
    tiles = tiles.permute(0, 1, 2, 3, 5, 4, 6, 7)  # (3, 3, n, T, row's phase, S, column's phase, a)
    pairs = tiles.new_empty(3, n, tall, 2, 2 * wide + 1, 2, a)  # of padded columns: each d₁ has its own
    middle = pairs[..., 1::2, :, :]
    torch.sub(tiles[:, 1], tiles[:, 0], out=middle)
    middle -= tiles[:, 2]
    if wide > 1:  # the last pair of a tile is the first of the next
        torch.add(tiles[:, 0, ..., 1:, :, :], tiles[:, 2, ..., :-1, :, :], out=pairs[..., 2:-1:2, :, :])
    pairs[..., 0, :, :], pairs[..., -1, :, :] = tiles[:, 0, ..., 0, :, :], tiles[:, 2, ..., -1, :, :]
    first, second, third = pairs.view(3, n, tall, 2, 4 * wide + 2, a)[..., 1:-1, :]
    own = out.view(n, tall, 4, 4 * wide, a)
    middle = own[:, :, 1:3]
    torch.sub(second, first, out=middle)
    middle -= third
    if tall > 1:
        torch.add(first[:, 1:, 0], third[:, :-1, 0], out=own[:, :-1, 3])
        torch.add(first[:, 1:, 1], third[:, :-1, 1], out=own[:, 1:, 0])
    own[:, 0, 0], own[:, -1, 3] = first[:, 0, 1], third[:, -1, 0]
