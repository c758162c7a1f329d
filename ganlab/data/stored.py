"""The base class of sources whose images are decoded once and then taken from the cache."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from ganlab.data.decoded.prepare import open_or_make
from ganlab.data.reading.ranges import Numbers, RangeSetting, bounds_of, need_two
from ganlab.data.source import HeldOut, ImageSet, Listing, Size, Source, chosen
from ganlab.table import PositiveInt

__all__ = ["Listing", "Stored"]


@dataclass(frozen=True)
class Stored(Source):
    """A source with a cache. Subclasses define ``stamp``, which changes when the images do, ``listing``, the images
    before they are decoded, and ``pixels``, which decodes one.

    ``classes`` selects the images of some classes, by name or number, renumbered in that order; ``limit`` is the number
    of images, chosen at random, the same in every run; ``held_out`` of them are kept out of training. A subclass whose
    images may have numbers of several ranges has a setting ``range``.
    """

    not_in_pixels: ClassVar[frozenset[str]] = frozenset({"held_out", "flip", "download"})
    """Settings that do not change the decoded images."""
    paths: ClassVar[frozenset[str]] = frozenset()
    """Settings that are paths."""
    maybe_paths: ClassVar[frozenset[str]] = frozenset()
    """Those of ``paths`` that may be something else, such as a name on a hub."""
    readable_classes: ClassVar[int | None] = None
    """The number of classes of the opened images; None before they are opened."""

    size: Size = None
    classes: tuple[str | int, ...] | None = None
    limit: PositiveInt | None = None
    held_out: HeldOut = 0

    def __post_init__(self) -> None:
        for key in self.paths:  # `data.root=~/pictures` reaches us as it was typed
            if isinstance(value := getattr(self, key), str):
                object.__setattr__(self, key, os.path.expanduser(value))
        need_two(self._range)

    # ------------------------------------------------------------------------------------------- what a subclass says

    @property
    def all_classes(self) -> int:
        """The number of classes before ``classes`` selects some; 0 without labels."""
        return 0

    @property
    def label(self) -> str:
        """The name of the cache's entry."""
        return type(self).__name__

    def stamp(self) -> str:
        """Returns a text that changes when the files change, or the code that draws images. Each start calls it, so it
        is quick. There is no default, with which an entry of the cache would never be renewed."""
        raise TypeError(f"{type(self).__name__} does not say when its images change: define stamp()")

    def listing(self) -> Listing:
        """Returns all images, not decoded. Raises UserError if there are none."""
        raise TypeError(f"{type(self).__name__} lists nothing")

    def pixels(self, item: Any) -> np.ndarray:
        """Returns one image (H, W, C) uint8; may run in another process. Raises ``ranges.Unscaled`` if ``range`` is
        needed and is no pair of numbers, and an error of any type if the image cannot be read."""
        raise TypeError(f"{type(self).__name__} decodes nothing")

    def name_of(self, item: Any) -> str:
        """Returns the name of an item for messages."""
        return str(item)

    def remarks(self, items: Sequence[Any]) -> list[str]:
        """Returns notes on the files of the items, which the user sees."""
        return []

    # ---------------------------------------------------------------------------------------------------------- shared

    @property
    def class_count(self) -> int:
        if self.readable_classes is not None:
            return self.readable_classes
        return len(self.classes) if self.classes is not None else self.all_classes

    def open(self, cache: Path | None = None) -> ImageSet:
        found = open_or_make(self, cache)
        self.settle(found)
        found = replace(found, flip=getattr(self, "flip", False))
        return found.hold_out(self.held_out)

    def settle(self, image_set: ImageSet) -> None:
        object.__setattr__(self, "readable_classes", len(image_set.classes))

    def settings(self) -> dict[str, Any]:
        return asdict(self)

    def selected(self) -> Listing:
        """Returns the listing without the items that ``classes`` and ``limit`` leave out."""
        return chosen(self.listing(), self.classes, self.limit)

    @property
    def _range(self) -> RangeSetting:
        return getattr(self, "range", "auto")

    def bounds(self, numbers: Numbers) -> tuple[Self, str]:
        """Returns the source with the bounds of all images that have these numbers, and a note. Raises UserError where
        the numbers do not fit ``range``."""
        found, note = bounds_of(self._range, numbers)
        return replace(self, range=found), note  # type: ignore[call-arg]
