"""The members of a tar archive, found in one pass that keeps only names and places."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Self

from ganlab.progress import progress

NAMES = (
    tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE
)  # fmt: skip
LONGEST_NAME = 1 << 20  # bytes; no file system has longer names
MOST_CHAINED = 16  # headers of one file: its own, and those of its name, its link and its attributes
MOST_LETTERS = 1 << 30  # of all names together: those of tens of millions of files


class Member(NamedTuple):
    """A file in a tar archive. Its bytes begin at ``place`` of the decompressed archive; the holes of a ``sparse`` file
    are not stored."""

    name: str
    place: int
    size: int
    sparse: bool = False

    def __str__(self) -> str:
        return self.name


class Header(tarfile.TarInfo):
    """A member's header, with limits. tarfile itself reads names of any length, any number of extended headers and any
    map of holes into memory, and goes back in the file after a negative size; no program packs such archives."""

    has_more_holes = False

    # tarfile reads each header by frombuf and fromtarfile, or since 3.14 and the security releases of older versions by
    # _frombuf and _fromtarfile, which the former call once.

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        return super().frombuf(buf, encoding, errors)._limited(buf)

    @classmethod
    def _frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str, **flags: bool) -> Self:
        header: Self = super()._frombuf(buf, encoding, errors, **flags)  # type: ignore[misc]
        return header._limited(buf)

    @classmethod
    def fromtarfile(cls, archive: TarWalk) -> Self:  # type: ignore[override]
        if hasattr(tarfile.TarInfo, "_fromtarfile"):
            return super().fromtarfile(archive)
        with archive.chain():
            return super().fromtarfile(archive)

    @classmethod
    def _fromtarfile(cls, archive: TarWalk, **flags: bool) -> Self:
        with archive.chain():
            header: Self = super()._fromtarfile(archive, **flags)  # type: ignore[misc]
            return header

    def _limited(self, buf: bytes | bytearray) -> Self:
        if self.size < 0:
            raise tarfile.ReadError(f"a size of {self.size:,} bytes")
        if self.type in NAMES and self.size > LONGEST_NAME:
            raise tarfile.ReadError(f"a name or a note of {self.size:,} bytes")
        self.has_more_holes = bool(buf[482])
        return self

    # The two formats of sparse files (tar --sparse) whose map of holes has no limit; the map is skipped.

    def _proc_sparse(self, archive: TarWalk) -> Self:
        more = self.has_more_holes
        while more:
            block = archive.fileobj.read(tarfile.BLOCKSIZE)
            if len(block) < tarfile.BLOCKSIZE:
                raise tarfile.ReadError("unexpected end of data")
            more = bool(block[504])
        self.sparse = b""
        self.offset_data = archive.fileobj.tell()
        archive.offset = self.offset_data + -(-self.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
        return self

    def _proc_gnusparse_10(self, member: tarfile.TarInfo, notes: Any, archive: TarWalk) -> None:
        member.sparse = b""  # the map is in the file's own bytes, which are skipped


class TarWalk(tarfile.TarFile):
    """An archive that is read once, and keeps neither its members nor its global headers in memory."""

    tarinfo = Header
    chained = 0

    @contextmanager
    def chain(self) -> Iterator[None]:
        """Counts a header that tarfile reads within another: those before a file's own. Raises tarfile.ReadError."""
        self.chained += 1
        try:
            if self.chained > MOST_CHAINED:
                raise tarfile.ReadError(f"more than {MOST_CHAINED} headers for one file")
            yield
        finally:
            self.chained -= 1

    def walk(self) -> Iterator[tarfile.TarInfo]:
        before = -1
        while (member := self.next()) is not None:
            if member.size < 0:  # from an extended header
                raise tarfile.ReadError(f"a size of {member.size:,} bytes")
            if member.offset <= before:
                raise tarfile.ReadError("a member that is not behind the one before it")
            before = member.offset
            yield member
            self.members: list[tarfile.TarInfo] = []
            self.pax_headers = {}


def members_of(root: str) -> list[Member]:
    """Returns the regular files of an archive; of several files with one name the last, as after unpacking. Raises
    tarfile.ReadError, and the errors of decompression."""
    found: dict[str, Member | str | None] = {}  # for a hard link, the name of the file whose bytes it shares
    letters = 0
    with (
        open(root, "rb") as packed,
        progress(f"Listing the files of {root}", os.path.getsize(root)) as advance,
        TarWalk.open(fileobj=packed) as archive,
    ):
        position = 0
        for one in archive.walk():
            advance(packed.tell() - position)
            position = packed.tell()
            letters += len(one.name) + len(one.linkname)
            if letters > MOST_LETTERS:
                raise tarfile.ReadError(f"names of more than {MOST_LETTERS:,} letters")
            whole = Member(one.name.removeprefix("./"), one.offset_data, one.size, one.issparse())
            found[one.name] = one.linkname if one.islnk() else whole if one.isreg() else None
    members = []
    for name, place in found.items():
        if isinstance(place, Member):
            members.append(place)
        elif place is not None and isinstance(shared := found.get(place), Member):
            members.append(shared._replace(name=name.removeprefix("./")))
    return members
