"""Files with one JSON object per line (JSON Lines), whose last lines can be removed again."""

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
    """A file of rows, JSON objects that have a ``step``. Numbers that are not finite are written as null, since JSON
    has no NaN. Methods raise OSError as the system does; work that failed is done at the next call that succeeds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: Appended | None = None
        self._waiting: list[tuple[int, bytes]] = []
        self._cut: int | None = None

    def open(self) -> None:
        """Creates the file if it does not exist."""
        self._file = self._file or Appended(self.path)

    def add(self, row: Mapping[str, Any]) -> None:
        """Appends a row; a killed process does not lose it."""
        self._waiting.append((row["step"], f"{json.dumps(_in_json(row))}\n".encode()))
        self.flush()

    def cut(self, step: int) -> None:
        """Removes the rows of later steps than ``step``, and an incomplete row at the end."""
        self._waiting = [(of, row) for of, row in self._waiting if of <= step]
        self._cut = step
        self.flush()

    def flush(self) -> None:
        """Passes all rows to the operating system."""
        if self._file:
            self._file.flush()
        if self._cut is not None:
            if os.path.exists(self.path):
                rows = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
                write_atomically(self.path, "".join(f"{row}\n" for row in rows if _step_of(row) <= self._cut))
            if self._file:  # it belongs to the file that was replaced
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
        """Writes all rows to the disk."""
        self.flush()
        if self._file:
            self._file.sync()

    def close(self) -> None:
        """Flushes and closes the file."""
        try:
            self.flush()
        finally:
            if self._file:
                self._file.close()


def _in_json(value: Any) -> Any:
    """Returns ``value`` with None for floats that are not finite: Python would write NaN and Infinity, which is no
    JSON."""
    if isinstance(value, Mapping):
        return {key: _in_json(inner) for key, inner in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _step_of(row: str) -> float:
    """Returns the step of a row; infinity for an incomplete row."""
    try:
        return float(json.loads(row)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
