"""Preparation of images: listing, decoding into a new entry of the cache, and opening."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from ganlab.data.decoded.cache import opened
from ganlab.data.decoded.decoding import decode_into
from ganlab.data.reading.ranges import DARK, Numbers
from ganlab.data.source import Decodable, ImageSet, Listing, printable
from ganlab.errors import UserError
from ganlab.image_cache import FORMAT, entry_of, folder_of, lock_of, name_of, partial_of, take_away
from ganlab.progress import progress

HASHED = 1024  # images of the fingerprint, evenly spaced


def open_or_make(source: Decodable, named: Path | None) -> ImageSet:
    """Returns the images of ``source`` from the cache, after decoding them if they are not there. Raises UserError."""
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


def _make(folder: Path, name: str, source: Decodable) -> ImageSet:
    """Decodes all images into a new entry. The caller holds the lock of these settings."""
    began = time.monotonic()
    stamp, listing = _listed(source)
    entry, partial = entry_of(folder, name, stamp), partial_of(folder, name)
    shutil.rmtree(partial, ignore_errors=True)  # of a killed run
    partial.mkdir()
    try:
        failed, notes = _decode(partial, source, listing)
        total = len(listing.items)
        if len(failed) == total:
            raise UserError(
                f"none of the {total:,} images can be read; the first: {printable(_reason(source, listing, failed)[0])}"
            )
        listing = without_empty_classes(replace(listing, notes=(*listing.notes, *notes)), failed)
        lines = [*_reason(source, listing, failed), *listing.details]
        if lines:
            text = "".join(f"{printable(line)}\n" for line in lines)
            (partial / "left-out.txt").write_text(text, encoding="utf-8", errors="backslashreplace")
        if listing.labels is not None:
            np.save(partial / "labels.npy", listing.labels)
        for name, labelled in listing.label_sets.items():
            np.save(partial / f"labels-{name}.npy", labelled.labels)
        index = {
            "format": FORMAT,
            "source": _settings_of(source),
            "images": total - len(failed),
            "image_shape": source.image_shape,
            "classes": listing.classes,
            "label_sets": {name: labelled.names for name, labelled in listing.label_sets.items()},
            "failed": sorted(failed),
            "example": printable(lines[0]) if failed else "",
            "notes": listing.notes,
            "fingerprint": _fingerprint(partial, listing),
            "seconds": round(time.monotonic() - began, 1),
        }
        (partial / "index.json").write_text(json.dumps(index, indent=1), encoding="utf-8")
        with progress(f"Writing the decoded images of {source.label} to the disk"):
            for file in partial.iterdir():
                _to_disk(file)
        if entry.exists():  # damaged: otherwise it would have been opened
            take_away(entry)
        partial.rename(entry)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    for other in folder.glob(f"{name}-*"):
        if other != entry:  # of files that have changed
            take_away(other)
    made = opened(entry, time.monotonic() - began)
    assert made is not None
    return made


def _stamp(source: Decodable) -> str:
    with _reading(source):
        return source.stamp()


def _listed(source: Decodable) -> tuple[str, Listing]:
    """Returns the stamp of the files, and their listing. It is made again if the files changed meanwhile, as by a
    download. Files that change later have another stamp, and the next start decodes them again."""
    listing: Listing | None = None
    for _ in range(3):
        stamp, listing = _stamp(source), None  # frees the previous one, which may hold all images
        with _reading(source):
            listing = source.selected()
        if _stamp(source) == stamp:
            break
    assert listing is not None
    return stamp, listing


@contextlib.contextmanager
def _reading(source: Decodable) -> Iterator[None]:
    """Translates errors of reading the data, which are no errors of the cache, into UserError."""
    try:
        yield
    except OSError as error:
        where = error.filename or source.label
        raise UserError(f"{printable(str(where))}: its images cannot be read ({error.strerror or error})") from error


def _decode(partial: Path, source: Decodable, listing: Listing) -> tuple[dict[int, str], list[str]]:
    """Decodes all images of a listing. Returns the reasons of those that failed, by row, and notes."""
    channels, height, width = source.image_shape
    shape = (len(listing.items), height, width, channels)
    if not listing.items:
        raise UserError("data: no images are left; type other classes or a larger data.limit")
    file = partial / "images.npy"
    with open(file, "wb") as writing:
        header: dict[str, Any] = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(writing, header)
        offset, size = writing.tell(), int(np.prod(shape, dtype=np.int64))
        try:  # a disk that is too small is reported now, not hours later
            os.posix_fallocate(writing.fileno(), 0, offset + size)
        except AttributeError:
            writing.truncate(offset + size)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                raise
            writing.truncate(offset + size)  # a file system that cannot reserve
    decoded = decode_into(file, offset, source, listing.items, range(len(listing.items)), listing.in_memory)
    good = [item for row, item in enumerate(listing.items) if row not in decoded.failed]
    notes = source.remarks(good)
    for kind in sorted({numbers.kind for numbers in decoded.unscaled.values()}):
        # Only now are the numbers of the whole set known.
        numbers = {row: one for row, one in decoded.unscaled.items() if one.kind == kind}
        lowest = min(one.lowest for one in numbers.values())
        highest = max(one.highest for one in numbers.values())
        bounded, note = source.bounds(Numbers(kind, lowest, highest))
        share = "" if len(numbers) == len(listing.items) else f"{len(numbers):,} of {len(listing.items):,} images: "
        notes.append(f"{share}{note}; data.range=[BLACK,WHITE] sets other numbers")
        rows = sorted(numbers)
        decoded.add(decode_into(file, offset, bounded, [listing.items[row] for row in rows], rows, listing.in_memory))
    if hasattr(source, "range") and decoded.brightest < DARK and len(decoded.failed) < len(listing.items):
        notes.append(
            f"the images are nearly black: the brightest pixel of all is {decoded.brightest} of 255; if it should be "
            f"white, type data.range=[0,{max(decoded.brightest, 1)}]"
        )
    return decoded.failed, notes


def without_empty_classes(listing: Listing, failed: Collection[int]) -> Listing:
    """Returns the listing without the classes of which all images are among the ``failed`` rows, and without classes if
    only one is left; a note names them."""
    labels = listing.labels
    if labels is None or not failed:
        return listing
    count = len(listing.classes)
    left = np.bincount(np.delete(labels, sorted(failed)), minlength=count) > 0
    empty = (np.bincount(labels, minlength=count) > 0) & ~left
    if not empty.any():
        return listing
    lost = [listing.classes[number] for number in np.flatnonzero(empty)]
    note = f"the class {printable(lost[0])} was left out, as none of its images can be read"
    if len(lost) > 1:
        names = printable(", ".join(lost[:5])) + (", …" if len(lost) > 5 else "")
        note = f"{len(lost):,} classes were left out, as none of their images can be read: {names}"
    kept = np.flatnonzero(~empty)
    if len(kept) == 1:
        note += f"; only {printable(listing.classes[kept[0]])} is left, so the images have no classes"
        return replace(listing, labels=None, classes=(), notes=(*listing.notes, note))
    renumbered = np.cumsum(~empty) - 1
    renumbered[empty] = 0  # of rows that are not used
    classes = tuple(listing.classes[number] for number in kept)
    return replace(listing, labels=renumbered[labels], classes=classes, notes=(*listing.notes, note))


def _reason(source: Decodable, listing: Listing, failed: dict[int, str]) -> list[str]:
    return [f"{source.name_of(listing.items[number])}: {reason}" for number, reason in sorted(failed.items())]


def _fingerprint(partial: Path, listing: Listing) -> str:
    """Returns a hash of the labels and of images from the whole set, which does not depend on the files' place."""
    images = np.load(partial / "images.npy", mmap_mode="r")
    digest = hashlib.blake2b(json.dumps([images.shape, listing.classes]).encode(), digest_size=8)
    for row in np.linspace(0, len(images) - 1, min(len(images), HASHED)).astype(int):
        digest.update(images[row].tobytes())
    if listing.labels is not None:
        digest.update(listing.labels.tobytes())
    for name, labelled in listing.label_sets.items():
        digest.update(json.dumps([name, labelled.names]).encode() + labelled.labels.tobytes())
    return digest.hexdigest()


def _settings_of(source: Decodable) -> dict[str, Any]:
    plain = {key: value for key, value in source.settings().items() if key not in source.not_in_pixels}
    for key in source.paths:  # the same name means other files in another folder
        if isinstance(plain[key], str) and (key not in source.maybe_paths or os.path.exists(plain[key])):
            plain[key] = os.path.realpath(plain[key])
    return {"kind": type(source).__name__, **plain}


def _to_disk(file: Path) -> None:
    with open(file, "rb") as written:
        os.fsync(written.fileno())
