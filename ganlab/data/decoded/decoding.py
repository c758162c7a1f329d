"""Decoding of many images in several processes, which write into one file."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from typing import Any

import numpy as np

from ganlab.data.reading.ranges import Numbers, Unscaled
from ganlab.data.source import Decodable
from ganlab.errors import UserError, in_one_line
from ganlab.progress import progress

FEW = 200  # images that are decoded in this process: others would start more slowly
CHUNK = 256  # most images per task of a process


@dataclass
class Decoded:
    """The results of decoding, by the row of each image: why those that ``failed`` cannot be read, and the numbers of
    those that are ``unscaled``. ``brightest`` is the greatest byte of all others."""

    failed: dict[int, str] = field(default_factory=dict)
    unscaled: dict[int, Numbers] = field(default_factory=dict)
    brightest: int = 0

    def add(self, other: Decoded) -> None:
        self.failed |= other.failed
        self.unscaled |= other.unscaled
        self.brightest = max(self.brightest, other.brightest)


def decode_into(
    file: Path, offset: int, source: Decodable, items: Sequence[Any], rows: Sequence[int], in_memory: bool
) -> Decoded:
    """Writes the pixels of each item to its row of ``file``, an array of images that begins at byte ``offset``, and
    zeros for items that give no pixels. Raises OSError if the file cannot be written."""
    workers = 1 if in_memory or len(items) <= FEW or not _can_start_others(source, items) else processors()
    length = max(1, min(CHUNK, len(items) // (32 * workers)))  # so that the first is done soon
    chunks = [items[start : start + length] for start in range(0, len(items), length)]
    rows_of = [rows[start : start + length] for start in range(0, len(items), length)]
    count = len(chunks)
    decoded = Decoded()
    with progress(f"Decoding {len(items):,} images", len(items)) as advance, _map(workers) as run:
        parts = run(_decode, [source] * count, chunks, rows_of, [file] * count, [offset] * count)
        for chunk, part in zip(chunks, parts, strict=True):
            decoded.add(part)
            advance(len(chunk))
    return decoded


def _can_start_others(source: Decodable, items: Sequence[Any]) -> bool:
    """Returns whether this process may have children that can import the classes of the source and of its items. They
    do not import the program itself, since a script without ``if __name__ == "__main__":`` would run again."""
    kinds = (*type(source).__mro__, *type(items[0]).__mro__)
    return not multiprocessing.current_process().daemon and all(kind.__module__ != "__main__" for kind in kinds)


def processors() -> int:
    """Returns the number of processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def _decode(source: Decodable, items: Sequence[Any], rows: Sequence[int], file: Path, offset: int) -> Decoded:
    channels, height, width = source.image_shape
    images = np.zeros((len(items), height, width, channels), np.uint8)
    decoded = Decoded()
    for number, (item, row) in enumerate(zip(items, rows, strict=True)):
        try:
            images[number] = source.pixels(item)
        except Unscaled as error:
            decoded.unscaled[row] = error.numbers
        except Exception as error:  # decoders raise errors of many types at damaged files
            decoded.failed[row] = in_one_line(error)
    decoded.brightest = int(images.max(initial=0))
    with open(file, "r+b") as writing:  # not memory-mapped: there a full disk is a bus error
        begins = [0, *(np.flatnonzero(np.diff(rows) != 1) + 1).tolist(), len(items)]
        for first, end in pairwise(begins):
            writing.seek(offset + rows[first] * images[0].nbytes)
            writing.write(images[first:end].data)
    return decoded


@contextmanager
def _map(workers: int) -> Iterator[Callable[..., Any]]:
    """Returns a ``map`` that uses this process, or ``workers`` others. Raises UserError if one of them is ended."""
    if workers == 1:
        yield map
        return
    pool = ProcessPoolExecutor(workers, _Context(), _stand_by)
    try:
        yield pool.map
    except BrokenProcessPool:
        raise UserError(
            "a process that decoded images was ended from outside (for lack of memory, perhaps), or by a file at "
            "which its decoder crashes; type data.limit=… for fewer images, or look for the file"
        ) from None
    except BaseException:
        # After Ctrl-C the images that are being decoded are not needed.
        for process in list((getattr(pool, "_processes", None) or {}).values()):
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _Worker(SpawnProcess):
    """A process that does not import the program that started it.

    It is spawned, not forked: the parent has threads, and a forked child may wait forever for a lock that one of them
    held.
    """

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        program = sys.modules["__main__"]
        sys.modules["__main__"] = types.ModuleType("__main__")  # multiprocessing sends its path to the child
        try:
            return SpawnProcess._Popen(process_obj)  # type: ignore[attr-defined]
        finally:
            sys.modules["__main__"] = program


class _Context(SpawnContext):
    Process = _Worker


def _stand_by() -> None:
    """Ignores Ctrl-C, which the parent handles, and ends this process when the parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
