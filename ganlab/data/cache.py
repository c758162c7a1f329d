"""Decoded images on the disk: made once, whole or not at all, and shared by all runs of the same source and settings.

    <cache>/<name>-<settings>-<files>/
      images.npy     (N, H, W, C) uint8; opened memory-mapped, so that runs beside each other share the pages
      labels.npy     (N,) int64, where there are classes
      index.json     what it was made of, and which images could not be read
      left-out.txt   the files that were skipped or passed over, and why

``settings`` and ``files`` are hashes, so that an entry never changes once it is there: other settings, or files that
have changed since, make another.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import getpass
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import platformdirs
from filelock import FileLock, Timeout

from ganlab.data.decoding import decode_into
from ganlab.data.source import ImageSet, printable
from ganlab.errors import UserError

if TYPE_CHECKING:
    from ganlab.data.stored import Listing, Stored

VARIABLE = "GANLAB_CACHE"
FORMAT = 1  # of the entries: another one where pixels are made in another way
TOLD = 2000  # images: with more of them a person who sees no progress bar is told why it takes a while
LOOKED_AT = 1024  # images that go into the fingerprint


def folder_of(named: str | Path | None = None) -> Path:
    """The cache folder: ``named``, or the environment's GANLAB_CACHE, or the system's place for such things; where
    nothing can be written there, one among the temporary files."""
    if chosen := named or os.environ.get(VARIABLE):
        return Path(chosen).expanduser().absolute()
    usual = platformdirs.user_cache_path("ganlab")
    with contextlib.suppress(OSError):
        usual.mkdir(parents=True, exist_ok=True)
    if os.access(usual, os.W_OK | os.X_OK):
        return usual
    own = Path(tempfile.gettempdir(), f"ganlab-{getpass.getuser()}")
    with contextlib.suppress(OSError):
        own.mkdir(mode=0o700, exist_ok=True)
    if hasattr(os, "getuid") and own.exists() and own.stat().st_uid != os.getuid():
        raise UserError(f"{own}: it belongs to somebody else; type runtime.cache=… for a folder of your own")
    return own


# ------------------------------------------------------------------------------------------------- what has been made


@dataclass(frozen=True)
class Entry:
    """One set of decoded images."""

    path: Path
    images: int
    image_shape: tuple[int, int, int]
    bytes: int
    used: float
    """When a run last opened it, in seconds since 1970."""
    root: str = ""
    """Where the images came from."""


def entries(folder: Path) -> list[Entry]:
    """What the cache holds, last used first."""
    found = []
    try:
        indices = [index for index in folder.glob("*/index.json") if not index.parent.name.startswith(".")]
    except OSError as error:
        raise UserError(f"{folder}: it cannot be looked into ({error.strerror})") from error
    for index in indices:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            facts = json.loads(index.read_text())
            size = sum(file.stat().st_size for file in index.parent.iterdir())
            shape = tuple(facts["image_shape"])
            root = str(facts["source"].get("root") or "")
            found.append(Entry(index.parent, int(facts["images"]), shape, size, index.stat().st_mtime, root))
    return sorted(found, key=lambda entry: -entry.used)


def leftovers(folder: Path) -> list[Path]:
    """What killed runs have left, and what others are making right now."""
    return [path for end in ("partial", "gone") for path in folder.glob(f".*.{end}") if path.is_dir()]


def clear(folder: Path, names: Sequence[str] = ()) -> list[Entry]:
    """Takes entries away: those named, or all of them with what broken runs have left. A run that has one open keeps
    it. Raises UserError where a name is none, before anything is taken away."""
    known = {entry.path.name: entry for entry in entries(folder)}
    if missing := [name for name in names if name not in known]:
        raise UserError(f"{missing[0]}: there is no such entry under {folder}; ganlab data lists them")
    chosen = [known[name] for name in dict.fromkeys(names)] if names else list(known.values())
    try:
        for entry in chosen:
            _take_away(entry.path)
        for rest in () if names else leftovers(folder):
            if rest.suffix == ".gone":
                shutil.rmtree(rest)
                continue
            # What a run is making at this moment stays.
            with contextlib.suppress(Timeout), FileLock(_lock_of(rest.stem.lstrip("."), folder), timeout=0):
                shutil.rmtree(rest)
    except OSError as error:
        raise UserError(f"{folder}: it cannot be cleared ({error.strerror})") from error
    return chosen


# ------------------------------------------------------------------------------------------------------ opening, making


def open_or_make(source: Stored, named: Path | None) -> ImageSet:
    """The images of ``source`` out of the cache, decoded into it where they are not there yet. Raises UserError."""
    folder, name = folder_of(named), _name(source)
    if found := _opened(_entry(folder, name, _stamp(source))):
        return found
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(_lock_of(name, folder))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            print("waiting for another run that decodes the same images", file=sys.stderr)
            lock.acquire()
        try:
            return _opened(_entry(folder, name, _stamp(source))) or _make(folder, name, source)
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
    entry, partial = _entry(folder, name, stamp), folder / f".{name}.partial"
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
            _take_away(entry)
        partial.rename(entry)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    for other in folder.glob(f"{name}-*"):
        if other != entry:  # made of files that are no longer there
            _take_away(other)
    made = _opened(entry, time.monotonic() - began)
    assert made is not None
    return made


def _stamp(source: Stored) -> str:
    with _reading(source):
        return source.stamp()


def _listed(source: Stored) -> tuple[str, Listing]:
    """What there is, listed again where that changed the files (a download) or somebody else just did, and the stamp of
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
        try:  # a disk that is too small is told now, and not hours later
            os.posix_fallocate(writing.fileno(), 0, offset + size)
        except AttributeError:
            writing.truncate(offset + size)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                raise
            writing.truncate(offset + size)  # a file system that cannot reserve
    return decode_into(file, offset, source, listing.items, listing.in_memory)


