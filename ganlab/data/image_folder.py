"""A person's own images: files in a folder, and what folders and archives have in common."""

from __future__ import annotations

import hashlib
import os
import stat
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Literal

import numpy as np

from ganlab.data import pixels
from ganlab.data.source import printable, sides
from ganlab.data.stored import Listing, Stored
from ganlab.errors import UserError, nearest
from ganlab.table import PositiveInt

PARTS = {"train", "test", "val", "valid", "validation", "training", "testing"}  # what folders of parts are called


@dataclass(frozen=True)
class ImageFiles(Stored):
    """Image files below a ``root``, however deep. The folders directly under it are the classes, if it has any.

    ``split`` takes one folder under the root as if it were the root: data sets often come as ``train`` and ``test``.
    ``crop: center`` cuts the largest middle part of the wanted shape, ``stretch`` keeps all of the image. Transparent
    parts are put on ``background``. Of an animation the first picture is taken. Files that cannot be read are named and
    left out, as are those whose names end in nothing that an image's does.
    """

    paths: ClassVar[frozenset[str]] = frozenset({"root"})

    root: str = "data"
    size: PositiveInt | tuple[PositiveInt, PositiveInt] = 64
    color: Literal["rgb", "grey"] = "rgb"
    crop: pixels.Crop = "center"
    background: pixels.Background = "white"
    split: str | None = None
    flip: bool = False

    # ------------------------------------------------------------------------------------------- what a subclass says

    def names(self) -> Iterator[tuple[str, Any]]:
        """The names of all files below the root, with ``/`` between folders, and where each is: items to come."""
        raise TypeError(f"{type(self).__name__} names nothing")

    # ---------------------------------------------------------------------------------------------------------- shared

    @property
    def part(self) -> str:
        """The folder under the root that is taken; nothing for the root itself."""
        return (self.split or "").strip("/")

    def folders(self) -> list[str]:
        """The folders directly under the root."""
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
        count = len({_class_of(name) for name, _ in self._taken() if _is_image(name)})
        return count if count > 1 else 0

    @staticmethod
    def order(one: tuple[str, Any]) -> Any:
        """Returns the sort key of images: of two that differ in nothing else, the first is read first."""
        return one[0]

    def _taken(self) -> Iterator[tuple[str, Any]]:
        """The names below ``split``, hidden files and folders left out (some systems put a shadow beside each file)."""
        prefix = f"{self.part}/" if self.part else ""
        for name, item in self.names():
            if name.startswith(prefix):
                inner = name.removeprefix(prefix)
                if not _is_hidden(inner):
                    yield inner, item

    def listing(self) -> Listing:
        found: list[tuple[str, Any]] = []
        others: list[str] = []
        for name, item in self._taken():
            if _is_image(name):
                found.append((name, item))
            else:
                others.append(name)
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
        found.sort(key=self.order)
        classes = tuple(sorted({_class_of(name) for name, _ in found}))
        number = {name: index for index, name in enumerate(classes)}
        labels = np.array([number[_class_of(name)] for name, _ in found]) if len(classes) > 1 else None
        notes = []
        if others:
            endings = Counter(PurePosixPath(name).suffix.lower() or "no ending" for name in others).most_common(3)
            kinds = printable(", ".join(f"{count:,} {ending}" for ending, count in endings))
            notes.append(f"passed over, as no images by their names: {kinds}")
        if classes and len(classes) > 1 and {name.lower() for name in classes} <= PARTS:
            notes.append(
                f"the folders {' and '.join(classes)} look like parts of a data set, and all of them are trained on; "
                f"data.split={classes[0]} takes one"
            )
        return Listing(
            [item for _, item in found],
            labels,
            classes if labels is not None else (),
            tuple(notes),
            tuple(f"{name}: no image by its name" for name in sorted(others)),
        )


