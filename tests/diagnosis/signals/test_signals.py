"""Signals of real tiny runs: they change nothing, go on after a resume, and fail one by one."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ganlab import tree_file
from ganlab.diagnosis.signals import Signals
from ganlab.diagnosis.signals.diversity import Diversity
from ganlab.diagnosis.signals.measure import measure
from ganlab.ranks import Ranks
from ganlab.training.diagnosis import LogPoint
from ganlab.training.observer import Observer
from ganlab.training.trainer import Trainer
from tests.diagnosis.signals.networks import linear
from tests.training.test_trainer import flat

Make = Callable[..., Trainer]
EACH = {"every": 1, "samples_every": 2}
SIGNALS = {
    *("accuracy_real", "accuracy_fake", "sign_real", "sign_fake", "logit_gap", "logit_effect", "logit_spread"),
    *("input_gradient", "output_gradient", "distance", "feature_distance", "contrast", "pixel_gap", "not_finite"),
    *(
        f"{network}_{name}"
        for network in ("generator", "discriminator")
        for name in ("gradient_first", "gradient_last", "gradient_ratio", "update", "weight", "dead", "activation")
    ),
}
AT_SAMPLES = {
    *("duplicates", "condition", "generator_sigma", "generator_sigma_fallen", "discriminator_sigma"),
    "discriminator_sigma_fallen",
}
SHARES = ("accuracy", "dead", "ratio", "duplicates")


class Rows(Observer):
    def __init__(self) -> None:
        self.rows: dict[int, dict[str, float]] = {}

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        self.rows[step] = {tag: value for tag, value in values.items() if "per_second" not in tag}

    def signals(self, step: int) -> dict[str, float]:
        found = {tag[10:]: value for tag, value in self.rows[step].items() if tag.startswith("diagnosis/")}
        return {name: value for name, value in found.items() if not name.startswith("verdict")}


VARIANTS: dict[str, dict[str, Any]] = {
    "dropout, spectral, labels": {
        "condition": "projection", "discriminator": {"dropout": 0.5}, "data": {"held_out": 16},
        "norm": {"discriminator": {"layer": "none", "weight": "spectral"}},
    },
    "packs, microbatches, augmented": {
        "discriminator": {"pack": 2}, "schedule": {"name": "alternating", "accumulation": 2},
        "augment": {"instance_noise": {}, "ada": {"p": 0.5}},
    },
    "images of images, patches": {
        "data": {"name": "digit_pairs", "size": 16, "limit": 64}, "condition": "image",
        "generator": {"name": "unet", "width": 4}, "discriminator": {"name": "patch", "width": 4, "layers": 1},
    },
    "points, critic": {
        "data": {"name": "ring", "limit": 64}, "generator": "mlp", "discriminator": "mlp", "loss": "wasserstein",
        "regularizer": {"gradient_penalty": {}}, "schedule": {"name": "alternating", "n_critic": 2},
        "averaging": "ema",
    },
    "relativistic, bf16": {
        "loss": "relativistic", "runtime": {"precision": "bf16"}, "discriminator": {"minibatch": "stddev"},
    },
}  # fmt: skip


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_training_is_the_same_without_them(changes: dict[str, Any], make_trainer: Make, tmp_path: Path) -> None:
    """Weights, statistics, spectral vectors and moments, bit for bit; and every signal is there."""
    watched = make_trainer((rows := Rows(),), folder=tmp_path / "a", **changes, steps=4, logging=EACH)
    unwatched = make_trainer(folder=tmp_path / "b", **changes, steps=4, logging=EACH, diagnosis="none")
    for trainer in (watched, unwatched):
        trainer.run()
    ours, theirs = (flat(trainer.state()) for trainer in (watched, unwatched))
    own = ("/diagnosis", "/verdicts", "/settings/diagnosis")  # state and settings of the diagnosis
    assert {key for key in ours.keys() ^ theirs.keys() if not key.startswith(own)} == set()
    for name, value in theirs.items():
        if not name.startswith(own):
            equal = torch.equal(value, ours[name]) if isinstance(value, Tensor) else value == ours[name]
            assert equal, name
    held_out = (
        {"accuracy_held_out", "sign_held_out", "sign_trained_on"} if "held_out" in changes.get("data", {}) else set()
    )
    found = rows.signals(3)
    assert set(found) == SIGNALS | held_out
    assert set(rows.signals(4)) == SIGNALS | AT_SAMPLES | held_out
    assert all(math.isfinite(value) for value in found.values())
    assert all(0 <= value <= 1 for tag, value in found.items() if any(share in tag for share in SHARES))


def test_none_computes_nothing(make_trainer: Make) -> None:
    make_trainer((rows := Rows(),), steps=1, diagnosis="none", data={"held_out": 16}).run()
    assert rows.signals(1) == {}


def test_gradient_norms_are_those_of_the_updates(make_trainer: Make) -> None:
    trainer = make_trainer((rows := Rows(),), steps=3, logging={"every": 3})
    norms: list[dict[str, float]] = []
    apply = trainer.generator.apply

    def recording(progress: float) -> Any:
        network = trainer.generator.network
        norms.append({name: float(one.grad.norm()) for name, one in network.named_parameters()})  # type: ignore[union-attr]
        return apply(progress)

    trainer.generator.apply = recording  # type: ignore[method-assign, assignment]
    trainer.run()
    sizes = {name: one.numel() for name, one in trainer.generator.network.named_parameters() if one.dim() > 1}
    means = {name: sum(one[name] for one in norms) / 3 for name in sizes}
    first, last = next(iter(sizes)), next(reversed(sizes))
    assert (first, last) == ("project.weight", "output.weight")
    rms = [means[name] / size**0.5 for name, size in sizes.items()]
    found = rows.signals(3)
    assert found["generator_gradient_first"] == pytest.approx(means[first], rel=1e-4)
    assert found["generator_gradient_last"] == pytest.approx(means[last], rel=1e-4)
    assert found["generator_gradient_ratio"] == pytest.approx(min(rms) / max(rms), rel=1e-4)


def test_signs_are_those_of_the_updates(make_trainer: Make) -> None:
    """Mean over the updates and microbatches, of the logits that D had in them."""
    trainer = make_trainer(
        (rows := Rows(),), steps=2, logging={"every": 2}, schedule={"name": "alternating", "accumulation": 2}
    )
    seen: list[Tensor] = []
    forward_all = trainer.gan.discriminator.forward_all

    def recording(*batches: Any, features: bool = False) -> Any:
        outputs = forward_all(*batches, features=features)
        if len(outputs) == 2 and not features:
            seen.append(outputs[0].logits.detach())
        return outputs

    trainer.gan.discriminator.forward_all = recording  # type: ignore[method-assign]
    trainer.run()
    signs = torch.cat(seen).sign()
    assert len(signs) == 16
    assert rows.signals(2)["sign_real"] == pytest.approx(float(signs.mean()))
    assert rows.signals(2)["accuracy_real"] == pytest.approx(float((signs > 0).float().mean()))


def test_after_a_resume_they_are_those_of_an_unbroken_run(make_trainer: Make, tmp_path: Path) -> None:
    changes = {"steps": 8, "checkpoint": {"every": 3, "keep": 9}, "logging": EACH}
    make_trainer((unbroken := Rows(),), folder=tmp_path / "a", **changes).run()
    state = tree_file.read(tmp_path / "a" / "checkpoints" / "step-0000003.safetensors")
    resumed = make_trainer((rows := Rows(),), folder=tmp_path / "b", **changes)
    resumed.restore(state)
    resumed.run()
    assert "oscillation" in unbroken.signals(5)
    assert rows.rows == {step: row for step, row in unbroken.rows.items() if step > 3}
    # A checkpoint of an earlier version has no state of signals.
    del state["diagnosis"]
    before = make_trainer((rows := Rows(),), folder=tmp_path / "c", **changes)
    before.restore(state)
    before.run()
    assert set(unbroken.signals(5)) - set(rows.signals(5)) == {"oscillation"}
    assert rows.signals(5)["distance"] == unbroken.signals(5)["distance"]


def test_a_family_that_fails_is_left_out_with_one_note(
    make_trainer: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(self: Any, moment: Any) -> Any:
        raise RuntimeError("no derivative of that")

    monkeypatch.setattr(Diversity, "compute", fails)
    with caplog.at_level(logging.WARNING, "ganlab"):
        make_trainer((rows := Rows(),), steps=3, logging={"every": 1}).run()
    assert set(rows.signals(3)) == SIGNALS - {"distance", "feature_distance", "contrast", "pixel_gap"}
    notes = [record.message for record in caplog.records if "signals" in record.message]
    assert notes == [
        "note: the signals of diversity could not be computed (RuntimeError: no derivative of that) and are left out; "
        "training goes on"
    ]


def test_weights_that_are_lost_end_no_run_by_their_signals(make_trainer: Make) -> None:
    """Signals that are not finite are absent."""
    trainer = make_trainer((rows := Rows(),), steps=2, logging={"every": 1, "samples_every": 1}, divergence="skip")
    with torch.no_grad():
        trainer.generator.parameters[0].fill_(float("nan"))
    trainer.run()
    found = rows.signals(2)
    assert found["not_finite"] >= 1
    assert "distance" not in found
    assert all(math.isfinite(value) for value in found.values())


def test_rank_0_computes_and_all_get_its_values() -> None:
    class Second(Ranks):
        def gathered(self, fact: Any) -> list[Any]:
            assert fact == {}, "nothing is computed here"
            return [{"diagnosis/distance": 0.5}, fact]

    point = LogPoint(1, 0.5, {}, {"generator": 1, "discriminator": 1}, True, True)
    second = Signals(linear(), Second(1, 2))
    second.before_step()
    assert second.signals(point) == {"diagnosis/distance": 0.5}
    first = Signals(linear(), Ranks()).signals(point)
    assert {"diagnosis/distance", "diagnosis/condition"} <= set(first)


def test_random_numbers_of_others_stay_as_they_are() -> None:
    subject = linear()
    before = torch.get_rng_state()
    rngs = lambda stream: torch.Generator().manual_seed(1)  # noqa: E731
    measure(subject.gan, subject.discriminator, subject.feed.trained_on(4, 0), rngs, 0.5)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in subject.discriminator.parameters)