def _opened(entry: Path, seconds: float | None = None) -> ImageSet | None:
    """The images of an entry; None where there is none, or not a whole one. ``seconds`` it took to make it now."""
    try:
        index = json.loads((entry / "index.json").read_text(encoding="utf-8"))
        # Copy-on-write: PyTorch wants memory that it might write to, and nothing does.
        images = np.load(entry / "images.npy", mmap_mode="c")
        labels = np.load(entry / "labels.npy") if index["classes"] else None
        rows = np.delete(np.arange(len(images)), index["failed"])
        if index["format"] != FORMAT or len(rows) != index["images"]:
            return None
        if labels is not None and len(labels) != len(images):
            return None
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None
    with contextlib.suppress(OSError):  # it may belong to somebody else
        os.utime(entry / "index.json")
    how = "taken from" if seconds is None else f"decoded in {seconds:,.0f} s into"
    notes = list(index["notes"])
    if index["failed"]:
        notes.append(
            f"{len(index['failed']):,} of {len(images):,} images could not be read and were skipped, such as "
            f"{index['example']}; all of them: {entry / 'left-out.txt'}"
        )
    return ImageSet(
        images,
        labels,
        tuple(index["classes"]),
        rows,
        fingerprint=index["fingerprint"],
        place=f"{how} {entry} ({readable(images.nbytes)})",
        notes=tuple(notes),
    )


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


# ------------------------------------------------------------------------------------------------------ names and files


def _settings_of(source: Stored) -> dict[str, Any]:
    plain = {key: value for key, value in dataclasses.asdict(source).items() if key not in source.not_in_pixels}
    for key in source.paths:  # the same name means other files in another folder
        if isinstance(plain[key], str) and (key not in source.maybe_paths or os.path.exists(plain[key])):
            plain[key] = os.path.realpath(plain[key])
    return {"kind": type(source).__name__, **plain}


def _name(source: Stored) -> str:
    """What the entries of a source with these settings begin with."""
    readable = re.sub(r"[^A-Za-z0-9._]+", "-", source.label)[:60].strip("-._") or "images"
    return f"{readable}-{_hash(json.dumps([FORMAT, _settings_of(source)], sort_keys=True, default=str))}"


def _entry(folder: Path, name: str, stamp: str) -> Path:
    return folder / f"{name}-{_hash(stamp)}"


def _lock_of(name: str, folder: Path) -> Path:
    """The lock of all entries that differ in the files alone."""
    return folder / f".{name}.lock"


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


def _take_away(entry: Path) -> None:
    """At once for whoever looks for it, by a rename; then its files, which those who opened them keep."""
    gone = entry.with_name(f".{entry.name}-{os.getpid()}.gone")
    with contextlib.suppress(FileNotFoundError):  # somebody was faster
        entry.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def _to_disk(file: Path) -> None:
    with open(file, "rb") as written:
        os.fsync(written.fileno())


def readable(size: int) -> str:
    """A number of bytes as a person reads it."""
    amount = float(size)
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if amount < 1000 or unit == "TB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if amount >= 100 or unit == "bytes" else f"{amount:.2g} {unit}"
