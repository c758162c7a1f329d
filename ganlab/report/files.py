"""Writes the files of a report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from ganlab.atomic_write import write_atomically
from ganlab.errors import UserError
from ganlab.report.latex import as_latex
from ganlab.report.markdown import as_markdown
from ganlab.report.model import Report, as_plain
from ganlab.report.page import as_html
from ganlab.report.tables import as_csv, run_rows


def as_json(report: Report) -> str:
    """Returns the whole report as JSON; numbers that are not finite are null."""
    return json.dumps(as_plain(report), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


WRITERS: dict[str, Callable[[Report, Path], str]] = {
    "report.html": as_html,
    "report.md": lambda report, _: as_markdown(report),
    "runs.csv": lambda report, _: as_csv(run_rows(report)),
    "effects.json": lambda report, _: as_json(report),
    "tables.tex": lambda report, _: as_latex(report),
}
"""The files of a report, and what makes their text for the folder that they will be in."""


def _encodable(text: str) -> str:
    """Returns text with halves of characters, which a damaged file may hold, written out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def write(report: Report, folder: Path) -> list[Path]:
    """Writes all files of a report into ``folder``, which is made. Returns their paths. Raises UserError."""
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in WRITERS.items():
            write_atomically(folder / name, _encodable(text(report, folder)))
            paths.append(folder / name)
    except OSError as error:
        raise UserError(f"{folder}: the report cannot be written there ({error.strerror}); type out=FOLDER") from error
    return paths
