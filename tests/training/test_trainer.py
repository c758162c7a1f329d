from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ganlab import tree_file
from ganlab.errors import TrainingFailed
from ganlab.training import checkpoint
from ganlab.training.observer import Observer, Samples
from ganlab.training.trainer import Trainer
from ganlab.types import Latent

Make = Callable[..., Trainer]

RUNS: dict[str, dict[str, Any]] = {
    "bce": {},
    "wgan_gp": {"loss": "wasserstein", "regularizer": {"gradient_penalty": {"interval": 2}}},
    "spectral, average": {
        "norm": {"generator": {"weight": "spectral"}, "discriminator": {"layer": "none", "weight": "spectral"}},
        "averaging": {"name": "ema", "decay": 0.9},
    },
    "mlp with dropout": {
        "generator": {"name": "mlp", "hidden": [8]},
        "discriminator": {"name": "mlp", "hidden": [8], "dropout": 0.5},
    },
    "bf16": {"runtime": {"precision": "bf16"}},
    "uneven updates": {
        "norm": {"discriminator": {"layer": "layer"}},
        "regularizer": {"r1": {"interval": 3}},
        "averaging": "ema",
        "schedule": {
            "name": "alternating",
            "generator_updates": 2,
            "discriminator_every": 3,
            "burst": {"first": 1, "every": 7, "updates": 4},
        },
    },
    "channels first": {"runtime": {"channels_last": False}},
    # The first half ends between two adjustments of p.
    "ada, lecam": {
        "augment": {"ada": {"interval": 3, "adjust_images": 60}},
        "regularizer": {"lecam": {"start": 2}},
        "data": {"held_out": 16},
    },
}


def flat(tree: Any, path: str = "") -> dict[str, Any]:
    if isinstance(tree, Mapping):
        return {name: leaf for key, value in tree.items() for name, leaf in flat(value, f"{path}/{key}").items()}
    return {path: tree}


def assert_same_state(one: Trainer, other: Trainer, *, apart: str = "") -> None:
    """Two trainers have the same state, ``apart`` from one part of it."""
    ours, theirs = (
        flat({name: part for name, part in trainer.state().items() if name != apart}) for trainer in (one, other)
    )
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        equal = torch.equal(value, theirs[name]) if isinstance(value, Tensor) else value == theirs[name]
        assert equal, name


@pytest.mark.parametrize("changes", RUNS.values(), ids=RUNS)
def test_four_steps_are_two_and_two_bit_for_bit(make_trainer: Make, tmp_path: Path, changes: dict[str, Any]) -> None:
    changes = {**changes, "steps": 4, "checkpoint": {"every": 2}, "logging": {"every": 3}}
    unbroken = make_trainer(**changes, folder=tmp_path / "a")
    unbroken.run()
    first = make_trainer(**changes, folder=tmp_path / "b")
    first.steps = 2
    torch.rand(100)  # what others draw from the global stream between runs changes nothing
    first.run()
    second = make_trainer(**changes, folder=tmp_path / "b")
    second.restore(checkpoint.newest(tmp_path / "b" / "checkpoints")[1])
    second.run()
    assert second.step == 4
    # The first half's last step is a log point, whose row only the resumed run's verdicts have read.
    assert_same_state(unbroken, second, apart="verdicts")


