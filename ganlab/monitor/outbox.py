"""Records on their way to a service, which may be slow or fail for a while."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from ganlab.errors import in_one_line

PAUSE, LONGEST_PAUSE = 5.0, 300.0  # seconds between two attempts to send a record
MOST_PICTURES = 64  # that wait at the same time; the run folder has all of them


class Outbox:
    """Sends records in order, in a thread of its own, so that training waits for no service. A record that could not be
    sent stays and is sent again, after 5 seconds at first and later after up to 5 minutes."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Callable[[], None], bool]] = deque()
        self._changed = threading.Condition()
        self._error: Exception | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def put(self, send: Callable[[], None], picture: bool = False) -> None:
        """Adds a record, which ``send`` sends. Raises OSError if the service fails at present; the record waits all the
        same. A ``picture`` is left out if many wait."""
        with self._changed:
            if not picture or sum(is_picture for _, is_picture in self._waiting) < MOST_PICTURES:
                self._waiting.append((send, picture))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
            self._changed.notify_all()
            if self._error is not None:
                raise OSError(in_one_line(self._error))

    def wait(self, seconds: float) -> int:
        """Waits until all records are sent, at most ``seconds``, and not at all while the service fails. Returns the
        number of records that still wait."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting or self._error is not None, seconds)
            return len(self._waiting)

    def close(self, seconds: float) -> int:
        """Waits as ``wait`` does, ends the thread, and returns the number of records that were not sent."""
        left = self.wait(seconds)
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        return left

    def _run(self) -> None:
        pause = PAUSE
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                send, _ = self._waiting[0]
            try:
                send()
            except Exception as error:  # whatever the package of a service raises
                with self._changed:
                    self._error = error
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: self._closed, pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                pause = PAUSE
                with self._changed:
                    self._waiting.popleft()
                    self._error = None
                    self._changed.notify_all()
