"""The display of a run, and of several, in a notebook."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganlab.config.as_typed import as_text
from ganlab.errors import UserError
from ganlab.run.rows import LOSSES, is_number, metrics_rows

if TYPE_CHECKING:
    from ganlab.run.run import Run

ALONE, LISTED = (930, 560), (240, 120)  # the most pixels of a picture, width and height, alone and in a list
LARGEST = 64_000_000  # pixels of a picture that is opened
SHOWN = 24  # runs of a list
WIDTH, HEIGHT, POINTS = 140, 48, 100  # of a small drawing of losses, and the points of a curve in it
COLOURS = {"finished": "#1a7f37", "running": "#0969da", "stopped": "#9a6700"}
OTHERWISE = "#cf222e"


def run_html(run: Run) -> str:
    """Returns the status, the samples, the curves, the settings that differ from the default ones, and the command."""
    from ganlab.run.curves import as_png

    summary = f"{_status(run)} · {escape(run.progress)}"
    reason = f"<div>{escape(run.reason)}</div>" if run.reason else ""
    columns = []
    if run.samples:
        columns.append(f"<div>{_picture(run.samples[-1], ALONE)}<br><small>{run.samples[-1].name}</small></div>")
    columns.append(f"<div>{_image(as_png(run.plot()), 'curves', 'max-width:100%;max-height:240px')}</div>")
    settings = _codes(_settings(run))
    return (
        f'<div class="ganlab-run"><div><b>{escape(run.name)}</b></div><div>{summary}</div>{reason}{_verdicts(run)}'
        f'<div style="display:flex;flex-wrap:wrap;gap:1em;align-items:flex-start">{"".join(columns)}</div>'
        f"<div>Differs from the default settings in: {settings or 'nothing'}</div>"
        f"<div><small>{escape(str(run.folder))}</small></div></div>"
    )


def runs_html(runs: Sequence[Run]) -> str:
    """Returns a table with a row for each of the last runs, in their order: samples, status, last scores, losses, and
    the settings that are not those of all of them."""
    if not len(runs):
        return "<div>no runs</div>"
    last = list(runs)[-SHOWN:]
    settings = [_settings(run) for run in last]
    shared = [text for text in settings[0] if all(text in one for one in settings)] if len(last) > 1 else []
    rows = "".join(
        f"<tr>{_cell(_picture(run.samples[-1], LISTED, cut=True) if run.samples else '')}"
        f"{_cell(f'{escape(run.name)}<br>{_status(run)} · {escape(run.progress)}')}"
        f"{_cell(_losses(run))}"
        f"{_cell(_codes([text for text in own if text not in shared]))}</tr>"
        for run, own in zip(last, settings, strict=True)
    )
    earlier = f"<div>{len(runs) - SHOWN} earlier runs, and</div>" if len(runs) > SHOWN else ""
    common = f"<div>All of these differ from the default settings in: {_codes(shared)}</div>" if shared else ""
    differ = "differs from the others in" if shared else "differs from the default settings in"
    head = "".join(_cell(text, "th") for text in ("samples", "run", "losses: D, G", differ))
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'{earlier}{common}<div style="overflow-x:auto">{table}</div>'


def _verdicts(run: Run) -> str:
    """Returns the verdicts that last, with their evidence and what to try."""
    try:
        lasting = [one for one in run.verdicts if one.lasting]
    except UserError:  # no rows yet
        return ""
    parts = []
    for one in lasting:
        evidence = "; ".join(map(str, one.evidence))
        advice = " or ".join(f"<code>{escape(str(advice))}</code>" for advice in one.advice)
        parts.append(
            f'<div><b style="color:{OTHERWISE}">{escape(one.title)}</b> since step {one.since:,}: {escape(evidence)}'
            + (f"; try {advice}" if advice else "")
            + "</div>"
        )
    return "".join(parts)


def _cell(inside: str, tag: str = "td") -> str:
    return f'<{tag} style="text-align:left;vertical-align:top">{inside}</{tag}>'


def _codes(texts: Sequence[str]) -> str:
    return " ".join(f"<code>{escape(text)}</code>" for text in texts)


def _settings(run: Run) -> list[str]:
    try:
        changed: Mapping[str, Any] = run.changed
    except UserError as error:  # a run that was refused has no settings
        return [str(error)]
    return [f"{key}={as_text(value)}" for key, value in changed.items()]


def _status(run: Run) -> str:
    colour = COLOURS.get(run.status, OTHERWISE)
    return f'<b style="color:{colour}">{escape(run.status)}</b>'


def _losses(run: Run) -> str:
    """Returns the losses over the training as a small drawing, D's in blue and G's in orange, on one scale; those of a
    single row as numbers."""
    rows = metrics_rows(run.folder)
    if len(rows) == 1:
        return ", ".join(f"{rows[0][tag]:.3g}" for tag in LOSSES if is_number(rows[0].get(tag)))
    rows = rows[:: max(1, len(rows) // POINTS)]
    curves = [[(row["step"], row[tag]) for row in rows if is_number(row.get(tag))] for tag in LOSSES]
    if (points := [point for curve in curves for point in curve]) and len(rows) > 1:
        (left, right), (low, high) = ((min(axis), max(axis)) for axis in zip(*points, strict=True))
        across, up = WIDTH / ((right - left) or 1), HEIGHT / ((high - low) or 1)
        lines = "".join(
            f'<polyline fill="none" stroke="{colour}" points="'
            + " ".join(f"{(x - left) * across:.1f},{(high - y) * up:.1f}" for x, y in curve)
            + '"/>'
            for curve, colour in zip(curves, ("#1f77b4", "#ff7f0e"), strict=True)
        )
        return f'<svg width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="losses">{lines}</svg>'
    return ""


def _picture(file: Path, most: tuple[int, int], cut: bool = False) -> str:
    """Returns an image of a file, with at most so many pixels of width and height; nothing for one that cannot be
    read. A table does not make it narrower. ``cut`` shows the left part of a wide picture, such as the two rows of a
    run with two classes, which would otherwise be a stripe."""
    from PIL import Image

    try:
        with Image.open(file) as opened:
            if opened.width * opened.height > LARGEST:
                return ""
            if opened.width <= most[0] and opened.height <= most[1]:
                content = file.read_bytes()
            else:
                widest = opened.height * most[0] // most[1]
                part = opened.crop((0, 0, min(opened.width, widest), opened.height)) if cut else opened
                part.thumbnail(most)
                smaller = io.BytesIO()
                part.convert("RGB").save(smaller, format="PNG")
                content = smaller.getvalue()
    except (OSError, ValueError, Image.DecompressionBombError):
        return ""
    return _image(content, "samples", "max-width:none;image-rendering:pixelated")


def _image(content: bytes, alt: str, style: str) -> str:
    address = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    return f'<img src="{address}" alt="{alt}" style="{style}">'
