"""Small pictures of samples of each run, at steps that most of them share."""

from __future__ import annotations

import base64
import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganlab.report.model import Picture, Report, Run

NETWORKS = ("average", "generator")
"""Whose samples are shown: those of the averaged weights, where there are any."""
COLUMNS, ROWS = 4, 4
SIDE = 120
"""The most pixels of a side of a small picture."""
MOST_STEPS = 5
MOST_BYTES = 2_500_000
"""Of all pictures together, as text."""
MOST_RUNS = 1200
LAYOUT = "ganlab"
LARGEST = 64_000_000  # pixels of a picture that is opened


@dataclass
class Album:
    """The small pictures, as addresses that hold them (``data:``), by the number of the run and the step. ``steps``
    are those that can be chosen, ``step`` is the one that is shown first, and ``real`` the picture of real images."""

    steps: list[int] = field(default_factory=list)
    step: int = 0
    shots: dict[int, dict[int, str]] = field(default_factory=dict)
    real: str | None = None


def album(report: Report, first: Sequence[int] = ()) -> Album:
    """Returns the pictures of the runs that have some: of up to ``MOST_STEPS`` steps, as many as ``MOST_BYTES`` hold.
    The runs with the numbers ``first`` come first, and the last step before the others."""
    root = Path(report.folder)
    shown = {run.number: one for run in report.runs if (one := _own(run))}
    steps = _steps(list(shown.values()))
    if not steps:
        return Album()
    found = Album(sorted(steps), steps[0])
    order = [
        *(number for number in first if number in shown),
        *(number for number in shown if number not in set(first)),
    ]
    folders = {run.number: root / run.folder for run in report.runs}
    left = MOST_BYTES
    for step in steps:
        for number in order[:MOST_RUNS]:
            picture = _until(shown[number], step)
            if picture is None or picture.step in found.shots.get(number, {}):
                continue
            if (made := small(folders[number] / picture.file)) is None:
                continue
            left -= len(made)
            if left < 0:
                left = 0
                break
            found.shots.setdefault(number, {})[picture.step] = made
        if not left:
            break
    found.steps = sorted({step for own in found.shots.values() for step in own} & set(steps))
    found.step = found.steps[-1] if found.steps else 0
    return _with_real(found, report)


def _with_real(found: Album, report: Report) -> Album:
    for run in report.runs:
        if run.real and (made := small(Path(report.folder) / run.folder / run.real)):
            found.real = made
            break
    return found


def _own(run: Run) -> list[Picture]:
    """Returns the pictures of one network of a run, by step."""
    for network in NETWORKS:
        if own := [one for one in run.pictures if one.network == network]:
            return own
    return []


def _steps(pictures: Sequence[Sequence[Picture]]) -> list[int]:
    """Returns the steps at which at least half as many runs have a picture as at the most frequent one: the last of
    them first, then others evenly spaced."""
    counts = Counter(one.step for own in pictures for one in own)
    if not counts:
        return []
    most = max(counts.values())
    common = sorted(step for step, count in counts.items() if 2 * count >= most)
    places = {round(one * (len(common) - 1) / (MOST_STEPS - 1)) for one in range(MOST_STEPS)}
    return [common[place] for place in sorted(places, reverse=True)]


def _until(own: Sequence[Picture], step: int) -> Picture | None:
    """Returns the picture at a step; of a run that ended before, its last one."""
    before = [one for one in own if one.step <= step]
    return before[-1] if before else None


def small(path: Path) -> str | None:
    """Returns the first images of a grid, or a whole picture of points, in few pixels as an address that holds it;
    None for a file that is no picture."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as opened:
            if opened.format != "PNG" or opened.width * opened.height > LARGEST:
                return None
            layout = _layout(opened)
            picture = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError):
        return None
    if layout is not None:
        picture = _cropped(picture, layout)
    if max(picture.size) > SIDE:
        picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    red, green, blue = picture.split()
    gray = red.tobytes() == green.tobytes() == blue.tobytes()
    file = io.BytesIO()
    if gray:
        red.save(file, "PNG", optimize=True)
        kind = "png"
    else:
        picture.save(file, "WEBP", quality=85)
        kind = "webp"
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"


def _layout(opened: Any) -> dict[str, int] | None:
    """Returns where the images of a grid are: what the run wrote into the file."""
    try:
        layout = json.loads(opened.text[LAYOUT])["layout"]
        names = ("count", "columns", "height", "width", "factor", "top", "left")
        found = {name: int(layout[name]) for name in names}
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return None
    return found if min(found["columns"], found["height"], found["width"], found["factor"]) > 0 else None


def _cropped(picture: Any, layout: dict[str, int]) -> Any:
    """Returns the first ``ROWS`` × ``COLUMNS`` images of a grid, without its enlargement."""
    from PIL import Image

    padding = 2
    columns = min(COLUMNS, layout["columns"])
    rows = min(ROWS, -(-layout["count"] // layout["columns"]))
    width = columns * (layout["width"] + padding) + padding
    height = rows * (layout["height"] + padding) + padding
    factor, left, top = layout["factor"], layout["left"], layout["top"]
    box = (left, top, left + width * factor, top + height * factor)
    if box[2] > picture.width or box[3] > picture.height:
        return picture
    return picture.crop(box).resize((width, height), Image.Resampling.NEAREST)
