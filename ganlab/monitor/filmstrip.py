"""Filmstrips: the samples of a few fixed latents over the steps of a run, from its saved pictures."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganlab.monitor.captions import to_image, to_tensor
from ganlab.monitor.grid import grid
from ganlab.monitor.named_grid import KEY, Layout, Picture, named_grid

COLUMNS, ROWS = 12, 10  # at most: steps, latents
LARGEST = 4096  # pixels of a side, before the number of columns or rows is reduced
PANELS = 8  # pictures of points at most, 4 in a row
NETWORKS = ("generator", "average")


@dataclass(frozen=True)
class Frame:
    """The picture of one step: its ``cells``, images (n, 3, H, W) uint8 with a name each, or ``()``;
    and ``picture`` (3, height, width) uint8, if it is no grid."""

    step: int
    cells: Tensor | None
    names: tuple[str, ...]
    picture: Tensor | None


def filmstrips(folder: Path) -> dict[str, Picture]:
    """Returns filmstrips by network (``generator``, ``average``), made from the pictures ``step-*-NETWORK.png`` in
    ``folder``: at most 10 rows, each one fixed latent (and class), and at most 12 columns, the steps, evenly spaced
    from the first picture to the last. Of points of the plane, at most 8 pictures are shown side by side.

    Nothing is kept in memory while a run trains, and a resumed run has the pictures of the processes before it.
    Pictures without a layout (of earlier versions, or damaged) are left out; a network with fewer than two has none.
    """
    strips = {}
    for network in NETWORKS:
        frames = _frames(folder, network)
        if len(frames) > 1:
            strips[network] = _panels(frames) if frames[-1].cells is None else _strip(frames)
    return strips


def _frames(folder: Path, network: str) -> list[Frame]:
    """Reads the pictures of at most ``COLUMNS`` steps."""
    found = []
    for path in folder.glob(f"step-*-{network}.png"):
        if match := re.fullmatch(rf"step-(\d+)-{network}\.png", path.name):
            found.append((int(match[1]), path))
    found.sort()
    frames = [_read(*found[index]) for index in _evenly(len(found), COLUMNS)]
    return [frame for frame in frames if frame is not None]


def _read(step: int, path: Path) -> Frame | None:
    """Reads the PNG of a ``Picture``. Returns None if it is damaged, or has no layout."""
    try:
        with Image.open(path) as image:
            facts = json.loads(getattr(image, "text", {})[KEY])
            picture = to_tensor(image.convert("RGB"))
        if facts["layout"] is None:
            return Frame(step, None, (), picture)
        layout = Layout(**{field.name: int(facts["layout"][field.name]) for field in fields(Layout)})
        names = tuple(map(str, facts["names"]))
        if names:  # the first image of each class
            rows = _evenly(layout.rows, ROWS)
            names, numbers = tuple(names[row] for row in rows), [row * layout.columns for row in rows]
        else:
            numbers = list(range(min(layout.count, ROWS)))
        return Frame(step, torch.stack([_cell(picture, layout, number) for number in numbers]), names, None)
    except (OSError, SyntaxError, ValueError, LookupError, TypeError, ArithmeticError, RuntimeError):
        return None
    except Image.DecompressionBombError:
        return None


def _cell(picture: Tensor, layout: Layout, number: int) -> Tensor:
    """Returns image ``number`` (3, H, W) of an enlarged grid in its own resolution."""
    top, left = layout.corner(number)
    bottom, right = top + layout.height * layout.factor, left + layout.width * layout.factor
    if layout.factor < 1 or min(top, left) < 0 or bottom > picture.shape[1] or right > picture.shape[2]:
        raise ValueError("the layout does not fit the picture")
    return picture[:, top : bottom : layout.factor, left : right : layout.factor]


def _strip(frames: Sequence[Frame]) -> Picture:
    """Shows one row per image, one column per step."""
    last = frames[-1]
    assert last.cells is not None
    fitting = [
        (frame.step, frame.cells)
        for frame in frames
        if frame.cells is not None and frame.cells.shape == last.cells.shape and frame.names == last.names
    ]
    count, _, height, width = last.cells.shape
    rows = _evenly(count, max(1, LARGEST // height))
    columns = [fitting[index] for index in _evenly(len(fitting), max(2, LARGEST // width))]
    images = torch.stack([cells[rows] for _, cells in columns], dim=1).flatten(0, 1)
    return named_grid(
        images.float() / 127.5 - 1,
        len(columns),
        row_names=[last.names[row] for row in rows] if last.names else (),
        column_names=[f"{step:,}" for step, _ in columns],
        caption=f"Columns: steps. Each row: {'one class, ' if last.names else ''}one latent.",
    )


def _panels(frames: Sequence[Frame]) -> Picture:
    """Shows pictures side by side, four in a row, at 3/5 of their size."""
    every = [frame.picture for frame in frames if frame.picture is not None]
    fitting = [picture for picture in every if picture.shape == every[-1].shape]
    chosen = [to_image(fitting[index]) for index in _evenly(len(fitting), PANELS)]
    size = (chosen[0].width * 3 // 5, chosen[0].height * 3 // 5)
    small = [to_tensor(image.resize(size, Image.Resampling.LANCZOS)) for image in chosen]
    return Picture(grid(torch.stack(small).float() / 127.5 - 1, columns=4))


def _evenly(count: int, most: int) -> list[int]:
    """Returns at most ``most`` of the indices 0 … ``count`` - 1, evenly spaced, with the first and the last."""
    return sorted({round(float(index)) for index in np.linspace(0, count - 1, min(count, most))})
