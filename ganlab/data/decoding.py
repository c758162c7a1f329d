"""Decoding many images at once, in several processes that write into one file."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from ganlab.errors import UserError, in_one_line

if TYPE_CHECKING:
    from ganlab.data.stored import Stored

FEW = 200  # images: other processes would take longer to start than these to decode
CHUNK = 256  # images at most that a process takes at a time


def decode_into(file: Path, offset: int, source: Stored, items: Sequence[Any], in_memory: bool) -> dict[int, str]:
    """Writes the pixels of every item into ``file``, one behind the other from ``offset`` on. Returns the numbers of
    those that cannot be read, with the reason; zeros stand in their places. Raises OSError where the file cannot be
    written."""
    workers = 1 if in_memory or len(items) <= FEW or not _can_start_others() else processors()
    length = max(1, min(CHUNK, len(items) // (8 * workers)))
    starts = range(0, len(items), length)
    size = int(np.prod(source.image_shape))
    failed: dict[int, str] = {}
    bar = tqdm(total=len(items), desc="decoding", unit=" images", disable=None, leave=False)
    with _map(workers) as run, bar:
        chunks = [items[start : start + length] for start in starts]
        places = [offset + start * size for start in starts]
        count = len(chunks)
        for start, chunk, reasons in zip(
            starts, chunks, run(_decode, [source] * count, chunks, [file] * count, places), strict=True
        ):
            failed |= {start + number: reason for number, reason in reasons.items()}
            bar.update(len(chunk))
    return failed


def _can_start_others() -> bool:
    """Whether this process may have children, and they can find the program that they are children of."""
    program = getattr(sys.modules["__main__"], "__file__", None)
    return not multiprocessing.current_process().daemon and (program is None or os.path.exists(program))


def processors() -> int:
    """Returns the number of processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def _decode(source: Stored, items: Sequence[Any], file: Path, place: int) -> dict[int, str]:
    _, height, width = source.image_shape
    images = np.zeros((len(items), height, width, source.image_shape[0]), np.uint8)
    failed = {}
    for number, item in enumerate(items):
        try:
            images[number] = source.pixels(item)
        except Exception as error:  # a damaged file can fail in any of the decoders' ways
            failed[number] = in_one_line(error)
    with open(file, "r+b") as writing:  # not memory-mapped: there a full disk is a bus error
        writing.seek(place)
        writing.write(images.data)
    return failed


@contextmanager
def _map(workers: int) -> Iterator[Callable[..., Any]]:
    """``map``, in this process or in others."""
    if workers == 1:
        yield map
        return
    # Spawned, not forked: the parent has threads, and a forked child may wait forever for a lock one of them held.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _stand_by)
    try:
        yield pool.map
    except BrokenProcessPool:
        raise UserError(
            "a process that decoded images was ended from outside (for lack of memory, perhaps), by a file that its "
            "decoder cannot bear, or by a script of yours that does not keep to `if __name__ == '__main__':`"
        ) from None
    except BaseException:
        # Whoever stops does not want to wait for the images that are being decoded; none of them is kept.
        for process in list((getattr(pool, "_processes", None) or {}).values()):
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _stand_by() -> None:
    """Leaves Ctrl-C to the parent, and ends with it, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
