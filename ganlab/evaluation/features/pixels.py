from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ganlab.evaluation.features.base import Extracted, Features, Opened, Reals
from ganlab.table import PositiveInt


@dataclass(frozen=True)
class Pixels(Features):
    """The pixels themselves, without a network: one number in [-1, 1] per pixel and channel. Images that are larger
    than ``side`` pixels are resized to it with antialiasing.

    For points of the plane these features are exact. For images they measure colours and coarse shapes only.
    """

    side: PositiveInt = 16  # pixels

    def open(self, real: Reals, device: torch.device, cache: Path) -> Opened:
        def extract(images: Tensor) -> Extracted:
            if max(images.shape[2:]) > self.side:
                size = tuple(min(self.side, length) for length in images.shape[2:])
                images = F.interpolate(images, size, mode="bilinear", antialias=True)
            return Extracted(images.flatten(1))

        return Opened(extract, {"features": "pixels", "hash": "none", "resize": f"antialiased to {self.side}"})
