from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from ganlab.table import Moving, Positive, PositiveInt
from ganlab.types import Need, Regularizer, Update

EPSILON = 1e-3  # of the Charbonnier distance, in units of pixel values in [-1, 1]


@dataclass(frozen=True)
class Reconstruction(Regularizer):
    """The reconstruction loss in G's update: the distance between the real image of a source and the image to which G
    translates the source, E |x - G(s, z)| for ``l1``. Isola et al. 2017, Eq. 3: weight 100.

    ``l2`` is the mean of the squared difference d², and ``charbonnier`` that of √(d² + 0.001²), a smooth L1
    (Charbonnier et al. 1994). All are means over pixels and channels of images in [-1, 1], before augmentation.
    """

    needs_sources: ClassVar[bool] = True
    # D's output on reals is not used, but the batch of reals must be as large as that of the fakes.
    generator_needs: ClassVar[frozenset[Need]] = frozenset({"real"})
    weight: Moving[Positive] = 100.0
    interval: PositiveInt = 1  # G updates
    distance: Literal["l1", "l2", "charbonnier"] = "l1"

    def generator(self, update: Update) -> Tensor:
        difference = update.fake.images.float() - update.real.images.float()
        if self.distance == "l1":
            return difference.abs().mean()
        if self.distance == "l2":
            return difference.square().mean()
        return torch.sqrt(difference.square() + EPSILON**2).mean()
