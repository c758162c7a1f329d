"""Images in archives, read in place: nothing is unpacked."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Self

import numpy as np

from ganlab.data import pixels
from ganlab.data.damage import need_whole
from ganlab.data.image_folder import ImageFiles
from ganlab.errors import UserError


class Archive(ImageFiles):
    """Image files in an archive ``root``; its folders are the classes, as those of an image folder are."""

    def check(self) -> None:
        if not os.path.isfile(self.root):
            is_folder = os.path.isdir(self.root)
            hint = "it is a folder; type data=image_folder" if is_folder else "type data.root=… for where it is"
            raise UserError(f"data.root={self.root}: there is no such file; {hint}")

    def stamp(self) -> str:
        self.check()
        facts = os.stat(self.root)
        return f"{facts.st_size} {facts.st_mtime_ns}"

    def _fitted(self, packed: bytes) -> np.ndarray:
        return pixels.read(io.BytesIO(packed), self.image_shape, self.crop, self.background)


@dataclass(frozen=True)
class Zip(Archive):
    """The image files in a zip archive."""

    root: str = "data.zip"

    def names(self) -> Iterator[tuple[str, str]]:
        self.check()
        with need_whole(self.root, "zip archive"):
            names = [member.filename for member in _zip(*_version(self.root)).infolist() if not member.is_dir()]
        return ((name.removeprefix("./"), name) for name in names)

    def pixels(self, item: str) -> np.ndarray:
        archive = _zip(*_version(self.root))
        pixels.bounded(archive.getinfo(item).file_size)
        return self._fitted(archive.read(item))


class Member(NamedTuple):
    """A file in a tar archive: its bytes begin at ``place`` of the stream that the unpacked archive is."""

    name: str
    place: int
    size: int

    def __str__(self) -> str:
        return self.name


class Header(tarfile.TarInfo):
    """A member's header. tarfile reads names of any length at once, and goes back for a size below zero, perhaps to
    where it came from; neither is in an archive that somebody packed."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0:
            raise tarfile.ReadError(f"a size of {header.size:,} bytes")
        if header.type in NAMES and header.size > LONGEST_NAME:
            raise tarfile.ReadError(f"a name or a note of {header.size:,} bytes")
        return header


NAMES = (
    tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE
)  # fmt: skip
LONGEST_NAME = 1 << 20  # bytes: no file system has a longer one, and notes beside it are short


@dataclass(frozen=True)
class Tar(Archive):
    """The image files in a tar archive, compressed (gzip, bzip2, xz) or not."""

    root: str = "data.tar"

    def names(self) -> Iterator[tuple[str, Member]]:
        self.check()
        with need_whole(self.root, "tar archive"):
            members = _members(*_version(self.root))
        return ((member.name, member) for member in members)

    @staticmethod
    def order(one: tuple[str, Member]) -> int:
        return one[1].place  # a compressed stream can only be walked forward

    def pixels(self, item: Member) -> np.ndarray:
        pixels.bounded(item.size)
        stream = _tar(*_version(self.root)).fileobj  # the unpacked archive as one stream of bytes
        assert stream is not None
        stream.seek(item.place)  # in a compressed archive a walk, forward where items come in the archive's order
        packed = stream.read(item.size)
        if len(packed) < item.size:
            raise EOFError("the archive ends before the file does")
        return self._fitted(packed)


def _version(root: str) -> tuple[str, int]:
    """An archive as it is now: another one under the same name is opened again."""
    return root, os.stat(root).st_mtime_ns


@lru_cache(maxsize=2)
def _zip(root: str, changed: int) -> zipfile.ZipFile:
    return zipfile.ZipFile(root)


@lru_cache(maxsize=2)
def _members(root: str, changed: int) -> list[Member]:
    with tarfile.open(root, tarinfo=Header) as archive:
        found = {member.name: member for member in archive}
    # A hard link has no bytes of its own: they are those of the file that it names.
    pairs = [(name, found.get(member.linkname) if member.islnk() else member) for name, member in found.items()]
    return [
        Member(name.removeprefix("./"), member.offset_data, member.size)
        for name, member in pairs
        if member is not None and member.isreg() and not member.issparse()
    ]


@lru_cache(maxsize=2)
def _tar(root: str, changed: int) -> tarfile.TarFile:
    return tarfile.open(root, tarinfo=Header)
