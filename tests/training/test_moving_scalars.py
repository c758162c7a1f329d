"""Schedules in training: each update uses the value of its progress, and that value is what is logged."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from ganlab.augment.instance_noise import InstanceNoise
from ganlab.losses.targets import Targets
from ganlab.networks.dropout import ScheduledDropout
from ganlab.scalars import Scheduled
from ganlab.training.averaging import EMA, Average
from ganlab.training.constraints import WeightClipping
from ganlab.training.learner import Learner
from ganlab.training.observer import Observer
from ganlab.training.optimizers import SGD, Adam, AdamW, OptimizerSetting, RMSprop
from ganlab.training.schedule import Alternating
from ganlab.training.trainer import Trainer
from tests.training.test_trainer import assert_same_state, flat

Make = Callable[..., Trainer]

LAYER = {"discriminator": {"layer": "layer"}}
# Settings that hold a pair are replaced by its first number, its second, or the step from one to the other.
RUNS: dict[str, dict[str, Any]] = {
    "regularizers": {
        "norm": LAYER,
        "regularizer": {
            "gradient_penalty": {"weight": (1.0, 5.0), "center": (1.0, 0.0), "at": "neighbourhood", "spread": (0.5, 2.0)},
            "r1": {"weight": (2.0, 0.2), "interval": 2}, "r2": {"weight": (0.1, 0.5)}, "drift": {"weight": (0.1, 2.0)},
            "weight_penalty": {"weight": (0.1, 0.01)}, "orthogonal": {"weight": (0.1, 0.5), "networks": "both"},
            "consistency": {"weight": (1.0, 3.0)}, "feature_matching": {"weight": (1.0, 0.1)},
        },
    },
    "class head and targets": {
        "condition": "auxiliary",
        "regularizer": {"auxiliary_classifier": {"weight": (1.0, 2.0), "generator_weight": (0.1, 1.0)}},
        "targets": {"real": (0.9, 0.8), "fake": (0.0, 0.1), "noise": (0.1, 0.3), "flip": (0.5, 0.1)},
    },
    "adam, constraint, average": {
        "optimizer": {
            "generator": {"name": "adam", "lr": (1e-3, 1e-2), "betas": [(0.0, 0.5), (0.9, 0.99)], "weight_decay": (0.1, 0.5)},
            "discriminator": {"name": "adamw", "betas": [0.0, (0.99, 0.9)], "weight_decay": (0.5, 0.1), "clip_norm": (0.1, 0.01)},
        },
        "constraint": {"name": "weight_clipping", "bound": (0.02, 0.01)},
        "averaging": {"name": "ema", "decay": (0.9, 0.5), "ramp": (9.0, 3.0)},
    },
    "rmsprop, sgd": {
        "optimizer": {
            "generator": {"name": "sgd", "lr": (1e-3, 1e-2), "momentum": (0.9, 0.1), "weight_decay": (0.1, 0.5)},
            "discriminator": {
                "name": "rmsprop", "lr": (1e-3, 1e-2), "alpha": (0.9, 0.99), "weight_decay": (0.5, 0.1), "clip_value": (1e-3, 1e-4),
            },
        },
        "averaging": {"name": "ema", "half_life": (2.0, 0.0), "ramp": None},
    },
    "augmentation": {"augment": {"ada": {"target": None, "p": (0.2, 0.9), "cutout": True}}, "regularizer": {"lecam": {"weight": (0.3, 3.0)}}},
}  # fmt: skip


def chosen(tree: Any, choose: Callable[[float, float], Any]) -> Any:
    if isinstance(tree, tuple):
        return choose(*tree)
    if isinstance(tree, Mapping):
        return {key: chosen(inner, choose) for key, inner in tree.items()}
    return [chosen(item, choose) for item in tree] if isinstance(tree, list) else tree


def learned(trainer: Trainer) -> dict[str, Any]:
    """Weights, optimizers and averages of both networks."""
    state = flat({"generator": trainer.generator.state(), "discriminator": trainer.discriminator.state()})
    return {key: value.tolist() if isinstance(value, torch.Tensor) else value for key, value in state.items()}


@pytest.mark.parametrize("name", RUNS)
def test_a_step_in_a_schedule_is_two_runs_after_each_other(make_trainer: Make, name: str) -> None:
    """Two steps with each setting's first value, then two more from there with its second: bit for bit the same."""

    def made(choose: Callable[[float, float], Any]) -> Trainer:
        return make_trainer(**chosen(RUNS[name], choose), steps=4)

    moving = made(lambda start, end: {"start": start, "end": end, "shape": "step", "until": 0.5})
    first, second, unmoved = (
        made(lambda start, end: start),
        made(lambda start, end: end),
        made(lambda start, end: start),
    )
    for _ in range(2):
        moving.train_step()
        first.train_step()
        unmoved.train_step()
    second.restore(first.state())
    for trainer in (moving, second, unmoved):
        for _ in range(2):
            trainer.train_step()
    assert learned(moving) == learned(second)
    assert learned(moving) != learned(unmoved)


