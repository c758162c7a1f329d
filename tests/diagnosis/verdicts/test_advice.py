"""Advice can be typed for the run that gets it, and never repeats what the run has."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from ganlab.config import configure
from ganlab.config.plain import assign, lookup
from ganlab.config.resume import OF_A_BRANCH
from ganlab.diagnosis.verdicts import Advice, Evidence, VerdictSettings
from ganlab.diagnosis.verdicts.facts import Facts
from tests.conftest import TINY, merged

POINTS = {
    "data": {"name": "ring", "limit": 64}, "generator": {"name": "mlp", "hidden": [4]},
    "discriminator": {"name": "mlp", "hidden": [4]}, "latent": {"name": "normal", "dim": 2}, "logging": {"samples": 8},
}  # fmt: skip
NO_NORM = {"norm": {"discriminator": {"layer": "none"}}}
RUNS: dict[str, dict[str, Any]] = {
    "batch norm": {},
    "no norm": NO_NORM,
    "spectral": {"norm": {"discriminator": {"layer": "none", "weight": "spectral"}}},
    "minimax, fast D": {"loss": "minimax", "optimizer": {"discriminator": {"name": "adam", "lr": 0.02}}},
    "slow": {"optimizer": {name: {"name": "adam", "lr": 1e-7} for name in ("generator", "discriminator")}},
    "hinge": {"loss": "hinge", "augment": {"instance_noise": {}, "diff_augment": {}}},
    "lsgan": {"loss": "lsgan", **NO_NORM, "regularizer": {"r1": {"weight": 1e5}}},
    "relativistic": {"loss": "relativistic", "targets": {}},
    "flipped": {"targets": {"flip": 0.5, "noise": 0.6}},
    "critic": {"loss": "wasserstein", **NO_NORM, "rules": "warn"},
    "critic with penalty": {
        "loss": "wasserstein", **NO_NORM, "regularizer": {"gradient_penalty": {"weight": 0.1}}
    },
    "clipped": {"loss": "wasserstein", **NO_NORM, "constraint": {"name": "weight_clipping", "bound": 10.0}},
    "critic with batch norm": {"loss": "wasserstein", "norm": {"discriminator": {"layer": "batch"}}},
    "momentum": {
        "optimizer": {name: {"name": "sgd", "momentum": 0.99, "lr": 0.1} for name in ("generator", "discriminator")}
    },
    "adam with momentum": {
        "optimizer": {name: {"name": "adam", "betas": [0.99, 0.999]} for name in ("generator", "discriminator")}
    },
    "updates": {"schedule": {"name": "alternating", "n_critic": 5}, "discriminator": {"pack": 2}},
    "points": POINTS,
    "a schedule": {"optimizer": {"generator": {"name": "adam", "lr": {"start": 1e-3, "end": 1e-5}}}},
}  # fmt: skip
FIRST = Evidence("diagnosis/generator_gradient_first", 1.0, "above", 0.0)
FLAT = Evidence("diagnosis/input_gradient", 1.0, "below", 2.0)


def advice_for(plain: dict[str, Any]) -> set[Advice]:
    facts, found = Facts(plain), set()
    for detector in VerdictSettings().detectors:
        for network in detector.networks:
            for evidence in ((), (FIRST,), (FLAT,)):
                given = detector.advise(evidence, facts, network)
                assert 1 <= len(given) <= 2, f"{detector.name} has no advice"
                found |= set(given)
                assert detector.explain(evidence, facts, network)
    return found


@pytest.mark.parametrize("name", RUNS)
def test_advice_can_be_typed(name: str) -> None:
    plain = configure(merged(TINY, RUNS[name])).plain()
    for one in advice_for(plain):
        changed = copy.deepcopy(plain)
        for text in one.overrides:
            override = OverridesParser.create().parse_override(text)
            key, value = override.key_or_group, override.value()
            before = lookup(plain, key)
            assert (before.get("name") if isinstance(before, dict) else before) != value, f"{text} is set already"
            assert value != {} or before is None, f"{text} is there already"
            inside = any(key == group or key.startswith(f"{group}.") for group in (*OF_A_BRANCH, "init"))
            spoilt = key.startswith("optimizer.")  # a rate that has spoilt the weights that a branch would begin with
            assert one.restart == inside or (one.restart and spoilt), f"{text}: a new run?"
            assign(changed, key, value)
        configure(changed)  # raises Refused with the reason


@pytest.mark.parametrize(
    ("changes", "network", "expected"),
    [
        ({"discriminator": {"name": "adam", "lr": 2e-2}}, "discriminator", "0.0002"),  # far above: the usual one
        ({"discriminator": {"name": "adam", "lr": 2e-4}}, "discriminator", "5e-05"),  # usual: a quarter
        (
            {"generator": {"name": "adam", "lr": 1e-3}, "discriminator": {"name": "adam", "lr": 0.1}},
            "discriminator",
            "0.001",
        ),
        ({"generator": {"name": "adam", "lr": {"start": 1e-3, "end": 1e-6}}}, "generator", "0.0002"),
    ],
)
def test_a_lower_rate_is_computed_from_the_runs_own(changes: dict[str, Any], network: str, expected: str) -> None:
    advice = Facts(configure(merged(TINY, {"optimizer": changes})).plain()).lower_rate(network)
    assert str(advice) == f"optimizer.{network}.lr={expected}"


def test_settings_that_are_missing_give_no_advice_on_them() -> None:
    facts = Facts({})
    assert facts.lower_rate("generator") is facts.higher_rate("generator") is facts.saturating() is None
    assert facts.planned_images is facts.modes is facts.boundary is facts.chance is None
    for detector in VerdictSettings().detectors:
        for network in detector.networks:
            assert len(detector.advise((), facts, network)) <= 2
