from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from torch import Tensor

from ganlab.monitor.grid import grid
from ganlab.monitor.scatter import scatter
from ganlab.training.observer import Samples


@lru_cache(maxsize=1)  # files and TensorBoard show the same ones
def pictures(step: int, samples: Samples) -> Mapping[str, Tensor]:
    """One picture (3, height, width) uint8 by name: a grid of each kind of image, or, where images are points, each
    generator's points over the real ones."""
    if not samples.are_points:
        return {name: grid(images, columns=samples.columns) for name, images in samples.images.items()}
    real = samples.images["real"]
    return {
        name: scatter(real, fake, f"{name}, step {step:,}", samples.levels)
        for name, fake in samples.images.items()
        if name != "real"
    }
