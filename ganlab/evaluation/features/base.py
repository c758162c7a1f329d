"""The interface of feature extractors."""

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
    """A set of real images: the ``rows`` (n,) of ``images`` (N, H, W, C), uint8 or float32 in [-1, 1], which may be a
    memory-mapped file; ``labels`` (N,) int64 or None, and the names of the ``classes``. ``fingerprint`` identifies the
    data set. ``stacked``: each channel is an image of its own, with one decimal of the label as its class (three digits
    make one of 1,000 classes)."""

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
        """Yields batches of images (n, C, H, W) in [-1, 1] on the device, in order."""
        for start in range(0, len(self), size):
            yield as_images(self.images[self.rows[start : start + size]], device)


def as_images(pixels: np.ndarray, device: torch.device) -> Tensor:
    """Converts pixels (n, H, W, C), uint8 or float32 in [-1, 1], to images (n, C, H, W) in [-1, 1]."""
    images = torch.from_numpy(np.ascontiguousarray(pixels)).to(device).permute(0, 3, 1, 2)
    return images.float().div_(127.5).sub_(1.0) if images.dtype == torch.uint8 else images


@dataclass(frozen=True)
class Extracted:
    """The ``features`` (n, d) of images and, if the extractor is a classifier, the ``probabilities`` (n, classes) of
    their classes."""

    features: Tensor
    probabilities: Tensor | None = None


@dataclass(frozen=True)
class Opened:
    """An extractor that is ready for use: ``extract`` takes images (n, C, H, W) in [-1, 1]; ``facts`` identify it in
    the fingerprint of scores and include its ``hash``; ``notes`` are messages for the user."""

    extract: Callable[[Tensor], Extracted]
    facts: Mapping[str, Any]
    notes: tuple[str, ...] = field(default=())


class Features:
    """A feature extractor. Subclasses are dataclasses whose fields are settings."""

    def check(self, labelled: bool) -> None:
        """Raises UserError if packages or files that the extractor needs are missing, or if it needs classes and the
        data has none (``labelled``: it has)."""

    def open(self, real: Reals, device: torch.device, cache: Path) -> Opened:
        """Returns the extractor for the data set ``real``. Files that take time to make are stored in the folder
        ``cache``. Raises UserError."""
        raise TypeError(f"{type(self).__name__} defines no open()")


def hash_of(network: nn.Module) -> str:
    """Returns a hash of the weights and buffers of a network."""
    digest = hashlib.blake2b(digest_size=6)
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
