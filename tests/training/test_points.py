"""What the trainer tells of a training on points of the plane."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from ganlab.training.observer import Observer, Samples
from ganlab.training.sampling import LATTICE
from ganlab.training.trainer import Trainer
from ganlab.types import Batch

RING: dict[str, Any] = {
    "data": {"name": "ring", "limit": 64},
    "generator": {"name": "mlp", "hidden": [8]},
    "discriminator": {"name": "mlp", "hidden": [8], "dropout": 0.0},
    "logging": {"samples": 16, "samples_every": 1},
}


class Recorder(Observer):
    def __init__(self) -> None:
        self.samples: list[Samples] = []

    def sampled(self, step: int, samples: Samples) -> None:
        self.samples.append(samples)


def changed(**changes: Any) -> dict[str, Any]:
    return {**RING, **{key: {**RING.get(key, {}), **change} for key, change in changes.items()}}


def test_reals_come_with_every_picture_of_points(make_trainer: Callable[..., Trainer]) -> None:
    recorder = Recorder()
    make_trainer((recorder,), steps=2, **RING).run()
    assert len(recorder.samples) == 3
    first = recorder.samples[0].images["real"]
    assert first.shape == (16, 2, 1, 1)
    assert all(torch.equal(samples.images["real"], first) for samples in recorder.samples)
    assert all(samples.are_points for samples in recorder.samples)


def test_reals_come_once_with_images(make_trainer: Callable[..., Trainer]) -> None:
    recorder = Recorder()
    make_trainer((recorder,), steps=2, logging={"samples_every": 1}).run()
    assert ["real" in samples.images for samples in recorder.samples] == [True, False, False]
    assert not any(samples.are_points for samples in recorder.samples)


@pytest.mark.parametrize("pack", [1, 3])
def test_levels_are_ds_logits_over_the_plane(make_trainer: Callable[..., Trainer], pack: int) -> None:
    trainer = make_trainer(steps=1, batch_size=6, **changed(discriminator={"pack": pack}))
    levels = trainer.sampler.samples().levels
    assert levels is not None
    assert levels.shape == (LATTICE, LATTICE)
    trainer.discriminator.network.eval()
    for row, column in ((0, 0), (7, 60), (99, 3)):  # a row has one y, the first the lowest
        x, y = (-1.5 + 3 * index / (LATTICE - 1) for index in (column, row))
        point = torch.tensor([x, y]).view(1, 2, 1, 1).expand(pack, -1, -1, -1)
        (judged,) = trainer.gan.discriminator.forward_all(Batch(point))
        assert levels[row, column].item() == pytest.approx(judged.logits.item(), abs=1e-6)


def test_a_d_that_is_told_labels_has_no_levels(make_trainer: Callable[..., Trainer]) -> None:
    recorder = Recorder()
    make_trainer((recorder,), steps=1, condition="concat", **RING).run()
    assert [samples.levels for samples in recorder.samples] == [None, None]
    # two latents, each with all eight classes; the reals are as many as ever
    assert {name: len(images) for name, images in recorder.samples[-1].images.items()} == {"real": 16, "generator": 16}


@pytest.mark.parametrize("minibatch", ["stddev", "discrimination"])
def test_a_d_that_compares_samples_has_no_level_lines(make_trainer: Callable[..., Trainer], minibatch: str) -> None:
    """The lattice would be one batch of 10,000, which nobody makes, and which pairs of samples would not fit into
    memory."""
    point = {"data": {"name": "ring", "limit": 64}, "generator": {"name": "mlp", "hidden": [8]}}
    d = {"name": "mlp", "hidden": [8], "dropout": 0.0}
    assert make_trainer(**point, discriminator={**d, "minibatch": minibatch}).sampler.samples().levels is None
    assert make_trainer(**point, discriminator=d).sampler.samples().levels.shape == (100, 100)
    batch_norm = make_trainer(**point, discriminator=d, norm={"discriminator": {"layer": "batch"}})
    assert batch_norm.sampler.samples().levels.shape == (100, 100)  # in evaluation it compares nothing