# Dropout draws other random numbers with a schedule than with a number, so only a resumed run can be compared.
DROPOUT = {"discriminator": {"dropout": (0.2, 0.7)}}


@pytest.mark.parametrize("run", [*RUNS.values(), DROPOUT], ids=[*RUNS, "dropout"])
def test_four_steps_are_two_and_two_bit_for_bit(make_trainer: Make, run: dict[str, Any]) -> None:
    changes = chosen(run, lambda start, end: {"start": start, "end": end, "shape": "cosine", "from": 0.2})
    if "half_life" in changes.get("averaging", {}):
        assert changes["averaging"]["half_life"]["end"] == 0
    unbroken, first, second = (make_trainer(**changes, steps=4) for _ in range(3))
    for _ in range(4):
        unbroken.train_step()
    for _ in range(2):
        first.train_step()
    second.restore(first.state())
    for _ in range(2):
        second.train_step()
    assert_same_state(unbroken, second)


# ------------------------------------------------------------------------------------------------- by hand, and logged


class Log(Observer):
    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        self.rows.append(dict(values))


def test_what_is_logged_is_what_was_applied(make_trainer: Make) -> None:
    log = Log()
    make_trainer(
        (log,),
        steps=4,
        norm=LAYER,
        logging={"every": 1},
        regularizer={"drift": {"weight": {"start": 4.0, "end": 0.0625, "shape": "exponential"}, "interval": 1}},
        optimizer={"generator": {"name": "adam", "lr": {"start": 0.01, "end": 0.001}, "betas": [0.5, {"start": 0.9, "end": 0.99}]}},
    ).run()  # fmt: skip
    weights = [row["schedule/regularizer.drift.weight"] for row in log.rows]
    assert weights == pytest.approx([4.0, 4 / 64**0.25, 0.5, 4 / 64**0.75])  # at 0, 1/4, 1/2, 3/4 of the training
    for row, weight in zip(log.rows, weights, strict=True):
        applied = (row["discriminator/loss"] - row["discriminator/adversarial"]) / row["discriminator/drift"]
        assert applied == pytest.approx(weight, rel=1e-3)
    rates = [0.01, 0.00775, 0.0055, 0.00325]
    assert [row["schedule/optimizer.generator.lr"] for row in log.rows] == pytest.approx(rates)
    assert [row["generator/learning_rate"] for row in log.rows] == pytest.approx(rates)
    assert [row["schedule/optimizer.generator.betas.1"] for row in log.rows] == pytest.approx(
        [0.9, 0.9225, 0.945, 0.9675]
    )


def test_without_schedules_nothing_more_is_logged(make_trainer: Make) -> None:
    log = Log()
    make_trainer((log,), steps=1).run()
    assert not [tag for tag in log.rows[-1] if tag.startswith("schedule/")]


def line(start: float, end: float) -> Scheduled:
    return Scheduled(start, end)


@pytest.mark.parametrize(
    "setting",
    [
        Adam(lr=line(0.1, 0.02), betas=(line(0.5, 0.1), line(0.9, 0.99)), weight_decay=line(0.0, 0.4)),
        AdamW(lr=line(0.1, 0.02), betas=(0.5, line(0.9, 0.99)), weight_decay=line(0.4, 0.1)),
        RMSprop(lr=line(0.01, 0.05), alpha=line(0.9, 0.5), weight_decay=line(0.1, 0.3)),
        SGD(lr=line(0.1, 0.02), momentum=line(0.9, 0.1), weight_decay=line(0.1, 0.3)),
    ],
    ids=lambda setting: type(setting).__name__,
)
def test_an_optimizer_by_hand(setting: OptimizerSetting) -> None:
    """One weight, in Python's own numbers. Adam's corrections divide by 1 - β^t with the β of the update, as the
    published code of Huang et al. 2024 does."""
    network = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        network.weight.fill_(2.0)
    learner = Learner("generator", network, setting)
    w, m, v, b = 2.0, 0.0, 0.0, 0.0
    for t, g in enumerate([0.5, -0.2, 3.0, 0.1], 1):
        progress = (t - 1) / 4
        learner.backward(network(torch.full((1, 1), g)).sum())
        learner.apply(progress)

        def now(value: Any, progress: float = progress) -> float:
            return value.start + (value.end - value.start) * progress if isinstance(value, Scheduled) else value

        lr, decay = now(setting.lr), now(setting.weight_decay)  # type: ignore[attr-defined]
        g = g if isinstance(setting, AdamW) else g + decay * w
        if isinstance(setting, Adam):
            b1, b2 = map(now, setting.betas)
            w -= lr * decay * w if isinstance(setting, AdamW) else 0.0
            m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
            w -= lr * (m / (1 - b1**t)) / (math.sqrt(v / (1 - b2**t)) + 1e-8)
        elif isinstance(setting, RMSprop):
            alpha = now(setting.alpha)
            v = alpha * v + (1 - alpha) * g * g
            w -= lr * g / (math.sqrt(v) + 1e-8)
        elif isinstance(setting, SGD):
            b = now(setting.momentum) * b + g
            w -= lr * b
        assert network.weight.item() == pytest.approx(w, rel=1e-5)
        assert learner.learning_rate == pytest.approx(lr)


