"""The file ``metrics.csv`` of a run folder, for spreadsheets and pandas."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ganlab.atomic_write import write_atomically
from ganlab.monitor.appended import Appended
from ganlab.training.observer import ObservedRun, Observer, ObserverSetting

Row = Mapping[str, str]


@dataclass(frozen=True)
class CSVSetting(ObserverSetting):
    """``metrics.csv`` in the run folder: one row per log point, one column per tag."""

    def build(self, run: ObservedRun) -> Observer:
        return CSV(run.folder / "metrics.csv")


class CSV(Observer):
    """Writes comma-separated values with a header (RFC 4180, UTF-8): ``step``, then each tag in the order in which it
    was first logged. A cell is empty where the tag has no value at that step; numbers that are not finite are ``nan``,
    ``inf`` and ``-inf``.

    A row is appended at once. When a new tag comes, or rows must be discarded, the file is replaced by a new
    one, so that a killed process leaves either of them complete.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._columns: list[str] = ["step"]
        self._waiting: list[Row] = []  # rows that the disk has not taken yet
        self._last: float | None = None  # rows of later steps than this must be discarded
        self._file: Appended | None = None

    def started(self, step: int, steps: int) -> None:
        self.rolled_back(step)

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        self._waiting.append({"step": str(step), **{tag: repr(float(value)) for tag, value in values.items()}})
        self._write()

    def rolled_back(self, step: int) -> None:
        self._waiting = [row for row in self._waiting if int(row["step"]) <= step]
        self._last = step
        self._write()

    def flush(self) -> None:
        self._write()
        if self._file is not None:
            self._file.sync()

    def closed(self) -> None:
        try:
            self._write()
        finally:
            self._close()

    def _write(self) -> None:
        """Writes all rows to the file. Raises OSError; rows that could not be written wait for the next call."""
        new = any(tag not in self._columns for row in self._waiting for tag in row)
        if self._last is not None or new:
            self._replace()
        if self._file is None:
            self._file = Appended(self.path)
        if self._waiting:
            self._file.write(_text(self._columns, self._waiting).encode())
            self._waiting = []
        self._file.flush()

    def _replace(self) -> None:
        """Writes the file anew: without the rows to discard, and with columns for all tags that have a value."""
        if self._file is not None:
            self._file.flush()
        rows = [*_rows(self.path, self._last), *self._waiting]
        columns = list(dict.fromkeys(["step", *(tag for row in rows for tag in row)]))
        write_atomically(self.path, _text(columns, [dict(zip(columns, columns, strict=True)), *rows]))
        self._close()  # it belongs to the file that was replaced
        self._columns, self._waiting, self._last = columns, [], None

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


def _rows(path: Path, last: float | None) -> list[Row]:
    """Returns the complete rows of a file up to the step ``last`` (None: all), without their empty cells. A row that a
    kill left unfinished is not among them."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = text[: text.rfind("\n") + 1]
    rows: list[Row] = []
    for row in csv.DictReader(io.StringIO(lines, newline="")):
        cells = {tag: value for tag, value in row.items() if tag is not None and value}
        if cells.get("step", "").isdecimal() and (last is None or int(cells["step"]) <= last):
            rows.append(cells)
    return rows


def _text(columns: Sequence[str], rows: Iterable[Row]) -> str:
    written = io.StringIO(newline="")
    csv.DictWriter(written, columns, restval="", lineterminator="\n").writerows(rows)
    return written.getvalue()
