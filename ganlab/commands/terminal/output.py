"""Functions for the terminal output of all commands."""

from __future__ import annotations

import gc
import io
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


def write_out_odd_letters() -> None:
    """Sets stdout and stderr to write characters that their encoding lacks as escapes (``\\xd7`` for ×, ``\\udcff``
    for a byte that is not a character). Without it, Python would end the command with a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """Prints text to a reader who may stop reading, such as ``head`` or a pager that is left."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        read_no_more()


def read_no_more() -> None:
    """Discards what stdout still holds and will get, since nobody reads it: Python would end with a traceback."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


LOADING = "Loading PyTorch"


@contextmanager
def loading(work: str = LOADING) -> Iterator[None]:
    """Returns a context for the imports of a command, which says after a while that they are going on. Imports create
    a million objects that stay, and Python's collector would look through all of them several times: without it,
    importing PyTorch takes an eighth less."""
    collects = gc.isenabled()
    gc.disable()
    try:
        with reported_when_slow(work):
            yield
    finally:
        if collects:
            gc.freeze()
            gc.enable()


@contextmanager
def reported_when_slow(work: str, seconds: float = 3.0) -> Iterator[None]:
    """Returns a context that prints ``work`` to stderr if its body takes longer than ``seconds``: importing PyTorch
    takes a second, or half a minute if its files are on a network."""
    timer = threading.Timer(seconds, lambda: print(f"{work} …", file=sys.stderr, flush=True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
