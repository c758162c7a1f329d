"""Images in the files of NumPy."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from PIL import Image

from ganlab.data.reading import numpy_files, pixels, ranges
from ganlab.data.reading.numpy_files import Header
from ganlab.data.reading.ranges import Bounds, Numbers, RangeSetting
from ganlab.data.source import Listing, sides
from ganlab.data.stored import Stored
from ganlab.errors import UserError, nearest
from ganlab.progress import progress

IMAGES = ("images", "x_train", "train_images", "x", "data", "arr_0")
SUFFIXES = (".npy", ".npz")
PART = 1 << 24  # numbers whose range is computed at once: 64 MB of float32
MOST_CHANNELS = 1024  # of images; hyperspectral ones have some hundreds


@dataclass(frozen=True)
class Arrays(Stored):
    """The images of one array in ``root``, a ``.npy`` or ``.npz`` file: (N, H, W), (N, H, W, C) or (N, C, H, W). The
    fourth of 4 channels is the opacity; 2 channels, and 5 or more, are kept as they are.

    ``range`` gives the numbers of black and white; ``auto`` takes bytes as they are and True as white, and derives the
    range of other numbers from the whole array. ``images`` and ``labels`` are keys of an ``.npz`` file; beside an
    ``.npy`` file, ``labels`` names another one. Labels are whole numbers (N,) or (N, 1); their values, in order, are
    the classes. Nothing pickled is read.
    """

    paths: ClassVar[frozenset[str]] = frozenset({"root", "labels"})

    root: str = "data.npz"
    images: str | None = None
    labels: str | None = None
    range: RangeSetting = "auto"
    color: Literal["rgb", "grey"] | None = None
    crop: pixels.Crop = "center"
    background: pixels.Background = "white"
    flip: bool = False

    # ------------------------------------------------------------------------------------------- what a source says

    def check(self) -> None:
        self._layout()

    @property
    def image_shape(self) -> tuple[int, int, int]:
        colours = {"rgb": 3, "grey": 1, None: 0}[self.color]
        if colours and self.size is not None:
            return (colours, *sides(self.size, (0, 0)))
        layout = self._layout()
        channels = layout.channels if layout.has_bands else 1 if layout.channels == 1 else 3
        return (colours or channels, *sides(self.size, (layout.height, layout.width)))

    @property
    def all_classes(self) -> int:
        return len(self._labels()[1]) if os.path.exists(self.root) else 0

    @property
    def label(self) -> str:
        _, height, width = self.image_shape
        return f"{Path(self.root).stem}-{self.images or ''}-{height}x{width}".replace("--", "-")

    def stamp(self) -> str:
        _there(self.root)
        files = [self.root]
        if self.labels is not None and numpy_files.is_npy(self.root):
            _there(self.labels, "labels")
            files.append(self.labels)
        return " ".join(f"{facts.st_size} {facts.st_mtime_ns}" for facts in map(os.stat, files))

    def listing(self) -> Listing:
        layout = self._layout()
        array = self._array()
        notes = []
        if layout.note:
            notes.append(layout.note)
        if layout.has_bands:
            shown = "the first three as red, green and blue" if layout.channels > 3 else "them as red and green"
            notes.append(f"the images have {layout.channels} channels; pictures show {shown}")
        bounds, note_on_range = self._bounds(array)
        if note_on_range:
            notes.append(note_on_range)
        labels, names, more = self._labels()
        # Where nothing is fitted, a row is copied faster than other processes start; and what had to be unpacked is in
        # this process already.
        in_memory = not self._fits(layout) or not isinstance(array, np.memmap)
        items = [Row(number, bounds) for number in range(layout.images)]
        return Listing(items, labels, names, (*notes, *more), in_memory=in_memory)

    def pixels(self, item: Row) -> np.ndarray:
        array, layout, fitted = _ready(self, os.stat(self.root).st_mtime_ns)
        image = np.asarray(array[item.number])
        if item.bounds is not None:
            image = ranges.scaled(image, item.bounds)
        if layout.channels_first:
            image = image.transpose(1, 2, 0)
        image = image.reshape(layout.height, layout.width, layout.channels)
        if not fitted:
            return image
        if layout.has_bands:
            _, height, width = self.image_shape
            bands = [Image.fromarray(np.ascontiguousarray(image[..., band])) for band in range(layout.channels)]
            return np.concatenate([pixels.fit(band, (1, height, width), self.crop) for band in bands], axis=2)
        picture = Image.fromarray(np.ascontiguousarray(image[..., 0] if layout.channels == 1 else image))
        return pixels.fit(picture, self.image_shape, self.crop, self.background)

    # ------------------------------------------------------------------------------------------------ what is in a file

    def _fits(self, layout: Layout) -> bool:
        """Returns whether images must be resized or converted after they are read."""
        return self.image_shape != (layout.channels, layout.height, layout.width)

    def _key(self) -> str | None:
        """Returns the key of the images; None for a file with one array."""
        headers = self._headers()
        if "" in headers:
            if self.images is not None:
                raise UserError(f"data.images={self.images}: {self.root} is one array, without keys; leave it out")
            return None
        if self.images is not None:
            _known(self.images, "images", self.root, headers)
            return self.images
        pictures = [key for key, header in headers.items() if len(header.shape) in (3, 4)]
        usual = [key for key in IMAGES if key in pictures]
        if usual or len(pictures) == 1:
            return (usual or pictures)[0]
        called = [key for key in headers if len(headers) == 1 or key in IMAGES]
        if called and not pictures:  # so that the message says what is wrong with it
            return called[0]
        which = "which of its arrays are the images?" if pictures else "none of its arrays has the shape of images:"
        raise UserError(f"data.root={self.root}: {which} {_shown(headers)}; type data.images=…")

    def _layout(self) -> Layout:
        key = self._key()
        layout = _layout(self._headers()[key or ""], f"{self.root}" if key is None else f"{self.root}, {key}")
        if layout.has_bands and self.color is not None:
            raise UserError(
                f"data.color={self.color}: the images of {self.root} have {layout.channels} channels, which are no "
                "colours; type data.color=null for all of them"
            )
        return layout

    def _headers(self) -> Mapping[str, Header]:
        _there(self.root)
        return numpy_files.headers(*numpy_files.version(self.root))

    def _array(self) -> np.ndarray:
        return numpy_files.array(*numpy_files.version(self.root), self._key() or "")

    def _labels(self) -> tuple[np.ndarray | None, tuple[str, ...], tuple[str, ...]]:
        """Returns labels (N,) from 0 on, the classes' names, and notes."""
        images, layout = self._key(), self._layout()
        if images is None:
            if self.labels is None:
                return None, (), ()
            _there(self.labels, "labels")
            if not numpy_files.is_npy(self.labels):
                raise UserError(f"data.labels={self.labels}: beside a .npy file, labels are another .npy file")
            found = _classes(*numpy_files.version(self.labels), "", layout.images)
        else:
            headers = self._headers()
            key = self.labels or next((key for key in _partners(images) if key in headers), None)
            if key is None:
                return None, (), ()
            _known(key, "labels", self.root, headers)
            found = _classes(*numpy_files.version(self.root), key, layout.images)
        if isinstance(found, str):
            if self.labels is None:
                return None, (), (f"{key} was not taken for labels: {found}",)
            raise UserError(f"data.labels={self.labels}: {found}; type data.labels=… for others, or null")
        return *found, ()

    def _bounds(self, array: np.ndarray) -> tuple[Bounds | None, str]:
        """Returns the numbers of black and white (None for bytes as they are) and a note. Raises UserError."""
        if array.dtype == bool:
            return (0, 1), ""
        if array.dtype == np.uint8 and self.range in ("auto", "uint8"):
            return None, ""
        lowest, highest = _range(array, self.root)
        numbers = Numbers(ranges.kind_of(array.dtype), lowest, highest)
        bounds, note = ranges.bounds_of(self.range, numbers, self.root)
        return bounds, f"{note}; data.range=[BLACK,WHITE] sets other numbers"


