"""Files to which data is appended, and which stay complete if the disk is full for a while."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


class Appended:
    """A file for appending. Data that could not be written is kept in memory and written first at the next call.
    Methods raise OSError as the system does."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._waiting = b""

    def write(self, data: bytes) -> None:
        """Appends ``data`` to the data in memory; ``flush`` writes it."""
        self._waiting += data

    def flush(self) -> None:
        """Passes all data to the operating system: a killed process does not lose it."""
        while self._waiting:
            self._waiting = self._waiting[self._file.write(self._waiting) or 0 :]

    def sync(self) -> None:
        """Writes all data to the disk."""
        self.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Flushes and closes the file."""
        try:
            self.flush()
        finally:
            with contextlib.suppress(OSError):
                self._file.close()
