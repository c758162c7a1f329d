"""The pictures of samples for the dashboard: real, generated and averaged images beside each other in one picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor

from ganlab.monitor import captions
from ganlab.monitor.dashboard.chart import SAMPLES, Chart
from ganlab.monitor.grid import PADDING, enlarge, enlargement, grid
from ganlab.monitor.named_grid import Layout, Picture, named_grid
from ganlab.monitor.pictures import caption, pictures, row_names
from ganlab.training.observer import Samples

VALUES = 400_000  # numbers (channels × pixels) in a picture at most: 16 MB for 40 pictures, as noise compresses badly
LEAST = 16  # images of each kind at least, where there are as many
GAP = 4  # pixels between panels, before enlargement
ASPECT = 1.7  # width over height of the picture: the page is wide, and limits the height of pictures
SIDE = 600  # pixels of the longer side at least
TITLE = 1 / 32  # size of the letters, as a share of the picture's longer side: pages show pictures small

FIXED = "The latents are fixed for the whole run, so that each place shows the same sample at every step."
BESIDE = Chart(
    SAMPLES,
    "generated beside real",
    f"Real images, generated ones, and those of G's averaged weights if they are kept. {FIXED} "
    "`samples/` in the run folder has larger pictures.",
    good="as varied as the real ones, and no two alike; equal pictures mean mode collapse",
)
POINTS = Chart(SAMPLES, "generated beside real", f"Generated points over real ones, with D's level lines. {FIXED}")
CONTRAST = Chart(
    SAMPLES,
    "untrained generator, contrast stretched",
    "The samples before the first step, whose contrast is too low to be seen without.",
)
STRIPS = {
    "generator": Chart(SAMPLES, "generated over the steps", "The samples of a few fixed latents over the whole run."),
    "average": Chart(
        SAMPLES, "generated over the steps, averaged weights", "The same with the average of G's weights."
    ),
}
TITLES = {"real": "real", "generator": "generated", "average": "averaged weights"}


@dataclass(frozen=True)
class Shown:
    """A picture and its chart."""

    chart: Chart
    picture: Picture


def shown(step: int, samples: Samples, real: Tensor | None, class_names: tuple[str, ...] = ()) -> list[Shown]:
    """Returns the pictures of ``samples`` after ``step`` steps. ``real`` are the real images of the first
    samples, which later ones do not have."""
    if samples.are_points:
        parts = [picture.pixels for picture in pictures(step, samples, class_names).values()]
        return [Shown(POINTS, Picture(torch.cat(parts, dim=2)))]
    kinds = {name: images for name, images in {"real": real, **samples.images}.items() if images is not None}
    panels = {name: kinds[name] for name in TITLES if name in kinds}
    found = [Shown(BESIDE, side_by_side(panels, samples.columns, class_names))] if panels else []
    for name, images in samples.images.items():
        if name.partition("-")[0] == "comparison":
            picture = named_grid(images[: max(LEAST, VALUES // images[0].numel())], caption=caption(name, samples))
            found.append(Shown(_comparison(name), picture))
    if step == 0 and (stretched := pictures(step, samples, class_names).get("generator-contrast")):
        found.append(Shown(CONTRAST, stretched))
    return found


def _comparison(name: str) -> Chart:
    """Returns the chart of a comparison, ``comparison`` or ``comparison-PART``."""
    part = name.partition("-")[2].replace("_", " ")
    what = "In each cell the images of the condition, the sample, and the real image that belongs to them."
    return Chart(
        SAMPLES, f"source, generated and real{f', {part}' if part else ''}", what, good="equal to the real ones"
    )


def side_by_side(panels: Mapping[str, Tensor], columns: int | None, class_names: Sequence[str] = ()) -> Picture:
    """Shows each kind of images (N, C, H, W) in [-1, 1] in a panel with its title, the panels side by side; so many of
    each that the picture stays small. With ``columns``, images are in rows by class, which the picture keeps."""
    count, _, height, width = (images := [*panels.values()])[-1].shape
    most = max(LEAST, VALUES // (len(panels) * images[-1][0].numel()))
    if columns and count % columns == 0:
        rows = count // columns
        kept = max(1, min(columns, most // rows))
        images = [
            one.unflatten(0, (rows, columns))[:, :kept].flatten(0, 1) if len(one) == count else one[: rows * kept]
            for one in images
        ]
        names = row_names(count, columns, class_names)
    else:
        shown = min(count, most)
        kept = max(1, min(shown, round(math.sqrt(ASPECT * shown * height / width / len(panels)))))
        images, names = [one[:shown] for one in images], ()
    grids = [grid(one, columns=kept) for one in images]
    tallest = max(one.shape[1] for one in grids)
    grids = [F.pad(one, (0, 0, 0, tallest - one.shape[1]), value=255) for one in grids]
    gap = torch.full((3, tallest, GAP), 255, dtype=torch.uint8)
    parts = [part for one in grids for part in (gap, one)][1:]
    picture = torch.cat(parts, dim=2)
    factor = enlargement(picture.shape[1], picture.shape[2], SIDE)
    starts = [factor * sum(part.shape[2] for part in parts[: 2 * number]) for number in range(len(grids))]
    picture, wide = enlarge(picture, factor), factor * grids[0].shape[2]
    centers = [start + wide / 2 for start in starts]
    titled = _with_titles(picture, [TITLES[name] for name in panels], centers, wide)
    if names:
        layout = Layout(len(names) * kept, kept, height, width, factor, titled.shape[1] - picture.shape[1])
        rows_at = [layout.center(row * kept)[0] for row in range(len(names))]
        titled = captions.with_row_names(titled, names, rows_at, factor * (height + PADDING))
    return Picture(titled)


def _with_titles(picture: Tensor, titles: Sequence[str], centers: Sequence[float], wide: int) -> Tensor:
    """Returns a picture (3, height, width) uint8 with titles above it, each at most ``wide`` pixels wide."""
    size = max(captions.SMALL, round(TITLE * max(picture.shape[1:])))
    while size > captions.SMALL and max(captions.width_of(one, captions.font(size)) for one in titles) > wide:
        size -= 1
    face = captions.font(size)
    head = Image.new("RGB", (picture.shape[2], size + 2 * captions.GAP), captions.PAPER)
    draw = ImageDraw.Draw(head)
    for title, center in zip(titles, centers, strict=True):
        draw.text((center, size + captions.GAP), title, fill=captions.INK, font=face, anchor="md")
    return torch.cat([captions.to_tensor(head), picture], dim=1)
