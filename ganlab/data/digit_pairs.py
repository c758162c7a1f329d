from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageFilter

from ganlab.data.digits import Digits
from ganlab.data.source import ImageSet, Size, sides

SourceKind = Literal["outline", "blur", "small"]


@dataclass(frozen=True)
class DigitPairs(Digits):
    """The bundled digits, each with an aligned image ``source`` made from it, for ``condition=image``.

    ``source`` is the digit's ``outline`` (the magnitude of its gradient, scaled to the full range), a ``blur`` (a
    Gaussian with a standard deviation of an eighth of the shorter side), or a ``small`` copy (a quarter of each side,
    enlarged with nearest neighbours).
    """

    size: Size = 32
    source: SourceKind = "outline"

    not_in_pixels = frozenset({*Digits.not_in_pixels, "source"})

    @property
    def aligned_shapes(self) -> Mapping[str, tuple[int, int, int]]:
        return {"source": (1, *sides(self.size, (8, 8)))}

    def open(self, cache: Path | None = None) -> ImageSet:
        found = super().open(cache)
        make = MAKERS[self.source]
        source = np.stack([make(image[:, :, 0]) for image in found.images])[..., None]
        return replace(found, aligned={"source": source}, fingerprint=f"{found.fingerprint}-{self.source}")


def outline(image: np.ndarray) -> np.ndarray:
    """Returns the gradient's magnitude (H, W) uint8, whose largest value is 255."""
    down, right = np.gradient(image.astype(np.float32))
    size = np.hypot(down, right)
    edges: np.ndarray = (255 * size / max(size.max(), 1e-6)).round().astype(np.uint8)
    return edges


def blur(image: np.ndarray) -> np.ndarray:
    """Returns the image (H, W) uint8 after a Gaussian blur."""
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(min(image.shape) / 8)))


def small(image: np.ndarray) -> np.ndarray:
    """Returns the image (H, W) uint8 reduced to a quarter of each side and enlarged again."""
    height, width = image.shape
    reduced = Image.fromarray(image).resize((max(width // 4, 1), max(height // 4, 1)), Image.Resampling.BOX)
    return np.asarray(reduced.resize((width, height), Image.Resampling.NEAREST))


MAKERS: dict[SourceKind, Callable[[np.ndarray], np.ndarray]] = {"outline": outline, "blur": blur, "small": small}
