"""Points of the plane as images with two channels and one pixel: their modes, and missing modes, can be plotted.

They lie in (-1, 1), since G ends in tanh. Each set is the same in every run: ``limit`` points, drawn once. PyTorch is
imported when points are drawn: see ganlab.data.source.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np

from ganlab import random_streams
from ganlab.data.source import ImageSet, Source
from ganlab.points import POINT
from ganlab.table import Positive, PositiveInt, Range

if TYPE_CHECKING:
    from torch import Tensor

TAIL = 6  # standard deviations that must lie inside; fewer than 3 of 10⁹ normal numbers lie outside


class Toy(Source):
    """Images of shape (2, 1, 1), float32 in [-1, 1]: x and y."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return POINT

    def _need_room(self, reach: float, spread: float, names: str) -> None:
        """Raises ValueError if points would lie outside of [-1, 1]; clipping them would change the distribution."""
        if not reach + TAIL * spread <= 1:
            raise ValueError(
                f"points would reach {reach + TAIL * spread:.3g} ({TAIL} standard deviations counted), and the "
                f"generator ends in tanh, at 1; type a smaller {names}"
            )


class Mixture(Toy):
    """Gaussians with one ``std`` around ``centres``, with equally many points each; the mode is the label."""

    std: float
    limit: int

    @property
    def centres(self) -> Tensor:
        """The modes' means (modes, 2), in the order of the labels."""
        raise TypeError(f"{type(self).__name__} does not say where its modes are")

    @property
    def class_count(self) -> int:
        return len(self.centres)

    def open(self, cache: Path | None = None) -> ImageSet:
        import torch

        centres = self.centres
        labels = torch.arange(self.limit) % len(centres)
        noise = torch.randn(self.limit, 2, generator=random_streams.generator(0, "data/points"))
        points = centres[labels] + self.std * noise
        return _as_images(points, labels.numpy(), tuple(map(str, range(len(centres)))))


@dataclass(frozen=True)
class Ring(Mixture):
    """Gaussians on a circle, counterclockwise from the right.

    Published with radius 2 and standard deviation 0.02, then divided by 1.414 (Gulrajani et al. 2017, the toy code);
    here with the same ratio, 100 to 1. The unit is half a side of the square that tanh can reach.
    """

    modes: Annotated[int, Range(least=2)] = 8
    radius: Positive = 0.8
    std: Positive = 0.008
    limit: PositiveInt = 100_000

    def __post_init__(self) -> None:
        self._need_room(self.radius, self.std, "radius or std")

    @property
    def centres(self) -> Tensor:
        import torch

        angles = torch.arange(self.modes) * (2 * math.pi / self.modes)
        return self.radius * torch.stack([angles.cos(), angles.sin()], dim=1)


@dataclass(frozen=True)
class Grid(Mixture):
    """``side`` × ``side`` Gaussians on a square lattice from -extent to extent, row by row from the lower left.

    Published with coordinates -4, -2, 0, 2, 4 and standard deviation 0.05, then divided by 2.828 (Gulrajani et al.
    2017, the toy code); here with the same ratio, 80 to 1. The unit is half a side of the square that tanh can reach.
    """

    side: Annotated[int, Range(least=2)] = 5
    extent: Positive = 0.8
    std: Positive = 0.01
    limit: PositiveInt = 100_000

    def __post_init__(self) -> None:
        self._need_room(self.extent, self.std, "extent or std")

    @property
    def centres(self) -> Tensor:
        import torch

        line = torch.linspace(-self.extent, self.extent, self.side)
        return torch.cartesian_prod(line, line).flip(1)


@dataclass(frozen=True)
class SwissRoll(Toy):
    """The plane of scikit-learn's swiss roll: t · (cos t, sin t) / 5π with t uniform in [1.5π, 4.5π], and Gaussian
    noise. No classes.

    Published with noise of standard deviation 0.25 before a division by 7.5 (Gulrajani et al. 2017, the toy code); 5π
    instead puts the roll's outer end at 0.9, and noise at 0.25 / 5π. The unit is half a side of the square that tanh
    can reach.
    """

    noise: Positive = 0.016
    limit: PositiveInt = 100_000

    def __post_init__(self) -> None:
        self._need_room(0.9, self.noise, "noise")

    def open(self, cache: Path | None = None) -> ImageSet:
        import torch

        rng = random_streams.generator(0, "data/points")
        t = 1.5 * math.pi * (1 + 2 * torch.rand(self.limit, 1, generator=rng))
        roll = t * torch.cat([t.cos(), t.sin()], dim=1) / (5 * math.pi)
        points = roll + self.noise * torch.randn(self.limit, 2, generator=rng)
        return _as_images(points)


def _as_images(points: Tensor, labels: np.ndarray | None = None, classes: tuple[str, ...] = ()) -> ImageSet:
    return ImageSet(points.numpy()[:, None, None, :], labels, classes)
