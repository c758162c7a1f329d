"""What is in a tar archive, however it was packed: found with as little memory as names and places take."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganlab.data.reading import tar_members
from ganlab.data.reading.archives import Tar, Zip
from ganlab.data.reading.tar_members import Member, members_of
from ganlab.errors import UserError
from tests.data.images import save
from tests.data.test_image_folder import left_out

BLOCK = 512
MANY = 20_000


def summed(header: bytes) -> bytes:
    """A header with the checksum that it should have."""
    blank = header[:148] + b" " * 8 + header[156:]
    return blank[:148] + b"%06o\0 " % sum(blank) + blank[156:]


def header(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.type = size, kind
    return member.tobuf(tarfile.USTAR_FORMAT)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % BLOCK)


def file(name: str, content: bytes) -> bytes:
    return header(name, len(content)) + padded(content)


def notes(records: dict[str, str], kind: bytes = tarfile.XHDTYPE) -> bytes:
    """A header of pax notes for the next member, or for all that follow."""
    lines = b""
    for key, value in records.items():
        line = f" {key}={value}\n".encode()
        length = len(line) + len(str(len(line) + len(str(len(line)))))
        lines += str(length).encode() + line
    return header("notes", len(lines), kind) + padded(lines)


def old_sparse(name: str, content: bytes, maps: int) -> bytes:
    """A sparse file of 2^33 - 1 bytes as GNU tar packs it, with so many blocks of map behind its header."""
    block = b"%011o\0" % 512 * 42
    first = bytearray(header(name, len(content), tarfile.GNUTYPE_SPARSE))
    first[257:265] = b"ustar  \0"
    first[386:482] = block[:96]
    first[482] = maps > 0
    first[483:495] = b"%011o\0" % (2**33 - 1)
    more = [block + bytes([number < maps - 1]) + bytes(7) for number in range(maps)]
    return summed(bytes(first)) + b"".join(more) + padded(content)


def new_sparse(name: str, content: bytes, holes: int) -> bytes:
    """The same in the format 1.0, with so many holes in the map that comes before its bytes."""
    told = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": name, "GNU.sparse.realsize": "9" * 15}
    table = padded(b"%d\n" % holes + b"512\n512\n" * holes)
    return notes(told) + file(name, table + content)


SPARSE: dict[str, Callable[[str, bytes, int], bytes]] = {"old": old_sparse, "new": new_sparse}


def peak(do: Callable[[], Any]) -> tuple[Any, int]:
    tracemalloc.start()
    try:
        return do(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def archive(path: Path, *parts: bytes) -> str:
    path.write_bytes(gzip.compress(b"".join([*parts, bytes(2 * BLOCK)]), 1))
    return str(path)


@pytest.mark.parametrize("kind", list(SPARSE))
def test_a_map_of_holes_is_stepped_over(kind: str, tmp_path: Path) -> None:
    picture = save(tmp_path / "a.png").read_bytes()
    parts = (file("a.png", picture), SPARSE[kind]("b.png", b"x" * 600, MANY), file("c.png", picture))
    root = archive(tmp_path / "x.tar.gz", *parts)
    members_of(root)
    found, most = peak(lambda: members_of(root))
    assert [(one.name, one.sparse) for one in found] == [("a.png", False), ("b.png", True), ("c.png", False)]
    assert most < 1_000_000  # tarfile itself needs 3 and 54 million; the buffers of Python 3.14 are 0.4 of this
    opened = Tar(root=root, size=8).open()
    assert len(opened) == 2
    assert "b.png: a sparse file, whose holes are not in the archive; pack it without --sparse" in left_out(opened)


def test_a_map_of_holes_that_does_not_end(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(file("a.png", b"a") + old_sparse("b.png", b"", 9)[: -3 * BLOCK])
    with pytest.raises(UserError, match=r"not a whole tar archive \(unexpected end of data\)"):
        Tar(root=str(tmp_path / "x.tar"), size=8).open()


@pytest.mark.parametrize("size", [-3 * BLOCK, -100])
def test_a_size_below_zero_in_a_note(size: int, tmp_path: Path) -> None:
    """The next member would be this one again, and so on; or its bytes would be all that follow."""
    noted = notes({"size": str(size)}) + header("b.png")
    (tmp_path / "x.tar").write_bytes(file("a.png", b"a") + noted + bytes(2 * BLOCK))
    # Later versions of Python take it for the end of the archive.
    with pytest.raises(UserError, match=r"not a whole tar archive \(a size of|none of the 1 images can be read"):
        Tar(root=str(tmp_path / "x.tar"), size=8).open()


def test_an_archive_that_leads_back_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However it does so: tarfile goes to where the last header says."""
    root = archive(tmp_path / "x.tar.gz", file("a.png", b"a"), file("b.png", b"b"))
    following = tar_members.TarWalk.next

    def back(walk: tar_members.TarWalk) -> tarfile.TarInfo | None:
        member = following(walk)
        walk.offset = 0 if member is None else min(walk.offset, 2 * BLOCK)
        return member

    monkeypatch.setattr(tar_members.TarWalk, "next", back)
    with pytest.raises(UserError, match=r"not a whole tar archive \(a member that is not behind the one before it\)"):
        Tar(root=root, size=8).open()


