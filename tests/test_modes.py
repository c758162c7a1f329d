"""A whole training on a toy whose modes can be counted."""

from __future__ import annotations

import pytest
import torch

from ganlab.commands.launch.ready import open_data
from ganlab.config import configure
from ganlab.config.build import build_trainer
from ganlab.config.compose import composer
from ganlab.data.toys import Grid


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_the_grid_recipe_finds_all_25_modes(seed: int, tmp_path: object) -> None:
    """Gulrajani et al. 2017, figure 1, as numbers: every mode has its share of the samples, and most samples lie within
    three standard deviations of one."""
    with composer() as composing:
        read = composing.read(["experiment=grid", f"seed={seed}", "logging.progress=false"])
        settings = configure(composing.plain(composing.rewrite(read))).settings
    trainer = build_trainer(settings, settings.runtime.resolve(), open_data(settings.data), tmp_path)  # type: ignore[arg-type]
    trainer.run()
    generator = trainer.generator.average.network  # type: ignore[union-attr]
    with torch.no_grad():
        latent = settings.latent.draw(10_000, torch.Generator().manual_seed(1))
        points = generator(latent, {}).images.flatten(1)
    grid = settings.data
    assert isinstance(grid, Grid)
    distance, mode = torch.cdist(points, grid.centres).min(dim=1)
    near = distance < 3 * grid.std
    counts = torch.bincount(mode[near], minlength=25)
    assert (counts >= 100).all(), counts.tolist()  # of 400 each
    assert near.float().mean() > 0.6
