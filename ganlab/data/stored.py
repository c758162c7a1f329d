"""Images that lie in files: read and fitted once, then taken from the cache."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ganlab.data.prepare import open_or_make
from ganlab.data.source import HeldOut, ImageSet, Size, Source, chosen_classes, some
from ganlab.errors import UserError
from ganlab.table import PositiveInt


@dataclass(frozen=True, eq=False)
class Listing:
    """The listing of a source, before any image is decoded. ``items`` locate each image, in whatever form the source's
    own ``pixels`` understands; they travel to other processes. ``in_memory``: the images are decoded already, and other
    processes would only be slower."""

    items: Sequence[Any]
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    """Lines for the file beside the images, too many for a note: what was passed over, and why."""
    in_memory: bool = False


@dataclass(frozen=True)
class Stored(Source):
    """Subclasses say what files there are (``stamp``, ``listing``) and how one image is made of them (``pixels``).

    ``classes`` takes images of some classes only, by name or number, renumbered in that order; ``limit`` so many,
    chosen at random, the same in every run; ``held_out`` keeps some of those out of training.
    """

    not_in_pixels: ClassVar[frozenset[str]] = frozenset({"held_out", "flip", "download"})
    """Settings that leave the decoded images as they are."""
    paths: ClassVar[frozenset[str]] = frozenset()
    """Settings that are places of files."""
    maybe_paths: ClassVar[frozenset[str]] = frozenset()
    """Of those, the ones that may be something else, such as a name on a hub."""

    size: Size = None
    classes: tuple[str | int, ...] | None = None
    limit: PositiveInt | None = None
    held_out: HeldOut = 0

    def __post_init__(self) -> None:
        for key in self.paths:  # `data.root=~/pictures` reaches us as it was typed
            if isinstance(value := getattr(self, key), str):
                object.__setattr__(self, key, os.path.expanduser(value))

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
        """A text that changes when the files do; quick, since every start asks for it."""
        return ""

    def listing(self) -> Listing:
        """All images that there are. Raises UserError where there are none."""
        raise TypeError(f"{type(self).__name__} lists nothing")

    def pixels(self, item: Any) -> np.ndarray:
        """One image (H, W, C) uint8; in another process, perhaps. Raises anything where it cannot be read."""
        raise TypeError(f"{type(self).__name__} decodes nothing")

    def name_of(self, item: Any) -> str:
        """Returns the name of an item for messages."""
        return str(item)

    # ---------------------------------------------------------------------------------------------------------- shared

    @property
    def class_count(self) -> int:
        return len(self.classes) if self.classes is not None else self.all_classes

    def open(self, cache: Path | None = None) -> ImageSet:
        found = open_or_make(self, cache)
        found = replace(found, flip=getattr(self, "flip", False))
        return found.hold_out(self.held_out)

    def selected(self) -> Listing:
        """Returns the listing without the items that ``classes`` and ``limit`` leave out."""
        listing = self.listing()
        rows = np.arange(len(listing.items))
        labels, names = listing.labels, listing.classes
        if self.classes is not None:
            wanted = chosen_classes(names, self.classes)
            assert labels is not None
            rows = rows[np.isin(labels, wanted)]
            renumbered = np.full(len(names), -1)
            renumbered[wanted] = np.arange(len(wanted))
            labels, names = renumbered[labels], tuple(names[number] for number in wanted)
        if self.limit is not None:
            if self.limit > len(rows):
                raise UserError(
                    f"data.limit={self.limit}: there are {len(rows):,} images; type a smaller number or null"
                )
            rows = some(rows, self.limit, "limit")
        return replace(
            listing,
            items=[listing.items[row] for row in rows.tolist()],
            labels=labels[rows].astype(np.int64) if labels is not None else None,
            classes=names,
        )