class StopAfter(Observer):
    """Requests a stop after a number of steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.trainer: Trainer | None = None

    def stepped(self, step: int) -> None:
        if self.trainer is not None and step == self.steps:
            self.trainer.stop_requested = True


def test_a_stop_between_two_log_points_changes_no_row_and_no_verdict(make_trainer: Make, tmp_path: Path) -> None:
    """What was summed up until the stop, and what the verdicts remember, are parts of the checkpoint."""
    changes = {**RUNS["ada, lecam"], "steps": 4, "logging": {"every": 3}}
    unbroken = make_trainer((whole := Recorder(),), **changes, folder=tmp_path / "a")
    unbroken.run()
    first = make_trainer((stop := StopAfter(2),), **changes, folder=tmp_path / "b")
    stop.trainer = first
    first.run()
    assert first.step == 2
    second = make_trainer((rest := Recorder(),), **changes, folder=tmp_path / "b")
    second.restore(checkpoint.newest(tmp_path / "b" / "checkpoints")[1])
    second.run()
    assert unbroken.state()["verdicts"]["history"]["points"] == 2
    assert_same_state(unbroken, second)
    ours, theirs = (
        [{tag: value for tag, value in row.items() if "per_second" not in tag} for row in one.values]
        for one in (whole, rest)
    )
    assert ours == theirs


def test_resuming_with_decaying_noise_is_exact_too(make_trainer: Make, tmp_path: Path) -> None:
    """Noise decays by the share of all the steps that are done, so the stopped run must have known them."""
    changes = {"augment": {"instance_noise": {}}, "steps": 4, "checkpoint": {"every": 2}}
    unbroken = make_trainer(**changes, folder=tmp_path / "a")
    unbroken.run()
    second = make_trainer(**changes, folder=tmp_path / "b")
    second.restore(tree_file.read(tmp_path / "a" / "checkpoints" / "step-0000002.safetensors"))
    second.run()
    assert_same_state(unbroken, second)


def test_the_same_seed_is_the_same_run_and_another_is_not(make_trainer: Make) -> None:
    one, same, other = (make_trainer(seed=seed, steps=2) for seed in (0, 0, 1))
    for trainer in (one, same, other):
        trainer.train_step()
    assert_same_state(one, same)
    assert not torch.equal(one.generator.parameters[0], other.generator.parameters[0])


class Recorder(Observer):
    def __init__(self) -> None:
        self.events: list[tuple[str, int]] = []
        self.values: list[Mapping[str, float]] = []
        self.images: list[Mapping[str, Tensor]] = []

    def started(self, step: int, steps: int) -> None:
        self.events.append(("started", step))

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        self.events.append(("logged", step))
        self.values.append(values)

    def sampled(self, step: int, samples: Samples) -> None:
        self.events.append(("sampled", step))
        self.images.append(samples.images)

    def flush(self) -> None:
        self.events.append(("flush", 0))

    def closed(self) -> None:
        self.events.append(("closed", 0))


def test_what_is_told_and_when(make_trainer: Make) -> None:
    recorder = Recorder()
    trainer = make_trainer(
        observers=(recorder,), steps=5, logging={"every": 2, "samples_every": 4}, checkpoint={"every": 3},
        averaging={"name": "ema"},
    )  # fmt: skip
    trainer.run()
    assert recorder.events == [
        ("started", 0), ("sampled", 0), ("logged", 2), ("flush", 0), ("logged", 4), ("sampled", 4), ("logged", 5),
        ("sampled", 5), ("flush", 0), ("closed", 0),
    ]  # fmt: skip
    assert set(recorder.values[0]) >= {
        "discriminator/loss", "discriminator/adversarial", "discriminator/real", "discriminator/fake",
        "discriminator/gradient_norm", "discriminator/learning_rate", "generator/loss", "generator/adversarial",
        "generator/gradient_norm", "generator/learning_rate", "progress/images", "progress/images_per_second",
    }  # fmt: skip
    assert recorder.values[-1]["progress/images"] == 5 * 8
    assert set(recorder.images[0]) == {"real", "generator", "average"}
    assert set(recorder.images[1]) == {"generator", "average"}
    assert recorder.images[0]["generator"].shape == (4, 1, 16, 16)
    assert [path.name for path in sorted(trainer.checkpoints.folder.iterdir())] == [
        "final.safetensors",
        "step-0000003.safetensors",
    ]


def test_means_are_over_the_steps_since_the_last_report(make_trainer: Make) -> None:
    recorder, single = Recorder(), Recorder()
    for observer, every in ((recorder, 3), (single, 1)):
        make_trainer(observers=(observer,), steps=3, logging={"every": every}).run()
    one_by_one = [values["generator/loss"] for values in single.values]
    assert recorder.values[0]["generator/loss"] == pytest.approx(sum(one_by_one) / 3, rel=1e-5)


def test_a_network_without_an_update_reports_nothing(make_trainer: Make) -> None:
    """Means are over the updates that happened: at every=1 a step without a D update has no row of D at all, and at
    every=4 its mean is that of the two updates among the four steps."""
    schedule = {"name": "alternating", "discriminator_every": 2}
    single, several = Recorder(), Recorder()
    for observer, every in ((single, 1), (several, 4)):
        make_trainer(observers=(observer,), steps=4, logging={"every": every}, schedule=schedule).run()
    of_d = {"loss", "adversarial", "real", "fake", "gradient_norm", "blocked", "learning_rate"}
    for step, values in enumerate(single.values):
        assert {tag for tag in of_d if f"discriminator/{tag}" in values} == (set() if step % 2 else of_d)
        assert "generator/loss" in values
    losses = [values["discriminator/loss"] for values in single.values[::2]]
    assert several.values[0]["discriminator/loss"] == pytest.approx(sum(losses) / 2, rel=1e-5)


def test_a_network_without_an_update_keeps_its_count_of_updates_left_out(make_trainer: Make) -> None:
    """D's updates, one in every second step, are never finite: the steps between do not start its count again."""
    trainer = make_trainer(divergence={"name": "stop", "patience": 3})
    learners, problem = (trainer.generator, trainer.discriminator), None
    for step in range(1, 6):
        values = {"generator/blocked": 0.0} | ({"discriminator/blocked": 1.0} if step % 2 else {})
        problem = trainer.divergence_monitor.check(learners, (), values, step, 1)
        assert (problem is None) == (step < 5)
    assert problem is not None
    assert problem.learner is trainer.discriminator


