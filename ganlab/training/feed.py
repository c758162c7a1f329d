"""The interface between the trainer and the data."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

from ganlab.types import Batch


class Feed(Protocol):
    """An endless sequence of batches of real images. ``drawn`` is the number of images that were drawn; assigning it
    continues the sequence from there."""

    drawn: int
    batch_size: int

    def next(self, count: int | None = None) -> Batch:
        """Returns the next ``count`` images, by default a batch."""

    def first(self, count: int) -> Batch:
        """Returns ``count`` images, the same ones at every call, to show the data."""

    @property
    def parts(self) -> Collection[str]:
        """The names of the parts of the data that are shown by themselves, such as ``held_out``."""

    def part(self, name: str, count: int) -> Batch:
        """Returns at most ``count`` images of a part, the same ones at every call."""

    def held_out(self, count: int, step: int) -> Batch | None:
        """Returns ``count`` images that are never trained on, which depend on ``step``; None if none are held out."""

    def trained_on(self, count: int, step: int) -> Batch:
        """Returns ``count`` training images, which depend on ``step``, without changing ``drawn``."""

    def position(self) -> dict[str, Any]:
        """Returns the position that a checkpoint stores besides ``drawn``: epoch, offset, and the images that they
        count."""

    def first_of_classes(self, count: int, classes: int) -> Batch:
        """Returns ``count`` images of each class, ordered by class; grey images fill up a class that has fewer."""
