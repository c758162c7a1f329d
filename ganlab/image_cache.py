"""The cache of decoded images on the disk: an entry is written once, completely or not at all, and shared by all runs
with the same source and settings.

    <cache>/<name>-<settings>-<files>/
      images.npy     (N, H, W, C) uint8; memory-mapped, so that simultaneous runs share the memory
      labels.npy     (N,) int64, where there are classes
      labels-….npy   (N,) int64, further labels, whose names are in index.json
      index.json     the settings, and the rows of the images that could not be read
      left-out.txt   the files that were skipped or passed over, and why

``settings`` and ``files`` are hashes, so that an entry never changes: other settings and changed files have another
entry.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from ganlab.errors import UserError

VARIABLE = "GANLAB_CACHE"
FORMAT = 1  # of the entries; increased when all pixels are computed in another way


def folder_of(named: str | Path | None = None) -> Path:
    """Returns the cache folder: ``named``, or the environment variable GANLAB_CACHE, or the system's folder for caches;
    if that is not writable, a folder among the temporary files. Raises UserError if that belongs to another user."""
    if chosen := named or os.environ.get(VARIABLE):
        return Path(os.path.expanduser(chosen)).absolute()
    usual = platformdirs.user_cache_path("ganlab")
    with contextlib.suppress(OSError):
        usual.mkdir(parents=True, exist_ok=True)
    if os.access(usual, os.W_OK | os.X_OK):
        return usual
    own = Path(tempfile.gettempdir(), f"ganlab-{getpass.getuser()}")
    with contextlib.suppress(OSError):
        own.mkdir(mode=0o700, exist_ok=True)
    if hasattr(os, "getuid") and own.exists() and own.stat().st_uid != os.getuid():
        raise UserError(f"{own}: it belongs to another user; type runtime.cache=… for a folder of your own")
    return own


# -------------------------------------------------------------------------------------------------------- what is kept


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
    """The origin of the images."""


def entries(folder: Path) -> list[Entry]:
    """Returns the entries of the cache, the last used one first."""
    found = []
    try:
        indices = [index for index in folder.glob("*/index.json") if not index.parent.name.startswith(".")]
    except OSError as error:
        raise UserError(f"{folder}: it cannot be looked into ({error.strerror})") from error
    for index in indices:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            facts = json.loads(index.read_text(encoding="utf-8"))
            size = sum(file.stat().st_size for file in index.parent.iterdir())
            shape = tuple(facts["image_shape"])
            root = str(facts["source"].get("root") or "")
            found.append(Entry(index.parent, int(facts["images"]), shape, size, index.stat().st_mtime, root))
    return sorted(found, key=lambda entry: -entry.used)


def leftovers(folder: Path) -> list[Path]:
    """Returns partial entries: remains of killed runs, and entries that other processes are making now."""
    return [path for end in ("partial", "gone") for path in folder.glob(f".*.{end}") if path.is_dir()]


def clear(folder: Path, names: Sequence[str] = ()) -> list[Entry]:
    """Removes the entries with these names, or all entries and the remains of killed runs. A run that has opened an
    entry keeps it. Raises UserError if there is no entry of a name; then nothing is removed."""
    from filelock import FileLock, Timeout  # which misspelt settings need not wait for

    known = {entry.path.name: entry for entry in entries(folder)}
    if missing := [name for name in names if name not in known]:
        raise UserError(f"{missing[0]}: there is no such entry under {folder}; ganlab data lists them")
    chosen = [known[name] for name in dict.fromkeys(names)] if names else list(known.values())
    try:
        for entry in chosen:
            take_away(entry.path)
        for rest in () if names else leftovers(folder):
            if rest.suffix == ".gone":
                shutil.rmtree(rest)
                continue
            # The lock is held while a run decodes into the folder, which then stays.
            with contextlib.suppress(Timeout), FileLock(lock_of(folder, rest.stem.lstrip(".")), timeout=0):
                shutil.rmtree(rest)
    except OSError as error:
        raise UserError(f"{folder}: it cannot be cleared ({error.strerror})") from error
    return chosen


# ------------------------------------------------------------------------------------------------------ names and files


def name_of(label: str, made_of: Any) -> str:
    """Returns the beginning of the names of entries with this ``label`` and origin ``made_of``, any value for JSON."""
    readable = re.sub(r"[^A-Za-z0-9._]+", "-", label)[:60].strip("-._") or "images"
    return f"{readable}-{_hash(json.dumps([FORMAT, made_of], sort_keys=True, default=str))}"


def entry_of(folder: Path, name: str, stamp: str) -> Path:
    """Returns the entry with that name for the files with this ``stamp``."""
    return folder / f"{name}-{_hash(stamp)}"


def partial_of(folder: Path, name: str) -> Path:
    """Returns the place in which an entry of that name is made."""
    return folder / f".{name}.partial"


def lock_of(folder: Path, name: str) -> Path:
    """Returns the lock of all entries that differ in their files only."""
    return folder / f".{name}.lock"


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


def take_away(entry: Path) -> None:
    """Removes an entry: a rename hides it at once, and then its files are deleted, which runs that opened them keep."""
    gone = entry.with_name(f".{entry.name}-{os.getpid()}.gone")
    with contextlib.suppress(FileNotFoundError):  # another process has removed it
        entry.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def readable(size: int) -> str:
    """Returns a number of bytes with a unit."""
    amount = float(size)
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if amount < 1000 or unit == "TB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if amount >= 100 or unit == "bytes" else f"{amount:.2g} {unit}"