def test_watching_changes_nothing(make_trainer: Make) -> None:
    watched = make_trainer(observers=(Recorder(),), steps=4, logging={"every": 1, "samples_every": 1})
    alone = make_trainer(steps=4)
    for trainer in (watched, alone):
        trainer.run()
    for ours, theirs in zip(watched.generator.parameters, alone.generator.parameters, strict=True):
        assert torch.equal(ours, theirs)


def test_a_stop_saves_between_steps(make_trainer: Make) -> None:
    class Stop(Observer):
        def stepped(self, step: int) -> None:
            trainer.stop_requested = step == 2

    trainer = make_trainer(observers=(Stop(),), steps=9)
    trainer.run()
    assert trainer.step == 2
    assert checkpoint.newest(trainer.checkpoints.folder)[1]["step"] == 2


def test_training_that_no_longer_moves_ends_with_a_sentence_and_finite_weights(make_trainer: Make) -> None:
    trainer = make_trainer(steps=40, logging={"every": 2})
    with torch.no_grad():
        trainer.discriminator.network.output.bias.fill_(float("nan"))
    with pytest.raises(TrainingFailed, match=r"optimizer\.(generator|discriminator)\.lr="):
        trainer.run()
    assert trainer.step == 10
    assert all(tensor.isfinite().all() for tensor in trainer.generator.network.state_dict().values())
    assert checkpoint.newest(trainer.checkpoints.folder)[1]["step"] == 10


def test_a_single_overflow_is_reported_and_leaves_no_trace(make_trainer: Make) -> None:
    """Weights, batch norm's statistics and the average stay finite, and training goes on."""
    recorder = Recorder()
    trainer = make_trainer(observers=(recorder,), steps=6, logging={"every": 3}, averaging={"name": "ema"})
    draw = trainer.gan.latent.draw

    class Overflowing(Latent):
        dim = 6

        def draw(self, count: int, rng: torch.Generator) -> Tensor:
            latent = draw(count, rng)
            return latent * float("inf") if trainer.step == 1 and count == 8 else latent

    trainer.stepper.gan = replace(trainer.gan, latent=Overflowing())
    trainer.run()
    assert trainer.step == 6
    assert [values["generator/blocked"] for values in recorder.values] == [pytest.approx(1 / 3), 0]
    for network in (trainer.generator.network, trainer.discriminator.network, trainer.generator.average.network):
        assert all(tensor.isfinite().all() for tensor in network.state_dict().values())
    assert recorder.images[-1]["average"].isfinite().all()


