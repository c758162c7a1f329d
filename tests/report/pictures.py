"""Pictures of samples as a run writes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ganlab.monitor.named_grid import named_grid


def images(seed: int, count: int = 25, channels: int = 1, side: int = 8) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, channels, side, side, generator=generator) * 2 - 1


def add_pictures(
    run: Path, steps: Sequence[int], networks: Sequence[str] = ("generator", "average"), shade: int = 0
) -> Path:
    """Writes the samples of some steps into the folder of a run, and its real images."""
    folder = run / "samples"
    folder.mkdir(exist_ok=True)
    (folder / "real.png").write_bytes(named_grid(images(999)).png)
    for step in steps:
        for place, network in enumerate(networks):
            made = named_grid(images(100 * shade + step + place))
            (folder / f"step-{step:07d}-{network}.png").write_bytes(made.png)
    return folder
