"""A person's own images: files in a folder, and what folders and archives have in common."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Literal

import numpy as np

from ganlab.data import pixels
from ganlab.data.source import sides
from ganlab.data.stored import Listing, Stored
from ganlab.errors import UserError, nearest
from ganlab.table import Count

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
    size: Count | tuple[Count, Count] = 64
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
    def image_shape(self) -> tuple[int, int, int]:
        return (3 if self.color == "rgb" else 1, *sides(self.size, (0, 0)))

    @property
    def label(self) -> str:
        _, height, width = self.image_shape
        return f"{Path(self.root).resolve().name}-{self.split or ''}-{height}x{width}".replace("--", "-")

    @property
    def all_classes(self) -> int:
        if not Path(self.root).exists():
            return 0
        count = len({_class_of(name) for name, _ in self._taken() if _is_image(name)})
        return count if count > 1 else 0

    @staticmethod
    def order(one: tuple[str, Any]) -> Any:
        """What images are sorted by: the first of two that differ in nothing else is the one that is read first."""
        return one[0]

    def _taken(self) -> Iterator[tuple[str, Any]]:
        """The names below ``split``, hidden files and folders left out (some systems put a shadow beside each file)."""
        prefix = f"{self.split.strip('/')}/" if self.split else ""
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
            folders = sorted({name.split("/")[0] for name, _ in self.names() if "/" in name}) if self.split else []
            if self.split and self.split not in folders:
                guess = nearest(self.split, folders)
                hint = (
                    f"did you mean data.split={guess}?" if guess else f"there are {', '.join(folders[:12]) or 'none'}"
                )
                raise UserError(f"data.split={self.split}: no such folder under {self.root}; {hint}")
            where = f"{self.root}/{self.split}" if self.split else self.root
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
            kinds = ", ".join(f"{count:,} {ending}" for ending, count in endings)
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
        root = Path(self.root)
        if not root.is_dir():
            kind = next((kind for kind, endings in ARCHIVES.items() if self.root.lower().endswith(endings)), None)
            hint = (
                f"it is a file; type data={kind}"
                if kind and root.is_file()
                else "type data.root=… for the one with your images"
            )
            raise UserError(f"data.root={self.root}: there is no such folder; {hint}")

    @property
    def all_classes(self) -> int:
        top = os.path.join(self.root, self.split or "")
        if not os.path.isdir(top):
            return 0
        with os.scandir(top) as entries:
            seen = [entry for entry in entries if not _is_hidden(entry.name)]
        # One image is enough to make a folder a class: the rest of it is not looked at.
        folders = (entry.path for entry in seen if entry.is_dir())
        count = sum(any(_is_image(name) and not _is_hidden(name) for name, _ in _scan(path)) for path in folders)
        count += any(_is_image(entry.name) and not entry.is_dir() for entry in seen)
        return count if count > 1 else 0

    def names(self) -> Iterator[tuple[str, str]]:
        return ((name, name) for name, _ in _scan(self.root))

    def stamp(self) -> str:
        digest = hashlib.blake2b(digest_size=16)
        for name, entry in sorted(_scan(self.root), key=lambda one: one[0]):
            try:
                facts = entry.stat()
            except OSError:  # a link to nowhere
                continue
            digest.update(f"{name}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()

    def listing(self) -> Listing:
        self.check()
        return super().listing()

    def pixels(self, item: str) -> np.ndarray:
        file = os.path.join(self.root, item)
        if os.path.getsize(file) > pixels.LARGEST_FILE:
            raise ValueError("more than 512 MiB, which no image takes that could be decoded")
        return pixels.read(file, self.image_shape, self.crop, self.background)


ARCHIVES = {
    "zip": (".zip",),
    "tar": (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz"),
}


def _scan(root: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every file below ``root`` by its name from there on, each folder once however many links lead to it."""
    visited: set[tuple[int, int]] = set()
    folders = [("", root)]
    while folders:
        prefix, folder = folders.pop(0)
        try:
            facts = os.stat(folder)
            if (facts.st_dev, facts.st_ino) in visited:  # a link back up, or a second one to the same place
                continue
            visited.add((facts.st_dev, facts.st_ino))
            with os.scandir(folder) as entries:
                for entry in sorted(entries, key=lambda entry: entry.name):
                    if entry.is_dir():
                        folders.append((f"{prefix}{entry.name}/", entry.path))
                    else:
                        yield prefix + entry.name, entry
        except OSError:  # a folder that may not be looked into
            continue


def _is_image(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in pixels.SUFFIXES


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in name.split("/"))


def _class_of(name: str) -> str:
    """The folder directly under the root; a dot for files in the root itself."""
    return name.partition("/")[0] if "/" in name else "."
