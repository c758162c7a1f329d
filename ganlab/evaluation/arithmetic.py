"""Functions that several scores use: a check of features, a mean with its spread, and pairwise distances in tiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlab.errors import UserError
from ganlab.progress import Advance

TILE = 2048
"""Rows of each set in one tile of distances: a tile takes 32 MiB in float64."""

_CANCELLED = 1e-6
_DIFFERENCES = 4_194_304  # numbers: 32 MiB in float64
TIE = 1e-6
"""Squared distances with a smaller relative difference count as equal. Their rounding errors are a tenth of it."""


def ignore(pairs: int) -> None:
    """An ``Advance`` that reports nothing; its units are pairs of samples that were compared."""


@dataclass(frozen=True)
class Spread:
    """``mean`` and population standard deviation ``std`` of ``count`` values, each computed from ``size`` samples."""

    mean: float
    std: float
    count: int
    size: int

    @classmethod
    def of(cls, values: list[float], size: int) -> Spread:
        numbers = torch.tensor(values, dtype=torch.float64)
        return cls(float(numbers.mean()), float(numbers.std(correction=0)), len(values), size)


def checked(features: Tensor, whose: str, least: int = 1) -> Tensor:
    """Returns ``features`` (n, d) detached, on a device that has float64. ``whose`` names them in error messages, as in
    "the real images".

    Raises ValueError for another shape, and UserError for fewer than ``least`` rows or numbers that are not finite.
    """
    if features.ndim != 2 or not features.is_floating_point():
        raise ValueError(f"features are floating-point (n, d); got {features.dtype} {tuple(features.shape)}")
    if len(features) < least:
        raise UserError(f"This score needs at least {least} of {whose}; there are {len(features)}. Evaluate more.")
    features = features.detach()
    if any(not part.isfinite().all() for part in features.split(TILE)):
        raise UserError(f"The features of {whose} hold NaN or infinity: the images, or their generator, are broken.")
    return features.cpu() if features.device.type == "mps" else features  # Apple's GPUs have no float64


def matched(a: Tensor, b: Tensor) -> None:
    """Raises UserError where the last dimensions of two sets of features differ."""
    if a.shape[-1] != b.shape[-1]:
        raise UserError(
            f"The two sets have {a.shape[-1]} and {b.shape[-1]} features: they come from different extractors. "
            "Evaluate both with the same."
        )


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Returns ‖a_i - b_j‖² of every pair, (n, m), for ``a`` (n, d) and ``b`` (m, d) in float64. The relative error is
    about 1e-8 (2e-7 at worst, for d = 2,048), and the distance of equal rows is exactly 0.

    ‖a‖² + ‖b‖² - 2a·b is one matrix product, but it loses the digits that ‖a‖² and ‖b‖² have in common. Where two rows
    are a thousand times closer to each other than to the origin, their difference is computed number by number.
    """
    lengths = (a * a).sum(1)[:, None] + (b * b).sum(1)[None, :]
    squared = torch.addmm(lengths, a, b.T, alpha=-2)
    near = (squared < _CANCELLED * lengths).nonzero()
    for i, j in (part.unbind(1) for part in near.split(max(1, _DIFFERENCES // max(1, a.shape[1])))):
        squared[i, j] = (a[i] - b[j]).square().sum(1)
    return squared


def tiles(a: Tensor, b: Tensor) -> Iterator[tuple[slice, slice, Tensor]]:
    """Yields the squared distances between rows of ``a`` (n, d) and ``b`` (m, d) in tiles: slices of ``a`` and ``b``,
    and the distances between them. For each slice of ``a`` all slices of ``b`` come in order. A pass takes about 0.5
    GiB at d = 2,048, whatever n and m are."""
    # Distances do not depend on the origin, but their rounding errors do. A point among the features is a good origin.
    origin = b[:TILE].double().mean(0)
    for rows in _parts(len(a)):
        left = a[rows].double() - origin
        for columns in _parts(len(b)):
            yield rows, columns, squared_distances(left, b[columns].double() - origin)


def nearest_squared(a: Tensor, b: Tensor | None, count: int, advance: Advance = ignore) -> tuple[Tensor, Tensor]:
    """Returns the squared distances from each row of ``a`` to its ``count`` nearest rows of ``b``, ascending, and the
    indices of those rows: (n, count) float64 and int64. Where ``b`` is None the neighbours are the other rows of ``a``;
    a row is excluded from its own neighbours by its index, so that an equal row is a neighbour at distance 0."""
    distances = torch.full((len(a), count), torch.inf, dtype=torch.float64, device=a.device)
    indices = torch.zeros((len(a), count), dtype=torch.int64, device=a.device)
    for rows, columns, squared in tiles(a, a if b is None else b):
        if b is None and rows == columns:
            squared.fill_diagonal_(torch.inf)
        here = squared.topk(min(count, squared.shape[1]), largest=False)
        nearest = torch.cat([distances[rows], here.values], 1).topk(count, largest=False)
        distances[rows] = nearest.values
        indices[rows] = torch.cat([indices[rows], here.indices + columns.start], 1).gather(1, nearest.indices)
        advance(squared.numel())
    return distances, indices


def _parts(length: int) -> Iterator[slice]:
    for start in range(0, length, TILE):
        yield slice(start, min(start + TILE, length))
