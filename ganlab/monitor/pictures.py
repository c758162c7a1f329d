"""The pictures of one set of samples, which the files and TensorBoard show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from torch import Tensor

from ganlab.monitor.captions import display_names
from ganlab.monitor.named_grid import Picture, named_grid
from ganlab.monitor.scatter import scatter
from ganlab.training.observer import Samples

LOW_CONTRAST = 0.5  # of the 2 from black to white
OUTLIERS = 0.5  # percent of the values at either end that a stretched picture clips


@lru_cache(maxsize=1)  # files and TensorBoard show the same ones
def pictures(step: int, samples: Samples, class_names: tuple[str, ...] = ()) -> Mapping[str, Picture]:
    """Returns the pictures of ``samples`` after ``step`` steps, by name.

    Of images, each kind (``real``, ``generator``, ``average``, ``comparison``) is a grid. If its rows are classes, they
    have the names of ``class_names``, or their numbers if there is another number of names. Before the first step,
    ``generator-contrast`` shows the output of the new generator with stretched contrast, if it is nearly uniform. Of
    points of the plane, each generator's points are drawn over the real ones.
    """
    if samples.are_points:
        real = samples.images["real"]
        return {
            name: Picture(scatter(real, fake, f"{name}, step {step:,}", samples.levels))
            for name, fake in samples.images.items()
            if name != "real"
        }
    shown = {}
    for name, images in samples.images.items():
        names = row_names(len(images), samples.columns, class_names)
        shown[name] = named_grid(images, samples.columns, row_names=names, caption=caption(name, samples))
        if step == 0 and name == "generator" and (range_ := low_contrast_range(images)):
            low, high = range_
            shown[f"{name}-contrast"] = named_grid(
                (images - low) / (high - low) * 2 - 1,
                samples.columns,
                row_names=names,
                caption=f"Contrast stretched: black is {low:.3g}, white {high:.3g} (of -1 to 1).",
            )
    return shown


def low_contrast_range(images: Tensor) -> tuple[float, float] | None:
    """Returns the range (low, high) of the values in images in [-1, 1], without the outermost 0.5 percent at either
    end; None if they use more than a quarter of [-1, 1], if all are equal, and if some are not finite."""
    values = images.numpy()
    if not np.isfinite(values).all():
        return None
    low, high = (float(value) for value in np.percentile(values, (OUTLIERS, 100 - OUTLIERS)))
    return (low, high) if 1e-7 < high - low < LOW_CONTRAST else None


def row_names(count: int, columns: int | None, class_names: Sequence[str]) -> Sequence[str]:
    """Returns the names of the classes if ``count`` images are in rows by class, and otherwise none."""
    if columns is None:
        return ()
    rows = -(-count // columns)
    return display_names(class_names if len(class_names) == rows else [f"class {number}" for number in range(rows)])


def caption(name: str, samples: Samples) -> str:
    """Returns the sentence under a comparison; the last word of its name is the part of the data that it shows."""
    kind, _, part = name.partition("-")
    if kind != "comparison":
        return ""
    of_part = f"This is the part {part} of the data. " if part else ""
    return f"{of_part}In each cell, from left to right: {', '.join(samples.compared)}."
