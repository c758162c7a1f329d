"""What the trainer asks of the data. It knows no file and no image set."""

from __future__ import annotations

from typing import Any, Protocol

from ganlab.types import Batch


class Feed(Protocol):
    """Batches of reals, forever; ``drawn`` counts the images, and setting it goes on from there."""

    drawn: int
    batch_size: int

    def next(self, count: int | None = None) -> Batch:
        """``count`` images, or a batch."""

    def first(self, count: int) -> Batch:
        """The same few images at every call, to show what the data looks like."""

    def held_out(self, count: int, step: int) -> Batch | None:
        """``count`` images that are never trained on, others at another step; None where none are kept."""

    def trained_on(self, count: int, step: int) -> Batch:
        """As many that are trained on, apart from the walk through them."""

    def position(self) -> dict[str, Any]:
        """What a checkpoint says of ``drawn``: epoch, offset, and which images they count."""

    def first_of_classes(self, count: int, classes: int) -> Batch:
        """``count`` of each class, class by class; grey where the data has fewer."""
