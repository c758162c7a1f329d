"""Signals during a run: Ctrl-C and SIGTERM let it finish its step and save; the second one ends it at once."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # signals are handled before PyTorch is imported
    from ganlab.ranks import Ranks
    from ganlab.training.trainer import Trainer

# The handlers for a second signal. The handlers from before training are no use: a job in the background of a script
# inherits that Ctrl-C is ignored.
AT_ONCE: dict[int, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
ECHO = 3.0  # seconds in which another signal to one of several ranks counts as the same signal


class Signals:
    """The signals during a run: the ``number`` of the last one (0: none), and the ``trainer`` to stop, None while it is
    being built."""

    def __init__(self) -> None:
        self.number = 0
        self.trainer: Trainer | None = None


@contextmanager
def stopping(ranks: Ranks) -> Iterator[Signals]:
    """Handles Ctrl-C and SIGTERM: while a trainer trains it finishes its step and saves, and a second signal ends the
    process at once. Before that nothing is lost: KeyboardInterrupt is raised, with the exit code."""
    signals, several, first = Signals(), ranks.count > 1, 0.0
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal first
        again = signals.number != 0
        signals.number = number
        if signals.trainer is None:
            raise KeyboardInterrupt(128 + number)
        with suppress(OSError):  # not print: the signal may have interrupted a print
            os.write(2, b"\nStopping after this step, once it is saved; Ctrl-C again leaves at once.\n")
        signals.trainer.stop_requested = True
        if several:
            # Slurm signals torchrun and the ranks at once, and torchrun signals the ranks again: that is one signal.
            first = first or time.monotonic()
            if not again or time.monotonic() - first < ECHO:
                return
            signal.signal(number, AT_ONCE[number])
            signal.raise_signal(number)
        for leaving in (signal.SIGINT, number):
            signal.signal(leaving, AT_ONCE[leaving])

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            # torchrun ends all ranks as soon as one ends; rank 0 still has to write how the run ended.
            keeps_on = several and number == signal.SIGTERM
            signal.signal(number, signal.SIG_IGN if keeps_on else handler)


@contextmanager
def stopped_by_sigterm() -> Iterator[None]:
    """Returns a context in which SIGTERM stops the command as Ctrl-C does, with exit code 143, so that the status of
    a run is written."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(128 + number)

    main_thread = threading.current_thread() is threading.main_thread()
    if ours := main_thread and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        if ours and signal.getsignal(signal.SIGTERM) is stop:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