@dataclass(frozen=True)
class ImageFolder(ImageFiles):
    """Every image file below the folder ``root``; a folder that is linked to counts as one."""

    def check(self) -> None:
        if not os.path.isdir(self.root):
            kind = next((kind for kind, endings in ARCHIVES.items() if self.root.lower().endswith(endings)), None)
            is_archive = kind and os.path.isfile(self.root)
            hint = f"it is a file; type data={kind}" if is_archive else "type data.root=… for the one with your images"
            raise UserError(f"data.root={self.root}: there is no such folder; {hint}")
        if not os.access(self.root, os.R_OK | os.X_OK):
            raise UserError(f"data.root={self.root}: it may not be looked into; allow it, or type data.root=…")

    @property
    def top(self) -> str:
        """The folder that is taken as the root."""
        return os.path.join(self.root, self.part)

    @property
    def all_classes(self) -> int:
        try:
            with os.scandir(self.top) as entries:
                seen = sorted((entry for entry in entries if not _is_hidden(entry.name)), key=lambda one: one.name)
        except OSError:
            return 0
        # One image is enough to make a folder a class: the rest of it is not looked at.
        visited: set[tuple[int, int]] = set()
        folders = (entry.path for entry in seen if _is_dir(entry))
        count = sum(any(_is_image(name) for name, _ in _scan(path, visited=visited)) for path in folders)
        count += any(_is_image(entry.name) and not _is_dir(entry) for entry in seen)
        return count if count > 1 else 0

    def names(self) -> Iterator[tuple[str, str]]:
        prefix = f"{self.part}/" if self.part else ""
        return ((prefix + name, prefix + name) for name, _ in _scan(self.top))

    def folders(self) -> list[str]:
        return sorted(entry.name for entry in os.scandir(self.root) if _is_dir(entry))

    def stamp(self) -> str:
        digest = hashlib.blake2b(digest_size=16)
        for name, entry in sorted(_scan(self.top), key=lambda one: one[0]):
            try:
                facts = entry.stat()
            except OSError:  # a link to nowhere
                continue
            digest.update(f"{name}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()

    def listing(self) -> Listing:
        self.check()
        listing = super().listing()
        passed: list[str] = []
        for _ in _scan(self.top, passed):
            pass
        if not passed:
            return listing
        more = f", and {len(passed) - 1:,} more" if len(passed) > 1 else ""
        note = f"not looked into: {printable(passed[0])}{more}"
        return replace(listing, notes=(*listing.notes, note), details=(*listing.details, *passed))

    def pixels(self, item: str) -> np.ndarray:
        file = os.path.join(self.root, item)
        facts = os.stat(file)
        if not stat.S_ISREG(facts.st_mode):
            raise ValueError("no file, but a pipe or a device")
        pixels.bounded(facts.st_size)
        return pixels.read(file, self.image_shape, self.crop, self.background)


ARCHIVES = {
    "zip": (".zip",),
    "tar": (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz"),
}


MADE_HERE = ({"config.yaml", "status.json"}, {"images.npy", "index.json"})  # a run's folder, a cache's entry


def _scan(
    root: str, passed: list[str] | None = None, visited: set[tuple[int, int]] | None = None
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every file below ``root`` by its name from there on, each folder once however many links lead to it; hidden ones
    are left out. ``passed`` takes the folders that were not looked into: those that may not be, and what runs have
    made, whose samples are no data."""
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
                entries = sorted((entry for entry in found if not _is_hidden(entry.name)), key=lambda one: one.name)
        except OSError as error:
            if passed is not None:
                passed.append(f"{prefix or folder}: {error.strerror}")
            continue
        names = {entry.name for entry in entries}
        if prefix and any(made <= names for made in MADE_HERE):
            if passed is not None:
                passed.append(f"{prefix}: a run of ganlab, or its cache, made it")
            continue
        for entry in entries:
            if _is_dir(entry):
                folders.append((f"{prefix}{entry.name}/", entry.path))
            else:
                yield prefix + entry.name, entry


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, or to where nobody may look
        return False


def _is_image(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in pixels.SUFFIXES


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in name.split("/"))


def _class_of(name: str) -> str:
    """The folder directly under the root; a dot for files in the root itself."""
    return name.partition("/")[0] if "/" in name else "."


def wrapping(names: Iterable[str]) -> str:
    """The folder, with a slash at its end, that all images lie in and none directly: ``flowers/`` of
    ``flowers/rose/1.png`` and ``flowers/tulip/1.png``. Nothing where there is none."""
    common: str | None = None
    least = 0
    for name in names:
        depth = name.count("/")
        if common is not None and depth >= least and name.startswith(common):
            continue  # it changes nothing, be it an image or not
        if not _is_image(name) or _is_hidden(name):
            continue
        if common is None:
            common, least = name[: name.rfind("/") + 1], depth
        while not name.startswith(common):
            common = common[: common.rfind("/", 0, -1) + 1]
        least = min(least, depth)
        if not common:
            return ""
    return common if common and least > common.count("/") else ""
