"""Where images come from: the contract of a data source, and resizing that all of them share."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ganlab.errors import UserError
from ganlab.table import Count

Size = Count | tuple[Count, Count] | None
"""A side of square images, or (height, width), in pixels; None keeps the source's own."""


@dataclass(frozen=True)
class ImageSet:
    """Decoded images (N, C, H, W), uint8 or already float32 in [-1, 1], their labels (N,) int64 or None, the classes'
    names, and notes for the person on what was left out."""

    images: Tensor
    labels: Tensor | None = None
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)


class Source:
    """A set of images. Subclasses are dataclasses: their fields are settings."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the images that ``open`` gives; known before anything is read."""
        raise TypeError(f"{type(self).__name__} does not say what shape its images have")

    @property
    def class_count(self) -> int:
        """How many classes the images' labels tell apart, known before any image is read; 0 without labels."""
        return 0

    def check(self) -> None:
        """Looks, without reading all of it, whether the data is there. Raises UserError where it is not."""

    def open(self) -> ImageSet:
        """All images, decoded and resized. Raises UserError where there are none or they cannot be read."""
        raise TypeError(f"{type(self).__name__} opens nothing")


def sides(size: Size, native: tuple[int, int]) -> tuple[int, int]:
    """(height, width) that a ``size`` setting means."""
    if size is None:
        return native
    return (size, size) if isinstance(size, int) else size


def resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Images (N, C, H, W) uint8 resized, bilinear, with antialiasing where they shrink; in parts, to spare memory."""
    if tuple(images.shape[-2:]) == size:
        return images
    parts = [
        F.interpolate(part.float(), size, mode="bilinear", antialias=True).round().clamp(0, 255).to(torch.uint8)
        for part in images.split(4096)
    ]
    return torch.cat(parts)


def limited(image_set: ImageSet, limit: int | None) -> ImageSet:
    """The first ``limit`` images; the others' memory is given back. Raises UserError where there are fewer."""
    if limit is None:
        return image_set
    if limit > len(image_set):
        raise UserError(f"data.limit={limit}: there are {len(image_set):,} images; type a smaller number or null")
    labels = image_set.labels[:limit] if image_set.labels is not None else None
    return replace(image_set, images=image_set.images[:limit].clone(), labels=labels)
