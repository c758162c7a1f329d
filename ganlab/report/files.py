"""Writes the files of a report."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from ganlab.atomic_write import replacing, write_atomically
from ganlab.errors import UserError
from ganlab.report.figures.drawing import Drawing, standalone
from ganlab.report.model import Report, as_plain
from ganlab.report.page.drawings import figures_of
from ganlab.report.page.gallery import Gallery, gallery
from ganlab.report.page.page import as_html, linked
from ganlab.report.page.sheet import sheet
from ganlab.report.tables import as_csv, run_rows
from ganlab.report.text.latex import as_latex
from ganlab.report.text.markdown import as_markdown

FIGURES, PICTURES = "figures", "pictures.png"


def as_json(report: Report) -> str:
    """Returns the whole report as JSON; numbers that are not finite are null."""
    return json.dumps(as_plain(report), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


WRITERS: dict[str, Callable[[Report], str]] = {
    "runs.csv": lambda report: as_csv(run_rows(report)),
    "effects.json": as_json,
    "tables.tex": as_latex,
}
"""The files of a report that have numbers alone, and what makes their text."""


def _encodable(text: str) -> str:
    """Returns text with halves of characters, which a damaged file may hold, written out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def file_of(drawing: Drawing) -> str:
    """Returns the file of a figure, in the folder of the report."""
    return f"{FIGURES}/{re.sub(r'[^0-9A-Za-z_.-]+', '-', drawing.name)}.svg"


def _figures(shown: Mapping[str, Drawing], pictures: Gallery | None) -> str:
    """Returns the figures and the pictures as Markdown."""
    lines = [f"![{one.caption.replace(']', ')').replace('[', '(')}]({name})" for name, one in shown.items()]
    if pictures is not None:
        lines.append(f"![Samples of the same latents, {pictures.rows} × {pictures.columns}]({PICTURES})")
    return "\n## Figures\n\n" + "\n\n".join(lines) + "\n" if lines else ""


def _files_before(folder: Path) -> set[str]:
    """Returns the figures and pictures of the report that is in ``folder``, as it names them: nothing else there is
    ever deleted."""
    try:
        text = (folder / "report.md").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return set()
    return set(re.findall(rf"\]\(({FIGURES}/[0-9A-Za-z_.-]+\.svg|{re.escape(PICTURES)})\)", text))


def write(report: Report, folder: Path) -> list[Path]:
    """Writes all files of a report into ``folder``, which is made. Returns their paths. Raises UserError."""
    figures, pictures = figures_of(report), gallery(report, linked(report, folder))
    shown = {file_of(one): one for one in figures.of_markdown}
    texts = {
        "report.html": as_html(report, folder, figures, pictures),
        "report.md": as_markdown(report) + _figures(shown, pictures),
        **{name: make(report) for name, make in WRITERS.items()},
        **{name: standalone(one) for name, one in shown.items()},
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        before = _files_before(folder)
        if shown:
            (folder / FIGURES).mkdir(exist_ok=True)
        for name, text in texts.items():
            write_atomically(folder / name, _encodable(text))
        if pictures is not None:
            with replacing(folder / PICTURES) as partial:
                partial.write_bytes(sheet(pictures))
        for name in before - shown.keys() - ({PICTURES} if pictures else set()):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: the report cannot be written there ({error.strerror}); type out=FOLDER") from error
    return [folder / name for name in (*texts, *([PICTURES] if pictures else [])) if name not in shown]
