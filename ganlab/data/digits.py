from __future__ import annotations

from dataclasses import dataclass

import torch

from ganlab.data.source import ImageSet, Size, Source, limited, resize, sides
from ganlab.table import Count


@dataclass(frozen=True)
class Digits(Source):
    """1,797 scans of handwritten digits, 8×8 grey, resized; they come with scikit-learn, so nothing is downloaded.

    The test part of the UCI set "Optical Recognition of Handwritten Digits", Alpaydin & Kaynak 1998.
    """

    size: Size = 32
    limit: Count | None = None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return (1, *sides(self.size, (8, 8)))

    @property
    def class_count(self) -> int:
        return 10

    def open(self) -> ImageSet:
        from sklearn.datasets import load_digits  # takes a second, and only this source needs it

        digits = load_digits()
        images = torch.from_numpy(digits.images).mul(255 / 16).round().to(torch.uint8)[:, None]
        labels = torch.from_numpy(digits.target).long()
        images = resize(images, sides(self.size, (8, 8)))
        return limited(ImageSet(images, labels, tuple(map(str, range(10)))), self.limit)
