"""Images that lie in files: read and fitted once, then taken from the cache."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from ganlab.data.prepare import open_or_make
from ganlab.data.ranges import Numbers, RangeSetting, bounds_of, need_two
from ganlab.data.source import HeldOut, ImageSet, Listing, Size, Source, chosen
from ganlab.table import PositiveInt

__all__ = ["Listing", "Stored"]


@dataclass(frozen=True)
class Stored(Source):
    """Subclasses say what files there are (``stamp``, ``listing``) and how one image is made of them (``pixels``).

    ``classes`` takes images of some classes only, by name or number, renumbered in that order; ``limit`` so many,
    chosen at random, the same in every run; ``held_out`` keeps some of those out of training. A subclass whose images
    may have numbers of several ranges has a setting ``range``.
    """

    not_in_pixels: ClassVar[frozenset[str]] = frozenset({"held_out", "flip", "download"})
    """Settings that leave the decoded images as they are."""
    paths: ClassVar[frozenset[str]] = frozenset()
    """Settings that are places of files."""
    maybe_paths: ClassVar[frozenset[str]] = frozenset()
    """Of those, the ones that may be something else, such as a name on a hub."""
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
        """A text that changes when the files do, or the way in which images are drawn; quick, since every start calls
        it. It has no default: an entry of the cache would never be made again."""
        raise TypeError(f"{type(self).__name__} does not say when its images change: define stamp()")

    def listing(self) -> Listing:
        """All images that there are. Raises UserError where there are none."""
        raise TypeError(f"{type(self).__name__} lists nothing")

    def pixels(self, item: Any) -> np.ndarray:
        """One image (H, W, C) uint8; in another process, perhaps. Raises ``ranges.Unscaled`` where ``range`` is no pair
        of numbers and is needed, and anything else where the image cannot be read."""
        raise TypeError(f"{type(self).__name__} decodes nothing")

    def name_of(self, item: Any) -> str:
        """Returns the name of an item for messages."""
        return str(item)

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
