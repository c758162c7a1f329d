"""Reports of work that takes longer than a few seconds: a bar on a terminal or in a notebook, lines on stderr
elsewhere."""

from __future__ import annotations

import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from tqdm import tqdm

QUIET = 3.0  # seconds before the first line
LONGEST = 60.0  # seconds between two lines, at most

Advance = Callable[[int], None]
"""Is called with the number of units that were done since the last call."""
Report = Callable[[str, int | None], AbstractContextManager[Advance]]
"""``progress``, or ``silent``."""


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    return "ipykernel.zmqshell" in sys.modules


def shows_bars() -> bool:
    """Whether a bar can be shown: stderr is a terminal, or this process is the kernel of a notebook."""
    return in_notebook() or sys.stderr.isatty()


def open_bar(**settings: Any) -> Any:
    """Returns tqdm's bar: that of notebooks in a notebook (a line of text there if ipywidgets is not installed), and
    one on stderr if that is a terminal; otherwise one that shows nothing. It has no colour where ``NO_COLOR`` is set,
    whatever ``TQDM_COLOUR`` says."""
    if os.environ.get("NO_COLOR"):
        settings = {**settings, "colour": None}
    if not in_notebook() or settings.get("disable"):
        return tqdm(**{"disable": None, "dynamic_ncols": True, **settings})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that ipywidgets is missing
        from tqdm.auto import tqdm as bar_of_notebooks
    return bar_of_notebooks(**settings)


@contextmanager
def progress(work: str, total: int | None = None) -> Iterator[Advance]:
    """Reports ``work`` of ``total`` units (None: unknown) on stderr while the body of the ``with`` statement runs.

    After 3 seconds a bar is shown on a terminal and in a notebook, which disappears at the end. Elsewhere a line names
    the work then and tells how long it will take; more lines follow after twice the time each, at most a minute apart.
    Work that ends before that is not reported. Bar and lines come from a thread, so that a single long call is reported
    too.
    """
    if shows_bars():
        with open_bar(total=total, desc=work, unit="", unit_scale=True, leave=False, delay=QUIET) as bar:

            def show() -> None:
                bar.refresh()
                bar.delay = 0  # otherwise tqdm takes it for a bar that was never shown, and leaves it there

            late = threading.Timer(QUIET, show)
            late.daemon = True
            late.start()

            def update(units: int) -> None:
                bar.update(units)

            try:
                yield update
            finally:
                late.cancel()
                late.join()
        return
    done, ended, began = 0, threading.Event(), time.monotonic()

    def advance(units: int) -> None:
        nonlocal done
        done += units

    def tell() -> None:
        pause = QUIET
        while not ended.wait(pause):
            print(line(work, done, total, time.monotonic() - began), file=sys.stderr, flush=True)
            pause = min(time.monotonic() - began, LONGEST)

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield advance
    finally:
        ended.set()
        thread.join()


@contextmanager
def silent(work: str, total: int | None = None) -> Iterator[Advance]:
    """Reports nothing: for work that another bar or line stands for already."""
    yield lambda units: None


def line(work: str, done: int, total: int | None, seconds: float) -> str:
    """The report of ``done`` units of ``total`` after so many seconds, with the time that is left at this rate."""
    if not total or not done:
        return f"{work} …" if seconds < LONGEST else f"{work} … ({duration(seconds)} so far)"
    left = seconds * max(total - done, 0) / done
    return f"{work}: {min(done / total, 1):.0%}, about {duration(left)} left"


def duration(seconds: float) -> str:
    """A duration in words that are as exact as an estimate is: ``12 s``, ``4 min``, ``2.5 h``."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"
