"""A setting that is far from usual is the first advice, and a usual run gets none on its settings."""

from __future__ import annotations

from typing import Any

import pytest

from ganlab.diagnosis.verdicts import NAMES
from ganlab.diagnosis.verdicts.facts import Facts
from ganlab.diagnosis.verdicts.samples import diversity_advice
from ganlab.diagnosis.verdicts.unusual import CAUSES, unusual
from tests.diagnosis.verdicts.rows import SETTINGS, changed

INIT = {"name": "normal", "std": 0.02}
SGD = {"name": "sgd", "lr": 0.01, "momentum": 0.99}
FALLS = {"start": 2e-4, "end": 1e-8, "shape": "linear", "until": 0.05}
CRITIC = {"loss.name": "wasserstein"}
CASES: list[tuple[str, dict[str, Any], str]] = [
    ("divergence", {"optimizer.generator.lr": 1.0}, "optimizer.generator.lr=0.0002"),
    ("no_learning", {"optimizer.discriminator.lr": 1e-9}, "optimizer.discriminator.lr=0.0002"),
    ("no_learning", {"optimizer.generator.lr": FALLS}, "optimizer.generator.lr=0.0002"),
    ("no_learning", {"optimizer.generator.clip_norm": 1e-6}, "optimizer.generator.clip_norm=null"),
    ("oscillation", {"optimizer.generator.betas": [0.99, 0.999]}, "optimizer.generator.betas=[0.5,0.999]"),
    ("mode_collapse", {"optimizer.discriminator": SGD}, "optimizer.discriminator.momentum=0"),
    ("dead_layers", {"optimizer.generator.weight_decay": 50}, "optimizer.generator.weight_decay=0"),
    ("dead_layers", {"init.generator": {"name": "mine"}}, "init.generator=orthogonal"),
    ("exploding_gradients", {"init.generator": {**INIT, "std": 2.0}}, "init.generator=orthogonal"),
    ("vanishing_gradients", {"init.discriminator": {"name": "orthogonal", "gain": 9}}, "init.discriminator.gain=auto"),
    ("discriminator_at_chance", {"regularizer.r1": {"weight": 1e5}}, "regularizer.r1.weight=10"),
    ("discriminator_at_chance", {"targets.flip": 0.5}, "targets.flip=0"),
    ("discriminator_at_chance", {"targets.noise": 0.9}, "targets.noise=0"),
    (
        "discriminator_at_chance",
        {"augment.instance_noise": {"std": {"start": 10.0, "end": 1.0}}},
        "augment.instance_noise.std=0.1",
    ),
    ("discriminator_at_chance", {"schedule.discriminator_every": 50}, "schedule.discriminator_every=1"),
    ("mode_collapse", {"schedule.generator_updates": 10}, "schedule.generator_updates=1"),
    ("discriminator_overpowers", {"schedule.n_critic": 5}, "schedule.n_critic=1"),
    ("discriminator_overpowers", {"loss.name": "minimax"}, "loss=bce"),
    ("not_lipschitz", {**CRITIC, "constraint": {"name": "weight_clipping", "bound": 1e-4}}, "constraint.bound=0.01"),
    (
        "not_lipschitz",
        {**CRITIC, "constraint": {"name": "weight_clipping", "bound": 10.0}},
        "regularizer.gradient_penalty={} constraint=none",
    ),
    ("partial_collapse", {"latent.dim": 1}, "latent.dim=64"),
]


@pytest.mark.parametrize(("verdict", "changes", "expected"), CASES, ids=[case[2] for case in CASES])
def test_it_is_the_first_advice(verdict: str, changes: dict[str, Any], expected: str) -> None:
    assert [str(one) for one in unusual(Facts(changed(SETTINGS, changes)), verdict)] == [expected]


USUAL: list[dict[str, Any]] = [
    {"init.generator": INIT, "init.discriminator": {"name": "orthogonal", "gain": "auto"}, "latent.dim": 100},
    {"optimizer.generator.lr": 2e-3, "optimizer.discriminator.lr": 4e-3},
    {**CRITIC, "constraint": {"name": "weight_clipping", "bound": 0.01}, "schedule.n_critic": 5},
    {**CRITIC, "regularizer.gradient_penalty": {"weight": 10.0}, "optimizer.generator.clip_norm": 1.0},
    {"targets.flip": 0.05, "augment.instance_noise": {"std": 0.1}, "optimizer.generator.weight_decay": 0.01},
    {"data.name": "ring", "latent.dim": 2, "regularizer.r1": {"weight": 10.0}},
    {"optimizer.generator.lr": {"start": 2e-4, "end": 1e-8, "shape": "linear", "until": 1.0}},
]


@pytest.mark.parametrize("verdict", NAMES)
def test_a_usual_run_has_none(verdict: str) -> None:
    for changes in USUAL:
        assert unusual(Facts(changed(SETTINGS, changes)), verdict) == ()
    assert unusual(Facts({}), verdict) == ()


def test_every_verdict_has_its_causes() -> None:
    assert set(CAUSES) == set(NAMES)


def test_small_weights_without_a_norm_are_named() -> None:
    bare = {"layer": {"name": "none"}, "weight": "none"}
    changes = {"init.generator": INIT, "norm.generator": bare, "norm.discriminator": bare}
    facts = Facts(changed(SETTINGS, changes))
    assert str(facts.small_weights()).startswith("init.generator=he")
    assert "init.generator=he" in " ".join(map(str, diversity_advice(facts, "mode_collapse")))
    for other in ({"init.generator": {**INIT, "std": 0.1}}, {"norm.generator": {**bare, "layer": {"name": "batch"}}}):
        assert Facts(changed(SETTINGS, {**changes, **other})).small_weights() is None
