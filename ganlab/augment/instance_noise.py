from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlab.random_numbers import normal
from ganlab.scalars import Scheduled, scale
from ganlab.table import Fraction, Moving, NonNegative
from ganlab.types import Augmentation


@dataclass(frozen=True)
class InstanceNoise(Augmentation):
    """Instance noise: adds N(0, std²) to every pixel of the images that D receives, real and fake alike. Sønderby et
    al. 2017, section 4; Arjovsky & Bottou 2017, section 3.

    ``std`` is in the unit of the images, whose range is [-1, 1]. A number decreases linearly to 0 over the share
    ``until`` of training; a schedule is used unchanged, and ``until`` must be 1 then (ValueError).
    """

    std: Moving[NonNegative] = 0.1
    until: Fraction = 1.0

    def __post_init__(self) -> None:
        if isinstance(self.std, Scheduled) and self.until != 1:
            raise ValueError(
                f"found until={self.until:g} with std={self.std}, which has an end of its own; leave until out"
            )

    def __call__(self, images: Tensor, rng: torch.Generator, progress: float | Tensor) -> Tensor:
        # Drawn in the order of (N, C, H, W), so that the noise does not depend on the memory layout of the images.
        noise = normal(images.shape, rng, dtype=images.dtype)
        return images + scale(noise, self._std(progress))

    def _std(self, progress: float | Tensor) -> float | Tensor:
        if isinstance(self.std, Scheduled):
            return self.std.at(progress)
        return self.std * Scheduled(1.0, 0.0, until=self.until).at(progress)
