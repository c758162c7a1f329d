from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlab.table import Fraction, NonNegative
from ganlab.types import Augment


@dataclass(frozen=True)
class InstanceNoise(Augment):
    """Adds N(0, std²) to every pixel that D sees, real and fake alike. Sønderby et al. 2017, section 4; Arjovsky &
    Bottou 2017, section 3.

    ``std`` is in the images' unit, whose range is [-1, 1]; it falls linearly to 0 over the share ``until`` of training.
    """

    std: NonNegative = 0.1
    until: Fraction = 1.0

    def __call__(self, images: Tensor, draw: torch.Generator, progress: float) -> Tensor:
        std = self.std * max(0.0, 1 - progress / self.until) if self.until else 0.0
        # Drawn in the order of (N, C, H, W), so that the memory layout of the images does not decide the noise.
        noise = torch.randn(images.shape, generator=draw, device=images.device, dtype=images.dtype)
        return images + std * noise
