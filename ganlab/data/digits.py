from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from PIL import Image

from ganlab.data.reading import pixels
from ganlab.data.source import Listing, Size, sides
from ganlab.data.stored import Stored

DRAWING = 1  # version of the code that turns scans into images


@dataclass(frozen=True)
class Digits(Stored):
    """1,797 scans of handwritten digits, 8×8 grey, resized; they come with scikit-learn, so nothing is downloaded.

    The test part of the UCI set "Optical Recognition of Handwritten Digits", Alpaydin & Kaynak 1998.
    """

    size: Size = 32

    all_classes: ClassVar[int] = 10

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return (1, *sides(self.size, (8, 8)))

    def stamp(self) -> str:
        return f"{DRAWING}"  # the scans have been the same in every release of scikit-learn

    def listing(self) -> Listing:
        scans, labels = _load()
        return Listing(range(len(scans)), labels, tuple(map(str, range(10))), in_memory=True)

    def pixels(self, item: int) -> np.ndarray:
        return pixels.fit(Image.fromarray(_load()[0][item]), self.image_shape, crop="stretch")


@lru_cache(maxsize=1)
def _load() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits  # its import takes a second, and only this source needs it

    digits = load_digits()
    return (digits.images * (255 / 16)).round().astype(np.uint8), digits.target
