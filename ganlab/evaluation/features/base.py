"""What images are compared by: the contract of a feature extractor."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Reals:
    """The ``rows`` (n,) of real images (N, H, W, C), uint8 or already float32 in [-1, 1], perhaps in a memory-mapped
    file; their labels (N,) int64 or None, and the classes' names. ``fingerprint`` tells the data set from others.
    ``stacked``: each channel is a picture of its own, and the label's decimals are theirs (three digits make one of
    1,000 classes)."""

    images: np.ndarray
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    rows: np.ndarray = None  # type: ignore[assignment]  # all of them
    fingerprint: str = ""
    stacked: bool = False

    def __post_init__(self) -> None:
        if self.rows is None:
            object.__setattr__(self, "rows", np.arange(len(self.images)))

    def __len__(self) -> int:
        return len(self.rows)

    def batches(self, size: int, device: torch.device) -> Iterator[Tensor]:
        """Images (n, C, H, W) in [-1, 1] on the device, in order."""
        for start in range(0, len(self), size):
            yield as_images(self.images[self.rows[start : start + size]], device)


def as_images(pixels: np.ndarray, device: torch.device) -> Tensor:
    """Pixels (n, H, W, C) as images (n, C, H, W) in [-1, 1]."""
    images = torch.from_numpy(np.ascontiguousarray(pixels)).to(device).permute(0, 3, 1, 2)
    return images.float().div_(127.5).sub_(1.0) if images.dtype == torch.uint8 else images


@dataclass(frozen=True)
class Extracted:
    """``features`` (n, d) and, where the extractor is a classifier, what it takes the images for: ``probabilities``
    (n, classes)."""

    features: Tensor
    probabilities: Tensor | None = None


@dataclass(frozen=True)
class Opened:
    """An extractor that is ready: ``extract`` maps images (n, C, H, W) in [-1, 1]; ``facts`` are what a score must say
    of it, its ``hash`` among them; ``notes`` are for the person."""

    extract: Callable[[Tensor], Extracted]
    facts: Mapping[str, Any]
    notes: tuple[str, ...] = field(default=())


class Features:
    """Subclasses are dataclasses: their fields are settings."""

    def check(self, labelled: bool) -> None:
        """Looks whether what it needs is there; ``labelled``: the data has classes. Raises UserError."""

    def open(self, real: Reals, device: torch.device, cache: Path) -> Opened:
        """The extractor for data like ``real``; what takes time to make is kept under ``cache``. Raises UserError."""
        raise TypeError(f"{type(self).__name__} opens nothing")


def hash_of(network: nn.Module) -> str:
    """A hash of a network's weights and buffers."""
    digest = hashlib.blake2b(digest_size=6)
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
