"""The output of all commands."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


def write_out_odd_letters() -> None:
    """Makes stdout and stderr write letters that their encoding lacks as escapes (``\\xd7`` for ×, ``\\udcff`` for a
    byte that is no letter). Python would end the command with a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def reported_when_slow(work: str, seconds: float = 3.0) -> Iterator[None]:
    """Prints ``work`` to stderr where the body of the ``with`` statement takes longer than so many seconds: importing
    PyTorch takes a second, and half a minute where its files are on a network."""
    timer = threading.Timer(seconds, lambda: print(f"{work} …", file=sys.stderr, flush=True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