class Row(NamedTuple):
    """The index of an image in the array, and the numbers of black and white (None: 0 and 255)."""

    number: int
    bounds: Bounds | None

    def __str__(self) -> str:
        return f"image {self.number:,}"


class Layout(NamedTuple):
    """The meaning of an array's dimensions, and a note (``note``) if they could mean something else."""

    images: int
    channels: int
    height: int
    width: int
    channels_first: bool
    note: str = ""

    @property
    def has_bands(self) -> bool:
        """Whether the channels are something else than grey, colours or opacity."""
        return self.channels not in (1, 3, 4)


def _layout(header: Header, where: str) -> Layout:
    """Returns the layout of an array with this header. Raises UserError if the array cannot be images."""
    shape, dtype = header.shape, header.dtype
    if dtype.hasobject:
        raise UserError(
            f"data.root={where}: pickled Python objects, which can run code and are not read; save one array of "
            "numbers, all images of the same shape"
        )
    if dtype.kind not in "buif":
        raise UserError(
            f"data.root={where}: values of type {dtype}, and images have real numbers; save bytes (uint8), fractions "
            "(float32) or 16 bits (uint16)"
        )
    named = "×".join(map(str, shape)) or "a single number"
    if len(shape) not in (3, 4):
        raise UserError(
            f"data.root={where}: the array is {named}, and images are (N, H, W), (N, H, W, C) or (N, C, H, W); "
            "reshape it and save it again"
        )
    if 0 in shape:
        raise UserError(f"data.root={where}: the array is {named}, so there are no images in it")
    if len(shape) == 3:
        if shape[2] in (3, 4):
            raise UserError(
                f"data.root={where}: the array is {named}, which looks like one image and not like N of them; "
                "stack many, (N, H, W, C)"
            )
        return Layout(shape[0], 1, shape[1], shape[2], False)
    last = Layout(shape[0], shape[3], shape[1], shape[2], False)
    first = Layout(shape[0], shape[1], shape[2], shape[3], True)
    possible = [layout for layout in (last, first) if not layout.has_bands]
    # Other channels are fewer than the pixels of a side.
    fewer = [one for one in (last, first) if one.channels < min(one.height, one.width, MOST_CHANNELS)]
    if not (possible := possible or fewer):
        raise UserError(
            f"data.root={where}: the array is {named}; neither its second nor its last dimension has 1, 3 or 4 "
            "channels, or fewer than a side has pixels; images are (N, H, W, C) or (N, C, H, W)"
        )
    # Of two, the squarer; or the last. 3:32 and 32:3 give the same number to the last bit, as logarithms do not.
    taken = min(possible, key=lambda one: max(one.height, one.width) / min(one.height, one.width))
    note = ""
    if len(possible) == 2:
        kind = "(N, C, H, W)" if taken.channels_first else "(N, H, W, C)"
        note = (
            f"the array is {named}, which was read as {kind}: {taken.channels} channels of {taken.height}×{taken.width}"
        )
    return taken._replace(note=note)