def test_the_average_has_averaged_batch_statistics(make_trainer: Make) -> None:
    """They belong to the weights: those of the newest weights would not fit the averaged ones."""
    trainer = make_trainer(averaging={"name": "ema", "decay": 0.9, "ramp": None})
    assert trainer.generator.average is not None
    norms = [network.project_norm[0] for network in (trainer.generator.network, trainer.generator.average.network)]
    expected = norms[0].running_mean.clone()
    for _ in range(3):
        trainer.train_step()
        expected.lerp_(norms[0].running_mean, 0.1)
    torch.testing.assert_close(norms[1].running_mean, expected)
    assert not torch.allclose(norms[1].running_mean, norms[0].running_mean)


def test_what_is_logged_across_a_stop_is_what_an_unbroken_run_logs(make_trainer: Make, tmp_path: Path) -> None:
    """A report whose steps lie on both sides of the stop: the sums are part of the checkpoint."""
    whole, broken = Recorder(), Recorder()
    changes = {"steps": 4, "checkpoint": {"every": 2}, "logging": {"every": 3}}
    make_trainer(observers=(whole,), folder=tmp_path / "a", **changes).run()
    again = make_trainer(observers=(broken,), folder=tmp_path / "b", **changes)
    again.restore(tree_file.read(tmp_path / "a" / "checkpoints" / "step-0000002.safetensors"))
    again.run()
    for ours, theirs in zip(whole.values, broken.values, strict=True):
        assert {tag: value for tag, value in ours.items() if "per_second" not in tag} == {
            tag: value for tag, value in theirs.items() if "per_second" not in tag
        }


def test_the_seed_and_the_network_decide_the_first_weights(make_trainer: Make) -> None:
    one, other = make_trainer(seed=0), make_trainer(seed=1)
    same_shape = {"generator": {"name": "mlp", "hidden": [8]}, "discriminator": {"name": "mlp", "hidden": [8, 8]}}
    twins = make_trainer(**same_shape, latent={"name": "normal", "dim": 256})
    assert not torch.equal(one.generator.parameters[0], other.generator.parameters[0])
    assert twins.generator.parameters[0].shape == twins.discriminator.parameters[0].shape
    assert not torch.equal(twins.generator.parameters[0], twins.discriminator.parameters[0])


def test_parametrizations_start_from_the_initialized_weight(make_trainer: Make) -> None:
    trainer = make_trainer(norm={"discriminator": {"layer": "none", "weight": "spectral"}})
    layer = trainer.discriminator.network.output
    largest = torch.linalg.svdvals(layer.weight.detach())[0]
    torch.testing.assert_close(layer.applied_weight(), layer.weight / largest, rtol=1e-3, atol=1e-5)


def test_channels_last_is_the_same_arithmetic(make_trainer: Make) -> None:
    last, first = make_trainer(), make_trainer(runtime={"channels_last": False})
    for trainer in (last, first):
        trainer.train_step()
    layer = last.discriminator.network.blocks[1][0]
    assert layer.weight.is_contiguous(memory_format=torch.channels_last)
    for ours, theirs in zip(last.discriminator.parameters, first.discriminator.parameters, strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-4, rtol=1e-3)


def test_a_checkpoint_says_where_in_which_images_it_is(make_trainer: Make) -> None:
    trainer = make_trainer(steps=9)
    for _ in range(9):
        trainer.train_step()
    state = trainer.state()
    saved = state["data"]
    assert (state["drawn"], saved["epoch"], saved["offset"], saved["images"]) == (72, 1, 8, 64)
    assert saved["fingerprint"] == trainer.feed.image_set.fingerprint != ""  # type: ignore[attr-defined]


def test_a_checkpoint_by_time_changes_nothing_else(
    make_trainer: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At whatever steps the minutes have passed; the steps of ``every`` stay."""
    settings = {"every": 4, "minutes": 1, "keep": 9}
    whole = make_trainer(folder=tmp_path / "whole", steps=6, checkpoint=settings)
    whole.run()
    timed = make_trainer(folder=tmp_path / "timed", steps=6, checkpoint=settings)
    monkeypatch.setattr(timed.checkpoints, "due_by_time", lambda: timed.step in (1, 4))
    timed.run()
    names = [path.name for path in sorted((tmp_path / "timed" / "checkpoints").iterdir())]
    assert names == ["final.safetensors", *(f"step-000000{step}.safetensors" for step in (2, 4, 5))]
    assert_same_state(whole, timed)
