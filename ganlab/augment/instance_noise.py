from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlab.random_numbers import normal
from ganlab.table import Fraction, NonNegative
from ganlab.types import Augmentation


@dataclass(frozen=True)
class InstanceNoise(Augmentation):
    """Adds N(0, std²) to every pixel that D sees, real and fake alike. Sønderby et al. 2017, section 4; Arjovsky &
    Bottou 2017, section 3.

    ``std`` is in the images' unit, whose range is [-1, 1]; it falls linearly to 0 over the share ``until`` of training.
    """

    std: NonNegative = 0.1
    until: Fraction = 1.0

    def __call__(self, images: Tensor, rng: torch.Generator, progress: float | Tensor) -> Tensor:
        # Drawn in the order of (N, C, H, W), so that the memory layout of the images does not decide the noise.
        noise = normal(images.shape, rng, dtype=images.dtype)
        return images + self._std(progress) * noise

    def _std(self, progress: float | Tensor) -> float | Tensor:
        if not self.until:
            return 0.0
        if isinstance(progress, Tensor):  # divided by a tensor: GPUs multiply by a number's rounded inverse
            return self.std * (1 - progress / torch.full_like(progress, self.until)).clamp_min(0.0)
        return self.std * max(0.0, 1 - progress / self.until)
