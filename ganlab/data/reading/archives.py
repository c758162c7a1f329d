"""Images in archives, read in place: nothing is unpacked."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from ganlab.data.image_folder import ImageFiles, wrapping
from ganlab.data.reading import pixels
from ganlab.data.reading.damage import require_complete
from ganlab.data.reading.folder_classes import readable_name
from ganlab.data.reading.tar_members import Member, TarWalk, members_of
from ganlab.data.source import Listing, printable
from ganlab.errors import UserError

UTF8 = 0x800  # the flag of a zip archive's member whose name is in UTF-8


class Archive(ImageFiles):
    """Image files in the archive ``root``, with labels and classes like those of an image folder. If all images are in
    one folder of the archive and some of them in its subfolders, that folder is the root."""

    def packed(self) -> list[tuple[str, Any]]:
        """Returns the name and the item of each file in the archive. Raises UserError if the archive is damaged."""
        raise TypeError(f"{type(self).__name__} names nothing")

    def names(self) -> Iterator[tuple[str, Any]]:
        self.check()
        packed = self.packed()
        wrapper = self.wrapper(packed)
        return ((name.removeprefix(wrapper), item) for name, item in packed)

    def wrapper(self, packed: Sequence[tuple[str, Any]]) -> str:
        """Returns the folder that contains all images, with a slash at its end; "" if there is none, or if ``split``
        names it."""
        found = wrapping(name for name, _ in packed)
        part = readable_name(f"{self.part}/")
        return "" if self.part and (part.startswith(found) or found.startswith(part)) else found

    def listing(self) -> Listing:
        listing = super().listing()
        wrapper = self.wrapper(self.packed())
        if not wrapper:
            return listing
        note = (
            f"all images were packed in {printable(wrapper)}, which is taken as the root: its folders are the classes"
        )
        return replace(listing, notes=(*listing.notes, note))

    def check(self) -> None:
        if not os.path.isfile(self.root):
            if os.path.isdir(self.root):
                raise UserError(f"data.root={self.root}: it is a folder; type data=image_folder")
            raise UserError(f"data.root={self.root}: there is no such file; type data.root=… for where it is")

    def stamp(self) -> str:
        self.check()
        facts = os.stat(self.root)
        # 2: what was decoded before a folder that wraps all others was taken as the root has other classes.
        return f"{facts.st_size} {facts.st_mtime_ns} 2"

    def pixels(self, item: Any) -> np.ndarray:
        return pixels.read(io.BytesIO(self.content(item)), self.image_shape, self.crop, self.background, self.range)


@dataclass(frozen=True)
class Zip(Archive):
    """The image files in a zip archive."""

    root: str = "data.zip"

    def packed(self) -> list[tuple[str, str]]:
        with require_complete(self.root, "zip archive"):
            members = _zip(*_version(self.root)).infolist()
        named = ((_name_of(member), member.filename) for member in members)
        return [(name.removeprefix("./"), item) for name, item in named if not name.endswith("/")]

    def content(self, item: str) -> bytes:
        archive = _zip(*_version(self.root))
        pixels.bounded(archive.getinfo(item).file_size)
        return archive.read(item)


@dataclass(frozen=True)
class Tar(Archive):
    """The image files in a tar archive, compressed (gzip, bzip2, xz) or not."""

    root: str = "data.tar"

    def packed(self) -> list[tuple[str, Member]]:
        with require_complete(self.root, "tar archive"):
            members = _members(*_version(self.root))
        windows = not any("/" in member.name for member in members)
        return [(member.name.replace("\\", "/") if windows else member.name, member) for member in members]

    @staticmethod
    def order(one: tuple[str, Member]) -> int:
        return one[1].place  # a compressed stream can only be walked forward

    def content(self, item: Member) -> bytes:
        if item.sparse:
            raise ValueError("a sparse file, whose holes are not in the archive; pack it without --sparse")
        pixels.bounded(item.size)
        stream = _tar(*_version(self.root)).fileobj  # the unpacked archive as one stream of bytes
        assert stream is not None
        stream.seek(item.place)  # in a compressed archive a walk, forward where items come in the archive's order
        packed = stream.read(item.size)
        if len(packed) < item.size:
            raise EOFError("the archive ends before the file does")
        return packed


def _name_of(member: zipfile.ZipInfo) -> str:
    """Returns a member's name as the person who packed it saw it. Some programs on Windows write ``\\`` between
    folders, and macOS writes UTF-8 without its flag, which zipfile reads as code page 437."""
    name = member.filename
    if not member.flag_bits & UTF8:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def _version(root: str) -> tuple[str, int]:
    """Returns the key of an opened archive: its name and its time, so that a changed archive is opened again."""
    return root, os.stat(root).st_mtime_ns


@lru_cache(maxsize=2)
def _zip(root: str, changed: int) -> zipfile.ZipFile:
    return zipfile.ZipFile(root)


@lru_cache(maxsize=2)
def _members(root: str, changed: int) -> list[Member]:
    return members_of(root)


@lru_cache(maxsize=2)
def _tar(root: str, changed: int) -> TarWalk:
    return TarWalk.open(root)
