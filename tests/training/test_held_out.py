"""What D says of images that it never trains on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ganlab.training.gan import UpdateContext
from ganlab.training.held_out import held_out_logits
from ganlab.training.observer import Observer
from ganlab.training.trainer import Trainer
from ganlab.types import Batch, DiscriminatorOutput
from tests.training.test_trainer import assert_same_state

Make = Callable[..., Trainer]


class Values(Observer):
    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        self.rows.append(dict(values))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"norm": {"discriminator": {"layer": "none", "weight": "spectral"}}},
        {"augment": {"instance_noise": {}}, "condition": "projection"},
        {"discriminator": {"pack": 3}, "batch_size": 9},
        {"schedule": {"name": "alternating", "accumulation": 2}},
    ],
)
def test_held_out_images_are_judged_and_change_nothing(
    changes: dict[str, Any], make_trainer: Make, tmp_path: Path
) -> None:
    """The same images with and without a look at the others: the same weights, bit for bit."""
    watched = make_trainer((values := Values(),), folder=tmp_path / "a", **changes, data={"held_out": 16}, steps=3, logging={"every": 1})  # fmt: skip
    unwatched = make_trainer(folder=tmp_path / "b", **changes, data={"held_out": 16}, steps=3, logging={"every": 1})
    unwatched.feed.held_out = lambda count, step: None  # type: ignore[method-assign]
    for trainer in (watched, unwatched):
        trainer.run()
        assert len(trainer.feed.image_set) == 48  # type: ignore[attr-defined]
    assert_same_state(watched, unwatched, apart="verdicts")  # they have read what is said of the others
    assert all(-10 < row["discriminator/held_out"] < 10 for row in values.rows)
    assert len({row["discriminator/held_out"] for row in values.rows}) == 3


def test_without_held_out_images_nothing_is_said_of_them(make_trainer: Make) -> None:
    make_trainer((values := Values(),), steps=1).run()
    assert not {"discriminator/held_out", "discriminator/trained_on"} & set(values.rows[0])


def test_images_held_out_are_judged_as_those_of_the_update_are(make_trainer: Make) -> None:
    """D that gives each image its brightness: the mean over the held-out ones, which are brighter, is theirs."""
    trainer = make_trainer(steps=1, data={"held_out": 32}, batch_size=32)

    class Brightness(torch.nn.Module):
        mixes_samples = False

        def forward_all(self, *parts: Batch, features: bool = False) -> list[DiscriminatorOutput]:
            return [DiscriminatorOutput(part.images.mean((1, 2, 3))) for part in parts]

        def set_progress(self, progress: float | torch.Tensor) -> None:
            pass

        def statistics_frozen(self) -> AbstractContextManager[None]:
            return nullcontext()

    gan = replace(trainer.gan, discriminator=Brightness())  # type: ignore[arg-type]
    context = UpdateContext(frozenset(), lambda stream: torch.Generator(), progress=0.0)
    said = held_out_logits(gan, trainer.feed, 0, 32, context)
    kept = trainer.feed.image_set  # type: ignore[attr-defined]
    expected, trained_on = (kept.images[rows].mean() / 127.5 - 1 for rows in (kept.held_out, kept.rows))
    assert said["discriminator/held_out"] == pytest.approx(expected, abs=1e-5)
    assert said["discriminator/trained_on"] == pytest.approx(trained_on, abs=1e-5)  # there are 32 of each
    assert abs(expected - trained_on) > 1e-4


def test_fewer_held_out_images_than_a_batch_are_not_judged_by_a_d_that_compares(make_trainer: Make) -> None:
    few = {"data": {"held_out": 4}, "steps": 1}
    apart = make_trainer((values := Values(),), norm={"discriminator": {"layer": "none"}}, **few)
    apart.run()
    assert "discriminator/held_out" in values.rows[0]
    together = make_trainer((values := Values(),), **few)  # batch norm
    together.run()
    assert "discriminator/held_out" not in values.rows[0]
    assert any("hold out 8 or more" in note for note in together.notes)