def test_headers_before_a_header_are_few(tmp_path: Path) -> None:
    few, many = (notes({"comment": "x"}) * count + file("a.png", b"a") for count in (5, 50))
    assert [one.name for one in members_of(archive(tmp_path / "few.tar.gz", few))] == ["a.png"]
    with pytest.raises(UserError, match="more than 16 headers for one file"):
        Tar(root=archive(tmp_path / "many.tar.gz", many), size=8).open()


def test_notes_for_all_members_are_not_gathered(tmp_path: Path) -> None:
    parts = [
        notes({f"{number:06}": "x" * 100_000}, tarfile.XGLTYPE) + file(f"{number}.png", b"a") for number in range(100)
    ]
    root = archive(tmp_path / "x.tar.gz", *parts)
    members_of(root)
    found, most = peak(lambda: members_of(root))
    assert len(found) == 100
    assert most < 3_000_000


def test_names_are_bounded_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tar_members, "MOST_LETTERS", 1000)
    root = archive(tmp_path / "x.tar.gz", *(file(f"{number:090}.png", b"") for number in range(11)))
    with pytest.raises(UserError, match="names of more than 1,000 letters"):
        Tar(root=root, size=8).open()


def test_of_many_members_nothing_is_kept_but_names_and_places(tmp_path: Path) -> None:
    root = archive(tmp_path / "x.tar.gz", *(header(f"a/{number:08}.png") for number in range(MANY)))
    members_of(root)
    found, most = peak(lambda: members_of(root))
    assert len(found) == MANY
    assert most / MANY < 400  # bytes; tarfile alone would keep 700
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as writing:
        for number in range(MANY):
            writing.writestr(f"a/{number:08}.png", b"")
    found, most = peak(lambda: list(Zip(root=str(tmp_path / "x.zip"), size=8).names()))
    assert len(found) == MANY
    assert most / MANY < 1500


def test_of_files_with_one_name_the_last_is_taken_and_links_lead_to_it(tmp_path: Path) -> None:
    link = tarfile.TarInfo("./d.png")
    link.type, link.linkname = tarfile.LNKTYPE, "a.png"
    parts = (file("a.png", b"first"), file("./b.png", b"b"), file("a.png", b"2"), link.tobuf(), header("c", 0, b"5"))
    root = archive(tmp_path / "x.tar.gz", *parts)
    last = 5 * BLOCK
    assert members_of(root) == [
        Member("a.png", last, 1), Member("b.png", 3 * BLOCK, 1), Member("d.png", last, 1)
    ]  # fmt: skip
    assert re.fullmatch(r"[abd]\.png", str(members_of(root)[0]))
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(Path(root).read_bytes()))) as reading:
        assert reading.extractfile("a.png").read() == b"2"  # type: ignore[union-attr]
