"""Images of G while it trains: those that are looked at, and those that are scored."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ganlab.training.trainer import Trainer

Make = Callable[..., Trainer]


def test_samples_are_from_one_latent_and_leave_the_network_as_it_was(make_trainer: Make) -> None:
    trainer = make_trainer()
    before = {name: tensor.clone() for name, tensor in trainer.generator.network.state_dict().items()}
    first, second = (trainer.sampler.samples().images["generator"] for _ in range(2))
    assert torch.equal(first, second)
    assert trainer.generator.network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in trainer.generator.network.state_dict().items())


def test_samples_stand_in_rows_by_class(make_trainer: Make) -> None:
    trainer = make_trainer(condition="concat", logging={"samples": 33})
    samples = trainer.sampler.samples(with_real=True)
    assert samples.columns == 3
    assert len(samples.images["generator"]) == 30
    reals = samples.images["real"]
    assert len(reals) == 30
    known = trainer.feed.first(64)
    images, labels = known.images, known.condition["labels"]
    for label in range(10):  # the first three of each class; grey where there are fewer
        found = images[labels == label][:3]
        assert torch.equal(reals[3 * label : 3 * label + len(found)], found)
        assert not reals[3 * label + len(found) : 3 * label + 3].any()
    assert trainer.gan.condition.grid_condition(30, 10, {})["labels"].tolist() == [i // 3 for i in range(30)]
    few = make_trainer(condition="concat", logging={"samples": 4})  # fewer than there are classes
    assert len(few.sampler.samples().images["generator"]) == 4


def test_scored_samples_are_of_all_classes(make_trainer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels are drawn from all of the data, and not from the same few images for each part of the samples."""
    trainer = make_trainer(steps=1, condition="projection", data={"limit": 400})
    told: list[Tensor] = []
    generate = type(trainer.generator.network).forward
    monkeypatch.setattr(
        type(trainer.generator.network),
        "forward",
        lambda self, latent, condition: told.append(condition["labels"]) or generate(self, latent, condition),
    )
    for _ in trainer.sampler.fakes(640):
        pass
    shares = torch.bincount(torch.cat(told), minlength=10) / 640
    kept = trainer.feed.image_set  # type: ignore[attr-defined]
    expected = torch.bincount(torch.from_numpy(kept.labels), minlength=10) / 400
    assert (shares - expected).abs().max() < 0.06
    assert len({tuple(part.tolist()) for part in told}) == 10
