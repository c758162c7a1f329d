"""The interface of data sources, and the image sets that they open.

Only the feed imports PyTorch when it is imported, so that processes that decode images start quickly.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Protocol

import numpy as np

from ganlab import random_streams
from ganlab.data.reading.ranges import Numbers
from ganlab.errors import UserError, nearest
from ganlab.table import NonNegativeInt, PositiveInt, Range

Size = PositiveInt | tuple[PositiveInt, PositiveInt] | None
"""The side of square images, or (height, width), in pixels; None keeps the size of the data."""

Share = Annotated[float, Range(above=0, below=1)]
HeldOut = NonNegativeInt | Share
"""The held-out images: their number, or their share of all."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Decoded images (N, H, W, C), uint8 or float32 in [-1, 1], which may be memory-mapped; their labels (N,) int64 or
    None, and the classes' names.

    ``rows`` are the images to train with, ``held_out`` those that are kept out of training. ``flip``: images may be
    mirrored. ``fingerprint`` distinguishes these images from others. ``place`` is the place of the images, and
    ``notes`` are for the user, such as what was left out. ``aligned`` holds further images of each item by name, such
    as its outline, each (N, H', W', C') like ``images``, or several for each item (``Drawn``): they are taken, mirrored
    and augmented together with it. ``label_sets`` holds further labels of each item by name, such as its font.
    ``parts`` are rows by name, such as those of fonts that are not trained on, for pictures and scores of each.
    """

    images: np.ndarray
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    rows: np.ndarray = None  # type: ignore[assignment]  # all of them
    held_out: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    flip: bool = False
    fingerprint: str = ""
    place: str = ""
    notes: tuple[str, ...] = ()
    aligned: Mapping[str, np.ndarray | Drawn] = field(default_factory=dict)
    label_sets: Mapping[str, LabelSet] = field(default_factory=dict)
    parts: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.rows is None:
            object.__setattr__(self, "rows", np.arange(len(self.images)))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        height, width, channels = self.images.shape[1:]
        return channels, height, width

    def aligned_images(self, name: str, rows: np.ndarray) -> np.ndarray:
        """Returns the aligned images (n, H', W', C') of these rows, the same at each call."""
        found = self.aligned[name]
        images = found.images if isinstance(found, Drawn) else found
        numbers = found.choose(rows, evenly(rows)) if isinstance(found, Drawn) else rows
        taken: np.ndarray = images.take(numbers, axis=0)
        return taken

    def hold_out(self, wanted: int | float) -> ImageSet:
        """Returns the set with ``wanted`` images, or that share, kept out of training, chosen at random, the same in
        every run. Raises UserError if none would be left."""
        count = max(1, round(wanted * len(self))) if 0 < wanted < 1 else int(wanted)
        if count >= len(self):
            raise UserError(
                f"data.held_out={wanted}: there are {len(self):,} images, and none would be left to train with; "
                "type a smaller number, or a share such as 0.1"
            )
        if not count:
            return self
        chosen = some(self.rows, count, "held_out")
        return replace(self, rows=np.setdiff1d(self.rows, chosen), held_out=chosen)


@dataclass(frozen=True, eq=False)
class LabelSet:
    """Labels (N,) int64 of the items, such as the font of each glyph, and the names of their classes."""

    labels: np.ndarray
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Drawn:
    """Aligned images of which one is drawn for an item each time, such as another glyph of its font.

    The candidates of item i are the images (M, H, W, C) with the numbers ``members[first[i] : first[i] + count[i]]``,
    without the member at place ``own[i]`` of these (-1: none is left out). Each item has at least one.
    """

    images: np.ndarray
    members: np.ndarray  # (L,)
    first: np.ndarray  # (N,)
    count: np.ndarray  # (N,)
    own: np.ndarray  # (N,)

    @classmethod
    def one_each(cls, images: np.ndarray, numbers: np.ndarray) -> Drawn:
        """Returns aligned images of which item i has the one with the number ``numbers[i]``."""
        items = np.arange(len(numbers))
        return cls(images, numbers, items, np.ones_like(items), np.full_like(items, -1))

    def on(self, convert: Callable[[np.ndarray], Any]) -> Drawn:
        """Returns it with all numbers converted, such as to tensors on a device."""
        return Drawn(self.images, *(convert(one) for one in (self.members, self.first, self.count, self.own)))

    def choose(self, rows: Any, numbers: Any) -> Any:
        """Returns the number of an image for each of the rows (n,), chosen by integers (n,) in [0, 2³²). It computes
        with NumPy arrays or, after ``on``, with tensors."""
        own = self.own[rows]
        choices = self.count[rows] - 1 * (own >= 0)
        place = numbers * choices >> 32
        return self.members[self.first[rows] + place + 1 * ((own >= 0) & (place >= own))]


def evenly(rows: Any) -> Any:
    """Returns an integer in [0, 2³²) for each row, an array or a tensor, the same at each call. Those of successive
    rows lie evenly: the multiples of the golden ratio modulo 1, times 2³²."""
    return (rows + 1) * 2_654_435_769 % 2**32


class Source:
    """A set of images. Subclasses are dataclasses: their fields are settings."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the images that ``open`` gives; known before anything is read."""
        raise TypeError(f"{type(self).__name__} does not say what shape its images have")

    @property
    def aligned_shapes(self) -> Mapping[str, tuple[int, int, int]]:
        """The shapes (C, H, W) of the aligned images that ``open`` provides, by name; known before anything is read."""
        return {}

    @property
    def label_sets(self) -> Mapping[str, int]:
        """The numbers of classes of the further labels that ``open`` provides, by name; known before anything is
        read, and exactly once it is opened."""
        return {}

    @property
    def shared_labels(self) -> Mapping[str, str]:
        """For some of the aligned images the one of ``label_sets`` that they share with the image, by name."""
        return {}

    @property
    def class_count(self) -> int:
        """The number of classes of the labels, known before any image is read; 0 without labels."""
        return 0

    def check(self) -> None:
        """Checks that the data exists, without reading all of it. Raises UserError."""

    def open(self, cache: Path | None = None) -> ImageSet:
        """Returns all images, decoded and fitted. Sources whose decoding takes time keep them under ``cache`` (None:
        the user's cache folder). Raises UserError if there are none, or if they cannot be read."""
        raise TypeError(f"{type(self).__name__} opens nothing")

    def settle(self, image_set: ImageSet) -> None:
        """Sets ``class_count`` to the number of classes of the opened images."""


@dataclass(frozen=True, eq=False)
class Listing:
    """The images of a source before they are decoded. Each of the ``items`` is the argument of the source's ``pixels``
    for one image, and can be pickled. ``in_memory``: the images are in memory already, and other processes would only
    be slower."""

    items: Sequence[Any]
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    """Lines for the file ``left-out.txt``: each file that was left out, and the reason."""
    in_memory: bool = False
    label_sets: Mapping[str, LabelSet] = field(default_factory=dict)
    """Further labels of the items, by name."""


class Decodable(Protocol):
    """The part of a source that decoding and the cache of decoded images use."""

    not_in_pixels: ClassVar[frozenset[str]]
    paths: ClassVar[frozenset[str]]
    maybe_paths: ClassVar[frozenset[str]]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the decoded images."""

    @property
    def label(self) -> str:
        """The name of the cache's entry."""

    def settings(self) -> dict[str, Any]:
        """The settings, as plain values."""

    def stamp(self) -> str:
        """A text that changes when the files do."""

    def selected(self) -> Listing:
        """The listing of the images that the settings select."""

    def pixels(self, item: Any) -> np.ndarray:
        """One image (H, W, C) uint8. Raises Unscaled, or anything else where it cannot be read."""

    def name_of(self, item: Any) -> str:
        """The name of an item for messages."""

    def remarks(self, items: Sequence[Any]) -> list[str]:
        """Notes on the files of the items, such as that they are smaller than the images."""

    def bounds(self, numbers: Numbers) -> tuple[Decodable, str]:
        """The source with the bounds of all images that have these numbers, and a note. Raises UserError."""


def sides(size: Size, native: tuple[int, int]) -> tuple[int, int]:
    """Returns the (height, width) of a ``size`` setting."""
    if size is None:
        return native
    return (size, size) if isinstance(size, int) else size


def some(rows: np.ndarray, count: int, stream: str) -> np.ndarray:
    """Returns ``count`` of the rows in their order, chosen at random, the same in every run. A larger ``count`` has the
    rows of a smaller one, and more."""
    order = np.random.default_rng(random_streams.derive(0, f"data/{stream}")).permutation(len(rows))
    return np.sort(rows[order[:count]])


def printable(text: str) -> str:
    """Returns the text with control characters as escapes: names of files may contain any, and terminals obey them."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def chosen(listing: Listing, classes: Sequence[str | int] | None = None, limit: int | None = None) -> Listing:
    """Returns the listing with the items of these classes alone, renumbered in that order, and with ``limit`` of them,
    chosen at random. Raises UserError if there are fewer."""
    rows = np.arange(len(listing.items))
    labels, names = listing.labels, listing.classes
    if classes is not None:
        wanted = chosen_classes(names, classes)
        assert labels is not None
        rows = rows[np.isin(labels, wanted)]
        renumbered = np.full(len(names), -1)
        renumbered[wanted] = np.arange(len(wanted))
        labels, names = renumbered[labels], tuple(names[number] for number in wanted)
    if limit is not None:
        if limit > len(rows):
            raise UserError(f"data.limit={limit}: there are {len(rows):,} images; type a smaller number or null")
        rows = some(rows, limit, "limit")
    return replace(
        listing,
        items=[listing.items[row] for row in rows.tolist()],
        labels=labels[rows].astype(np.int64) if labels is not None else None,
        classes=names,
        label_sets={name: LabelSet(one.labels[rows], one.names) for name, one in listing.label_sets.items()},
    )


def chosen_classes(names: Sequence[str], wanted: Sequence[str | int]) -> list[int]:
    """Returns the numbers of the classes in ``data.classes``, each a name or a number. Raises UserError."""
    if not names:
        raise UserError("data.classes: these images have no classes; leave it out")
    numbers = []
    alike = [unicodedata.normalize("NFC", name) for name in names]
    for one in wanted:
        if (name := unicodedata.normalize("NFC", str(one))) in alike:
            numbers.append(alike.index(name))
        elif isinstance(one, int) and 0 <= one < len(names):
            numbers.append(one)
        else:
            shown = ", ".join(names[:12]) + (f", … ({len(names)} in all)" if len(names) > 12 else "")
            guess = nearest(str(one), names)
            hint = f"did you mean {guess}?" if guess else f"the classes are {shown}"
            raise UserError(f"data.classes: there is no class {one}; {printable(hint)}")
    if len(set(numbers)) < len(numbers) or not numbers:
        raise UserError(f"data.classes=[{','.join(map(str, wanted))}]: name at least one class, and each once")
    return numbers
