"""Preparation of images: they are listed, decoded into a new entry of the cache, and opened."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock, Timeout

from ganlab.data.cache import FORMAT, entry_of, folder_of, lock_of, name_of, opened, partial_of, take_away
from ganlab.data.decoding import decode_into
from ganlab.data.source import ImageSet, printable
from ganlab.errors import UserError

if TYPE_CHECKING:
    from ganlab.data.stored import Listing, Stored

TOLD = 2000  # images: with more of them, and without a progress bar, a message explains the delay
LOOKED_AT = 1024  # images that go into the fingerprint


def open_or_make(source: Stored, named: Path | None) -> ImageSet:
    """The images of ``source`` out of the cache, decoded into it where they are not there yet. Raises UserError."""
    folder, name = folder_of(named), name_of(source.label, _settings_of(source))
    if found := opened(entry_of(folder, name, _stamp(source))):
        return found
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(lock_of(folder, name))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            print("waiting for another run that decodes the same images", file=sys.stderr)
            lock.acquire()
        try:
            return opened(entry_of(folder, name, _stamp(source))) or _make(folder, name, source)
        finally:
            lock.release()
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise UserError(
                f"{folder}: there is no room for the decoded images ({error.strerror}); type runtime.cache=… for a "
                "folder on another disk, or a smaller data.size or data.limit; ganlab data shows what is kept"
            ) from error
        raise UserError(
            f"{error.filename or folder}: {error.strerror}; type runtime.cache=… for a folder where decoded images "
            "can be kept"
        ) from error


def _make(folder: Path, name: str, source: Stored) -> ImageSet:
    """Decodes all images into a new entry. Nobody else does so with these settings meanwhile."""
    began = time.monotonic()
    stamp, listing = _listed(source)
    entry, partial = entry_of(folder, name, stamp), partial_of(folder, name)
    shutil.rmtree(partial, ignore_errors=True)  # what a killed run left
    partial.mkdir()
    try:
        failed = _decode(partial, source, listing)
        total = len(listing.items)
        if len(failed) == total:
            raise UserError(
                f"none of the {total:,} images can be read; the first: {printable(_reason(source, listing, failed)[0])}"
            )
        lines = [*_reason(source, listing, failed), *listing.details]
        if lines:
            text = "".join(f"{printable(line)}\n" for line in lines)
            (partial / "left-out.txt").write_text(text, encoding="utf-8", errors="backslashreplace")
        if listing.labels is not None:
            np.save(partial / "labels.npy", listing.labels)
        index = {
            "format": FORMAT,
            "source": _settings_of(source),
            "images": total - len(failed),
            "image_shape": source.image_shape,
            "classes": listing.classes,
            "failed": sorted(failed),
            "example": printable(lines[0]) if failed else "",
            "notes": listing.notes,
            "fingerprint": _fingerprint(partial, listing),
            "seconds": round(time.monotonic() - began, 1),
        }
        (partial / "index.json").write_text(json.dumps(index, indent=1), encoding="utf-8")
        for file in partial.iterdir():
            _to_disk(file)
        if entry.exists():  # damaged: a whole one would have been opened
            take_away(entry)
        partial.rename(entry)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    for other in folder.glob(f"{name}-*"):
        if other != entry:  # made of files that are no longer there
            take_away(other)
    made = opened(entry, time.monotonic() - began)
    assert made is not None
    return made


def _stamp(source: Stored) -> str:
    with _reading(source):
        return source.stamp()


def _listed(source: Stored) -> tuple[str, Listing]:
    """Returns the listing, made again if that changed the files (a download) or another process did, and the stamp of
    the files as they were before: one that came meanwhile makes the next start decode afresh."""
    listing: Listing | None = None
    with _reading(source):
        for _ in range(3):
            stamp, listing = source.stamp(), None  # the one before may hold all images
            listing = source.selected()
            if source.stamp() == stamp:
                break
    assert listing is not None
    return stamp, listing


@contextlib.contextmanager
def _reading(source: Stored) -> Iterator[None]:
    """Files that cannot be read are not the cache's fault."""
    try:
        yield
    except OSError as error:
        where = error.filename or source.label
        raise UserError(f"{printable(str(where))}: its images cannot be read ({error.strerror or error})") from error


def _decode(partial: Path, source: Stored, listing: Listing) -> dict[int, str]:
    channels, height, width = source.image_shape
    shape = (len(listing.items), height, width, channels)
    if not listing.items:
        raise UserError("data: no images are left; type other classes or a larger data.limit")
    if len(listing.items) > TOLD and not sys.stderr.isatty():
        print(f"decoding {len(listing.items):,} images, once", file=sys.stderr)
    file = partial / "images.npy"
    with open(file, "wb") as writing:
        header: dict[str, Any] = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(writing, header)
        offset, size = writing.tell(), int(np.prod(shape, dtype=np.int64))
        try:  # a disk that is too small is reported now, and not hours later
            os.posix_fallocate(writing.fileno(), 0, offset + size)
        except AttributeError:
            writing.truncate(offset + size)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                raise
            writing.truncate(offset + size)  # a file system that cannot reserve
    return decode_into(file, offset, source, listing.items, listing.in_memory)


def _reason(source: Stored, listing: Listing, failed: dict[int, str]) -> list[str]:
    return [f"{source.name_of(listing.items[number])}: {reason}" for number, reason in sorted(failed.items())]


def _fingerprint(partial: Path, listing: Listing) -> str:
    """A hash of the labels and of images from all over the set: the same wherever the files lie."""
    images = np.load(partial / "images.npy", mmap_mode="r")
    digest = hashlib.blake2b(json.dumps([images.shape, listing.classes]).encode(), digest_size=8)
    for row in np.linspace(0, len(images) - 1, min(len(images), LOOKED_AT)).astype(int):
        digest.update(images[row].tobytes())
    if listing.labels is not None:
        digest.update(listing.labels.tobytes())
    return digest.hexdigest()


def _settings_of(source: Stored) -> dict[str, Any]:
    plain = {key: value for key, value in dataclasses.asdict(source).items() if key not in source.not_in_pixels}
    for key in source.paths:  # the same name means other files in another folder
        if isinstance(plain[key], str) and (key not in source.maybe_paths or os.path.exists(plain[key])):
            plain[key] = os.path.realpath(plain[key])
    return {"kind": type(source).__name__, **plain}


def _to_disk(file: Path) -> None:
    with open(file, "rb") as written:
        os.fsync(written.fileno())
