"""The contract of augmentations."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ganlab.types.state import State, Stateful


class Augmentation(Stateful):
    """Augments the images that D receives, real and generated ones alike, differentiably, so that G's update passes
    through it (Zhao et al. 2020, Eq. 4 and 5). Subclasses are dataclasses whose fields are settings. One without state
    defines ``__call__``, one with state defines ``augment`` and the methods of ``Stateful``."""

    needs_pixels: ClassVar[bool] = False
    """Whether it is defined for images alone, not for points of the plane (1×1)."""

    @property
    def needs_boundary(self) -> bool:
        """Whether it compares D's logits with ``Loss.boundary``, so that it needs a loss that has one."""
        return False

    def augment(self, images: Tensor, rng: torch.Generator, progress: float | Tensor, state: State) -> Tensor:
        """Returns augmented images as ``__call__`` does, with the augmentation's ``state``, which it does not
        change."""
        return self(images, rng, progress)

    def __call__(self, images: Tensor, rng: torch.Generator, progress: float | Tensor) -> Tensor:
        """Returns augmented images of the same shape (N, C, H, W). ``progress`` is the share of training that is done,
        0 to 1. In a CUDA graph it is a scalar tensor; a component that reads it back as a number disables graphs."""
        raise TypeError(f"{type(self).__name__} defines no augmentation")
