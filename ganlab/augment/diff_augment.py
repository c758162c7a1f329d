from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from ganlab.random_numbers import integers, uniform
from ganlab.table import Fraction, Range
from ganlab.types import Augmentation


@dataclass(frozen=True)
class DiffAugment(Augmentation):
    """Differentiable augmentation: colour, translation and cutout, in this order, with separate random numbers for
    each image. Zhao et al. 2020, section 4, and their published code.

    ``color`` adds U(-0.5, 0.5) to all values (brightness), scales by U(0, 2) around each pixel's mean over the
    channels (saturation; no effect on grey images) and by U(0.5, 1.5) around the image's mean (contrast).
    ``translation`` moves the image by whole pixels, up to that share of each side, and fills with zeros. ``cutout``
    sets a rectangle with that share of each side to zero; its centre can be anywhere, and at least one row and one
    column remain, so that points and tiny images are not erased. All are differentiable in the images. Raises
    ValueError if all three are off.
    """

    color: bool = True
    translation: Fraction = 0.125
    cutout: Annotated[float, Range(least=0, below=1)] = 0.5

    def __post_init__(self) -> None:
        if not (self.color or self.translation or self.cutout):
            raise ValueError("color, translation and cutout are all off, so nothing is augmented; leave it out instead")

    def __call__(self, images: Tensor, rng: torch.Generator, progress: float | Tensor) -> Tensor:
        if self.color:
            images = _color(images, rng)
        if self.translation:
            images = _translate(images, self.translation, rng)
        if self.cutout:
            images = _cut_out(images, self.cutout, rng)
        return images


def _color(images: Tensor, rng: torch.Generator) -> Tensor:
    brightness, saturation, contrast = uniform((3, len(images), 1, 1, 1), rng, along=1)
    images = images + (brightness - 0.5)
    grey = images.mean(dim=1, keepdim=True)
    images = grey + (images - grey) * (2 * saturation)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    result: Tensor = mean + (images - mean) * (contrast + 0.5)
    return result


def _translate(images: Tensor, share: float, rng: torch.Generator) -> Tensor:
    for axis in (2, 3):
        side = images.shape[axis]
        most = int(side * share + 0.5)
        moved = integers(-most, most + 1, (len(images), 1), rng)
        source = torch.arange(side, device=images.device) - moved  # (N, side): the index to copy from
        inside = (source >= 0) & (source < side)
        along = (len(images), 1, side, 1) if axis == 2 else (len(images), 1, 1, side)
        index = source.clamp(0, side - 1).view(along).expand_as(images)
        images = images.gather(axis, index) * inside.view(along)
    return images


def _cut_out(images: Tensor, share: float, rng: torch.Generator) -> Tensor:
    inside = []
    for side in images.shape[2:]:
        cut = min(int(side * share + 0.5), side - 1)
        middle = integers(0, side + 1 - cut % 2, (len(images), 1), rng)
        start = middle - cut // 2
        position = torch.arange(side, device=images.device)
        inside.append((position >= start) & (position < start + cut))
    rows, columns = inside
    return images * ~(rows[:, None, :, None] & columns[:, None, None, :])
