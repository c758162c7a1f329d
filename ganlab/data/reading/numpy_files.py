"""Arrays in ``.npy`` and ``.npz`` files: their headers, and the arrays, memory-mapped.

Nothing pickled is read, and a header that promises more numbers than its file has is refused.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from functools import lru_cache
from typing import IO, Any, Literal, NamedTuple

import numpy as np

from ganlab.data.reading.damage import require_complete
from ganlab.errors import UserError

KIND = ".npy or .npz file"
TOO_LARGE = "data.root={root}: packed, and too large to be unpacked in memory; save it with numpy.savez or numpy.save"


class Header(NamedTuple):
    """The header of an array, whose numbers begin at byte ``place`` of the file, or of the file inside an archive."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    place: int


def version(name: str) -> tuple[str, int]:
    """Returns the key of an opened file: its name and its time, so that a changed file is read again."""
    return name, os.stat(name).st_mtime_ns


def is_npy(name: str) -> bool:
    with open(name, "rb") as file:
        return file.read(len(np.lib.format.MAGIC_PREFIX)) == np.lib.format.MAGIC_PREFIX


def _header(file: IO[bytes], size: int) -> Header:
    """Returns the header of an array in a file of ``size`` bytes. Raises ValueError."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
    else:
        raise ValueError(f"an array of the format {version[0]}.{version[1]}, which no images need")
    if any(length < 0 for length in shape):
        raise ValueError(f"an array with a length of {min(shape):,}")
    place = file.tell()
    missing = int(np.prod(shape, dtype=object)) * dtype.itemsize - (size - place)
    if missing > 0 and not dtype.hasobject:
        raise ValueError(f"{missing:,} bytes are missing at its end")
    return Header(shape, fortran, dtype, place)


@lru_cache(maxsize=8)
def headers(root: str, changed: int) -> Mapping[str, Header]:
    """Returns the header of each array of an ``.npz`` file by its key, or that of an ``.npy`` file by the key "".
    Raises UserError."""
    with require_complete(root, KIND):
        if is_npy(root):
            with open(root, "rb") as file:
                found = {"": _header(file, os.stat(root).st_size)}
        else:
            found = {}
            with zipfile.ZipFile(root) as archive:
                for member in archive.infolist():
                    if member.filename.endswith(".npy"):
                        with archive.open(member) as file:
                            found[member.filename.removesuffix(".npy")] = _header(file, member.file_size)
    if not found:
        raise UserError(f"data.root={root}: there is no array in it; numpy.savez makes such files")
    return found


@lru_cache(maxsize=2)
def array(root: str, changed: int, key: str) -> np.ndarray:
    """Returns an array, memory-mapped unless it is compressed. Raises UserError."""
    header = headers(root, changed)[key]
    order: Literal["F", "C"] = "F" if header.fortran else "C"
    with require_complete(root, KIND):
        if not key:
            return np.memmap(root, header.dtype, "r", header.place, header.shape, order)
        with zipfile.ZipFile(root) as archive:
            member = archive.getinfo(f"{key}.npy")
            if member.compress_type != zipfile.ZIP_STORED:
                _need_room(root, member.file_size)
                with archive.open(member) as file:
                    return _unpacked(root, file)
        with open(root, "rb") as file:  # the name and what is added to it have other lengths than in the directory
            file.seek(member.header_offset + 26)
            name, extra = (int.from_bytes(file.read(2), "little") for _ in range(2))
        place = member.header_offset + 30 + name + extra + header.place
        return np.memmap(root, header.dtype, "r", place, header.shape, order)


def _need_room(root: str, size: int) -> None:
    """Raises UserError if a compressed array is larger than the machine's memory: systems that overcommit memory would
    end the process while it decompresses."""
    if size > memory():
        raise UserError(TOO_LARGE.format(root=root))


def memory() -> float:
    """Returns the machine's memory in bytes; infinity if the system does not report it."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return float("inf")


def _unpacked(root: str, file: IO[bytes]) -> np.ndarray:
    try:
        return np.lib.format.read_array(file, allow_pickle=False)
    except MemoryError as error:
        raise UserError(TOO_LARGE.format(root=root)) from error
