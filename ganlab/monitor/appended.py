"""A file that only grows, and is never torn by a disk that was full for a while."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


class Appended:
    """What the disk does not take waits here, and goes first the next time. Raises OSError as the system does."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._waiting = b""

    def write(self, data: bytes) -> None:
        """Puts ``data`` behind what waits; ``flush`` writes it."""
        self._waiting += data

    def flush(self) -> None:
        """Hands all of it to the system: a killed process loses nothing of it."""
        while self._waiting:
            self._waiting = self._waiting[self._file.write(self._waiting) or 0 :]

    def sync(self) -> None:
        """Hands all of it to the disk."""
        self.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        try:
            self.flush()
        finally:
            with contextlib.suppress(OSError):
                self._file.close()