# ------------------------------------------------------------------------------------------------------------ the files


def _there(name: str, setting: str = "root") -> None:
    if not os.path.isfile(name):
        hint = (
            "it is a folder; type data=image_folder"
            if os.path.isdir(name)
            else f"type data.{setting}=… for where it is"
        )
        raise UserError(f"data.{setting}={name}: there is no such file; {hint}")


@lru_cache(maxsize=2)
def _ready(source: Arrays, changed: int) -> tuple[np.ndarray, Layout, bool]:
    """Returns the array, its layout, and whether images must be resized or converted."""
    layout = source._layout()
    return source._array(), layout, source._fits(layout)


def _range(array: np.ndarray, root: str) -> tuple[float, float]:
    """Returns the least and the greatest number of the array, which is read in parts; NaN if it contains NaN."""
    rows = max(1, PART // max(1, int(np.prod(array.shape[1:]))))
    found = []
    with progress(f"Looking for the least and the greatest number in {root}", len(array)) as advance:
        for start in range(0, len(array), rows):
            part = array[start : start + rows]
            found.append((part.min(), part.max()))
            advance(len(part))
    return float(np.min(found)), float(np.max(found))


# -------------------------------------------------------------------------------------------------------------- labels


def _partners(images: str) -> list[str]:
    """Returns the keys that the labels of the array ``images`` usually have, the most specific first."""
    own = [images.replace("images", "labels"), images.replace("x", "y", 1), images.replace("X", "y", 1)]
    own += ["arr_1"] if images == "arr_0" else []
    return [key for key in (*own, "labels", "y", "targets") if key != images]


@lru_cache(maxsize=8)
def _classes(root: str, changed: int, key: str, count: int) -> tuple[np.ndarray | None, tuple[str, ...]] | str:
    """Returns labels from 0 on and the classes' names; or, as a text, the reason why the array cannot be labels."""
    header = numpy_files.headers(root, changed)[key]
    named = "×".join(map(str, header.shape)) or "a single number"
    if header.dtype.hasobject:
        return "pickled Python objects, which can run code and are not read"
    if header.dtype.kind not in "iub":
        return f"numbers of type {header.dtype}, where classes are whole numbers"
    if header.shape not in ((count,), (count, 1)):
        hint = "; argmax(1) makes labels of one-hot rows" if len(header.shape) == 2 else ""
        return f"the array is {named}, where {count:,} images have ({count},) labels{hint}"
    values, labels = np.unique(numpy_files.array(root, changed, key), return_inverse=True)
    if len(values) == 1:
        return None, ()
    return labels.reshape(count).astype(np.int64), tuple(str(value) for value in values.tolist())


def _known(key: str, setting: str, root: str, headers: Mapping[str, Header]) -> None:
    """Raises UserError if the file has no array ``key``."""
    if key not in headers:
        guess = nearest(key, headers)
        hint = f"did you mean data.{setting}={guess}?" if guess else f"there are {_shown(headers)}"
        raise UserError(f"data.{setting}={key}: no such array in {root}; {hint}")


def _shown(headers: Mapping[str, Header]) -> str:
    some = [f"{key} ({'×'.join(map(str, header.shape)) or 'a number'})" for key, header in headers.items()]
    return ", ".join(some[:12]) + (", …" if len(some) > 12 else "")
