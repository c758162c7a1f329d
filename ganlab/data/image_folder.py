"""Image files in a folder, and the base class of folders and archives of images."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, ClassVar, Literal

import numpy as np

from ganlab.data.reading import pixels
from ganlab.data.reading.folder_classes import (
    LABELS,
    Classes,
    in_folders,
    is_hidden,
    labelled,
    may_be_shards,
    read_labels,
    readable_name,
)
from ganlab.data.reading.ranges import RangeSetting
from ganlab.data.source import Listing, printable, sides
from ganlab.data.stored import Stored
from ganlab.errors import UserError, in_one_line, nearest
from ganlab.progress import progress
from ganlab.table import PositiveInt

MEASURED = 1000  # files whose size is looked at
SMALLEST = 8  # pixels a side of the images that convolutional networks have
PARTS = {"train", "test", "val", "valid", "validation", "training", "testing"}  # names of the parts of data sets


@dataclass(frozen=True)
class ImageFiles(Stored):
    """Image files at any depth below a ``root``. If there is a ``dataset.json`` as StyleGAN's tools write it, it gives
    the labels; otherwise the folders directly under the root are the classes, if there are two or more.

    ``split`` selects one folder under the root as the root, such as ``train``. ``crop: center`` cuts the largest
    central part with the wanted aspect ratio, ``stretch`` keeps the whole image. ``background`` is the colour behind
    transparent parts. Of an animation the first picture is used. ``range`` gives the numbers of black and white in
    files with 16 or 32 bits; two numbers hold for files with 8 bits too. Files that cannot be read, and files without
    the suffix of an image, are reported and left out.
    """

    paths: ClassVar[frozenset[str]] = frozenset({"root"})

    root: str = "data"
    size: PositiveInt | tuple[PositiveInt, PositiveInt] = 64
    range: RangeSetting = "auto"
    color: Literal["rgb", "grey"] = "rgb"
    crop: pixels.Crop = "center"
    background: pixels.Background = "white"
    split: str | None = None
    flip: bool = False

    # ------------------------------------------------------------------------------------------- what a subclass says

    def names(self) -> Iterator[tuple[str, Any]]:
        """Returns the name of each file below the root, with ``/`` between folders, and its item for ``pixels``."""
        raise TypeError(f"{type(self).__name__} names nothing")

    def content(self, item: Any) -> bytes:
        """Returns the bytes of a file. Raises an error of any type if it cannot be read."""
        raise TypeError(f"{type(self).__name__} reads nothing")

    def opened(self, item: Any) -> str | BinaryIO:
        """Returns the path of a file, or its bytes as a file. Raises as ``content`` does."""
        return io.BytesIO(self.content(item))

    # ---------------------------------------------------------------------------------------------------------- shared

    @property
    def part(self) -> str:
        """The folder under the root that ``split`` selects; "" for the root itself."""
        return (self.split or "").strip("/")

    def folders(self) -> list[str]:
        """Returns the folders directly under the root."""
        return sorted({name.partition("/")[0] for name, _ in self.names() if "/" in name})

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return (3 if self.color == "rgb" else 1, *sides(self.size, (0, 0)))

    @property
    def label(self) -> str:
        _, height, width = self.image_shape
        return "-".join(filter(None, (Path(self.root).resolve().name, self.part, f"{height}x{width}")))

    @property
    def all_classes(self) -> int:
        if not os.path.exists(self.root):
            return 0
        images, others = self._files()
        return len(self._classes(images, others).names) if images else 0

    @staticmethod
    def order(one: tuple[str, Any]) -> Any:
        """Returns the sort key of images, which are read in this order."""
        return one[0]

    def _taken(self) -> Iterator[tuple[str, Any]]:
        """Returns the names and items of the files below ``split``, without hidden files and those of systems."""
        part = readable_name(self.part)
        depth = part.count("/") + 1 if part else 0
        for name, item in self.names():
            parts = name.split("/")
            inner = "/".join(parts[depth:])
            if readable_name("/".join(parts[:depth])) == part and inner and not is_hidden(inner):
                yield inner, item

    def _files(self) -> tuple[list[tuple[str, Any]], list[tuple[str, Any]]]:
        """Returns the images, sorted, and the other files."""
        images: list[tuple[str, Any]] = []
        others: list[tuple[str, Any]] = []
        for one in self._taken():
            (images if is_image(one[0]) else others).append(one)
        return sorted(images, key=self.order), others

    def _classes(self, images: Sequence[tuple[str, Any]], others: Sequence[tuple[str, Any]]) -> Classes:
        """Returns the classes of the images: those of a file of labels in a folder that contains all images, or the
        folders."""
        names = [name for name, _ in images]
        found = sorted((name, item) for name, item in others if PurePosixPath(name).name == LABELS)
        for name, item in found:
            folder = name.removesuffix(LABELS)
            if not all(one.startswith(folder) for one in names):
                continue
            try:
                labels = read_labels(self.content(item), folder)
            except Exception as error:  # archives raise errors of many types
                labels = in_one_line(error)
            if not isinstance(labels, str):
                return labelled(names, labels)
            classes = in_folders(names)
            return classes._replace(notes=(f"{printable(name)} was not taken for labels: {labels}", *classes.notes))
        return in_folders(names)

    def remarks(self, items: Sequence[Any]) -> list[str]:
        """Returns a note if files are smaller than the images, which adds no detail and costs time. Of many files
        ``MEASURED`` are looked at, evenly spaced."""
        _, height, width = self.image_shape
        looked = [items[row] for row in np.linspace(0, len(items) - 1, min(len(items), MEASURED)).astype(int)]
        small = []
        for item in looked:
            with suppress(Exception):  # archives raise errors of many types, and decoding has reported them
                size = pixels.size_of(self.opened(item))
                if size[0] < height or size[1] < width:
                    small.append(min(size))
        if not small:
            return []
        looked_at = "" if len(looked) == len(items) else f" that were looked at, of {len(items):,} in all,"
        note = (
            f"{len(small):,} of {len(looked):,} images{looked_at} are smaller than {height}×{width} and were enlarged"
        )
        usual = sorted(small)[len(small) // 2]
        keeps = len(small) > len(looked) / 2 and SMALLEST <= usual < min(height, width)
        return [f"{note}; data.size={usual} keeps them as they are" if keeps else note]

    def listing(self) -> Listing:
        found, other_files = self._files()
        others = [name for name, _ in other_files if PurePosixPath(name).name != LABELS]
        if not found:
            folders = self.folders() if self.part else []
            if self.part and self.part.split("/")[0] not in folders:
                guess = nearest(self.part, folders)
                hint = (
                    f"did you mean data.split={guess}?" if guess else f"there are {', '.join(folders[:12]) or 'none'}"
                )
                raise UserError(f"data.split={self.split}: no such folder under {self.root}; {hint}")
            where = f"{self.root}/{self.part}" if self.part else self.root
            raise UserError(
                f"data.root={where}: no image file in it ({' '.join(sorted(pixels.SUFFIXES))} are looked for); "
                "type data.root=… for another place"
            )
        classes, labels, more = self._classes(found, other_files)
        notes = []
        if others:
            endings = Counter(PurePosixPath(name).suffix.lower() or "no ending" for name in others).most_common(3)
            kinds = printable(", ".join(f"{count:,} {ending}" for ending, count in endings))
            notes.append(f"skipped, as their names do not end like an image's: {kinds}")
        notes += more
        if classes and {name.lower() for name in classes} <= PARTS:
            notes.append(
                f"the folders {' and '.join(classes)} look like parts of a data set, and all of them are trained on; "
                f"data.split={classes[0]} takes one"
            )
        details = [f"{name}: its name does not end like an image's" for name in sorted(others)]
        if labels is not None and labels.min() < 0:
            details += [f"{found[row][0]}: beside the folders of the classes" for row in np.flatnonzero(labels < 0)]
            found, labels = [found[row] for row in np.flatnonzero(labels >= 0)], labels[labels >= 0]
        return Listing([item for _, item in found], labels, classes, tuple(notes), tuple(details))


@dataclass(frozen=True)
class ImageFolder(ImageFiles):
    """The image files below the folder ``root``. Links to folders are followed."""

    def check(self) -> None:
        if not os.path.isdir(self.root):
            if not os.path.isfile(self.root):
                hint = "type data.root=… for the one with your images"
                raise UserError(f"data.root={self.root}: there is no such folder; {hint}")
            kind = next((kind for kind, endings in ARCHIVES.items() if self.root.lower().endswith(endings)), None)
            hint = f"data={kind}" if kind else f"data.root={os.path.dirname(self.root) or '.'} for its folder"
            raise UserError(f"data.root={self.root}: it is a file; type {hint}")
        if not os.access(self.root, os.R_OK | os.X_OK):
            raise UserError(
                f"data.root={self.root}: there is no permission to read it; allow it, or type data.root=… for another"
            )

    @property
    def top(self) -> str:
        """The folder that ``split`` selects, or the root."""
        if not self.part:
            return self.root
        exact = os.path.join(self.root, self.part)
        if os.path.exists(exact):
            return exact
        # The same letters in Unicode's other form.
        alike = (folder for folder in self.folders() if readable_name(folder) == readable_name(self.part))
        return os.path.join(self.root, next(alike, self.part))

    @property
    def all_classes(self) -> int:
        try:
            with os.scandir(self.top) as entries:
                seen = sorted((entry for entry in entries if not is_hidden(entry.name)), key=lambda one: one.name)
        except OSError:
            return 0
        # One image makes a folder a class, so that the search in a folder ends there.
        visited: set[tuple[int, int]] = set()
        folders = [entry for entry in seen if _is_dir(entry)]
        files = [entry.name for entry in seen if not _is_dir(entry)]
        classes = {
            readable_name(entry.name)
            for entry in folders
            if any(is_image(name) for name, _ in scan(entry.path, visited=visited))
        }
        special = LABELS in files or any(map(is_image, files)) or may_be_shards(sorted(classes))
        return super().all_classes if special or len(classes) == 1 else len(classes)

    def names(self) -> Iterator[tuple[str, str]]:
        folder = os.path.relpath(self.top, self.root) if self.part else ""
        prefix = f"{folder}/" if folder else ""
        return ((prefix + name, prefix + name) for name, _ in scan(self.top))

    def folders(self) -> list[str]:
        return sorted(entry.name for entry in os.scandir(self.root) if _is_dir(entry) and not is_hidden(entry.name))

    def stamp(self) -> str:
        digest = hashlib.blake2b(digest_size=16)
        found = []
        with progress(f"Looking for changes in the files of {self.top}") as advance:
            for name, entry in scan(self.top):
                advance(1)
                with suppress(OSError):  # a link to nowhere
                    found.append((name, entry.stat()))
        for name, facts in sorted(found):
            digest.update(f"{name}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()

    def listing(self) -> Listing:
        self.check()
        passed: list[str] = []
        with progress(f"Listing the images of {self.top}") as advance:
            listing = super().listing()
            for _ in scan(self.top, passed):
                advance(1)
        if not passed:
            return listing
        more = f", and {len(passed) - 1:,} more" if len(passed) > 1 else ""
        note = f"not searched: {printable(passed[0])}{more}"
        return replace(listing, notes=(*listing.notes, note), details=(*listing.details, *passed))

    def _file(self, item: str) -> str:
        file = os.path.join(self.root, item)
        facts = os.stat(file)
        if not stat.S_ISREG(facts.st_mode):
            raise ValueError("no file, but a pipe or a device")
        pixels.bounded(facts.st_size)
        return file

    def content(self, item: str) -> bytes:
        return Path(self._file(item)).read_bytes()

    def opened(self, item: str) -> str:
        return self._file(item)

    def pixels(self, item: str) -> np.ndarray:
        return pixels.read(self._file(item), self.image_shape, self.crop, self.background, self.range)


ARCHIVES = {
    "zip": (".zip",),
    "tar": (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz"),
}


MADE_HERE = (
    {"config.yaml", "status.json"},
    {"images.npy", "index.json"},
)  # files of a run folder, of an entry of the cache


def scan(
    root: str, passed: list[str] | None = None, visited: set[tuple[int, int]] | None = None
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yields the files below ``root`` with their names relative to it. Each folder is searched once, even if several
    links lead to it, and hidden files are left out. Folders that were not searched are added to ``passed``: those
    without permission, and those that runs have written, whose samples are no data."""
    visited = set() if visited is None else visited
    folders = deque([("", root)])
    while folders:
        prefix, folder = folders.popleft()
        try:
            facts = os.stat(folder)
            if (facts.st_dev, facts.st_ino) in visited:  # a link back up, or a second one to the same place
                continue
            visited.add((facts.st_dev, facts.st_ino))
            with os.scandir(folder) as found:
                entries = sorted((entry for entry in found if not is_hidden(entry.name)), key=lambda one: one.name)
        except OSError as error:
            if passed is not None:
                passed.append(f"{prefix or folder}: {error.strerror}")
            continue
        names = {entry.name for entry in entries}
        if prefix and any(made <= names for made in MADE_HERE):
            if passed is not None:
                passed.append(f"{prefix}: written by a run of ganlab, or its cache")
            continue
        for entry in entries:
            if _is_dir(entry):
                folders.append((f"{prefix}{entry.name}/", entry.path))
            else:
                yield prefix + entry.name, entry


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, or into a folder without permission
        return False


def is_image(name: str) -> bool:
    """Whether a file's name ends like an image's."""
    return PurePosixPath(name).suffix.lower() in pixels.SUFFIXES


def wrapping(names: Iterable[str]) -> str:
    """Returns the deepest folder that contains all images, with a slash at its end, if some of them are in its
    subfolders: ``flowers/`` for ``flowers/rose/1.png`` and ``flowers/tulip/1.png``. Otherwise returns ""."""
    common: str | None = None
    deepest = 0
    for name in names:
        depth = name.count("/")
        if common is not None and depth <= deepest and name.startswith(common):
            continue  # it does not change the result
        if not is_image(name) or is_hidden(name):
            continue
        if common is None:
            common = name[: name.rfind("/") + 1]
        while not name.startswith(common):
            common = common[: common.rfind("/", 0, -1) + 1]
        deepest = max(deepest, depth)
        if not common:
            return ""
    return common if common and deepest > common.count("/") else ""