def test_clipping_and_bounds_by_hand() -> None:
    plain = SGD(lr=1.0, momentum=0.0)
    for progress, expected in ((0.0, 1.0), (0.5, 0.6), (1.0, 0.2)):
        for on_device in (False, True):  # as in a CUDA graph
            share: Any = torch.tensor(progress, dtype=torch.float64) if on_device else progress
            for setting, constraint, moved in (
                (replace(plain, clip_norm=line(1.0, 0.2)), None, expected),
                (replace(plain, clip_value=line(1.0, 0.2)), None, expected),
                (plain, WeightClipping(line(1.0, 0.2)), None),
            ):
                network = nn.Linear(1, 1, bias=False)
                with torch.no_grad():
                    network.weight.fill_(2.0)
                learner = Learner("discriminator", network, setting, constraint)
                learner.backward(3 * network(torch.ones(1, 1)).sum())
                learner.apply(share)
                result = -expected if moved is None else 2.0 - moved  # 2 - 3 = -1, then clipped
                assert network.weight.item() == pytest.approx(result, rel=1e-5)


def test_the_average_by_hand() -> None:
    network = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        network.weight.fill_(1.0)
    average = Average(network, EMA(decay=0.9999, ramp=None, half_life=line(0.0, 8.0)))
    expected = 1.0
    for update, value in enumerate((3.0, -1.0, 2.0, 5.0), 1):
        with torch.no_grad():
            network.weight.fill_(value)
        half_life = 8 * (update - 1) / 4
        decay = 0.5 ** (1 / half_life) if half_life else 0.0
        expected = decay * expected + (1 - decay) * value
        average.prepare(update, progress=(update - 1) / 4)
        average.follow()
        (averaged,) = average.network.parameters()
        assert averaged.item() == pytest.approx(expected, rel=1e-6)


def test_targets_by_hand() -> None:
    targets = Targets(real=line(1.0, 0.8), fake=line(0.0, 0.2), noise=0.0, flip=line(0.0, 1.0))

    def drawn(progress: float) -> tuple[torch.Tensor, torch.Tensor]:
        pair = targets.draw(1000, lambda stream: torch.Generator().manual_seed(1), progress)
        assert isinstance(pair.real, torch.Tensor)
        assert isinstance(pair.fake, torch.Tensor)
        return pair.real, pair.fake

    assert [one.unique().tolist() for one in drawn(0.0)] == [[1.0], [0.0]]
    assert [one.unique().tolist() for one in drawn(1.0)] == [[pytest.approx(0.2)], [pytest.approx(0.8)]]
    real, _ = drawn(0.25)
    assert real.unique().tolist() == pytest.approx([0.05, 0.95])
    assert (real < 0.5).float().mean().item() == pytest.approx(0.25, abs=0.05)
    hard = Targets(real=line(1.0, 0.8)).draw(4, lambda stream: torch.Generator(), 0.5)
    assert (hard.real, hard.fake) == (pytest.approx(0.9), 0.0)


def test_dropout_has_the_rate_of_its_update(make_trainer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """In both updates, and for held-out images, which are looked at after the step."""
    used: list[float] = []
    forward = ScheduledDropout.forward

    def spy(self: ScheduledDropout, x: torch.Tensor) -> torch.Tensor:
        assert isinstance(self.progress, float)
        used.append(self.progress)
        return forward(self, x)

    monkeypatch.setattr(ScheduledDropout, "forward", spy)
    trainer = make_trainer(
        discriminator={"dropout": {"start": 0.0, "end": 0.8}}, data={"held_out": 32}, logging={"every": 1}, steps=4
    )
    for step in range(4):
        used.clear()
        trainer.train_step()
        assert set(used) == {step / 4}
        used.clear()
        trainer.stepper.report(trainer.step, {})
        assert set(used) == {(step + 1) / 4}


def test_noise_and_top_k_follow_their_schedules() -> None:
    noise, images = InstanceNoise(std=line(0.2, 1.0)), torch.zeros(64, 1, 8, 8)
    for progress, std in ((0.0, 0.2), (0.5, 0.6), (1.0, 1.0)):
        for share in (progress, torch.tensor(progress, dtype=torch.float64)):
            assert noise(images, torch.Generator().manual_seed(0), share).std().item() == pytest.approx(std, rel=0.05)
    schedule = Alternating(n_critic=1, top_k=Scheduled(1.0, 0.4, "step", until=0.3))
    assert [schedule.top_share(progress) for progress in (0.0, 0.29, 0.3, 1.0)] == [1.0, 1.0, 0.4, 0.4]
