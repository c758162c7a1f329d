"""A file with a JSON object on each line, from which the last ones can be taken back."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganlab.atomic_write import write_atomically
from ganlab.monitor.appended import Appended


class Rows:
    """Each row has a ``step``; numbers that are not finite are null, which JSON has. Raises OSError as the system does;
    what it did not let be done is done as soon as it does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: Appended | None = None
        self._waiting: list[tuple[int, bytes]] = []
        self._cut: int | None = None

    def open(self) -> None:
        """Makes the file, where there is none yet."""
        self._file = self._file or Appended(self.path)

    def add(self, row: Mapping[str, Any]) -> None:
        """Writes a row; a killed process loses nothing of it."""
        self._waiting.append((row["step"], f"{json.dumps(_in_json(row))}\n".encode()))
        self.flush()

    def cut(self, step: int) -> None:
        """Takes away the rows of later steps than ``step``, and what a kill left unfinished."""
        self._waiting = [(of, row) for of, row in self._waiting if of <= step]
        self._cut = step
        self.flush()

    def flush(self) -> None:
        """Hands all rows to the system."""
        if self._file:
            self._file.flush()
        if self._cut is not None:
            if os.path.exists(self.path):
                rows = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
                write_atomically(self.path, "".join(f"{row}\n" for row in rows if _step_of(row) <= self._cut))
            if self._file:  # it is the old file's
                self._file.close()
                self._file = None
                self.open()
            self._cut = None
        if self._waiting:
            self.open()
            assert self._file is not None
            self._file.write(b"".join(row for _, row in self._waiting))
            self._waiting = []
            self._file.flush()

    def sync(self) -> None:
        """Hands all rows to the disk."""
        self.flush()
        if self._file:
            self._file.sync()

    def close(self) -> None:
        try:
            self.flush()
        finally:
            if self._file:
                self._file.close()


def _in_json(value: Any) -> Any:
    """Python writes NaN and Infinity, which other programs do not read."""
    if isinstance(value, Mapping):
        return {key: _in_json(inner) for key, inner in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _step_of(row: str) -> float:
    """The row's step; a row that a kill left unfinished counts as later than any."""
    try:
        return float(json.loads(row)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
