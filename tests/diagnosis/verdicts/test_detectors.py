"""Each verdict on synthetic rows: it is named where its signals say so, and a healthy run has none."""

from __future__ import annotations

import math
from typing import Any

import pytest

from ganlab.diagnosis.verdicts import NAMES, TITLES, replay
from tests.diagnosis.verdicts.rows import SETTINGS, Value, changed, rows

CRITIC = {"loss.name": "wasserstein"}
ALONE = {tag: None for tag in rows()[0] if tag.startswith("diagnosis/")}
"""Takes every signal away: the rows of a run of an earlier version."""

GUESSES: dict[str, Value] = {"discriminator/adversarial": 1.386, "diagnosis/logit_effect": 0.1}

CASES: list[tuple[str, dict[str, Any], dict[str, Value]]] = [
    ("divergence", {}, {"generator/blocked": 1.0}),
    ("divergence", {}, {"discriminator/adversarial": lambda i: 2.0**i}),
    ("divergence", {}, {"diagnosis/generator_weight": lambda i: 1.0 + 3 * i}),
    ("exploding_gradients", {}, {"generator/gradient_norm": lambda i: 2.0 * 1.5**i}),
    ("exploding_gradients", {}, {"diagnosis/discriminator_gradient_first": 2e4}),
    ("vanishing_gradients", {}, {"generator/gradient_norm": lambda i: 2.0 * 0.5**i}),
    ("vanishing_gradients", {}, {"diagnosis/generator_gradient_first": 1e-5}),
    ("dead_layers", {}, {"diagnosis/discriminator_dead": 0.9}),
    ("no_learning", {}, {"diagnosis/generator_update": 1e-6}),
    ("no_learning", {}, {**ALONE, "generator/learning_rate": 1e-7}),
    ("not_lipschitz", CRITIC, {"diagnosis/input_gradient": 40.0}),
    ("not_lipschitz", CRITIC, {"diagnosis/input_gradient": 1e-5}),
    ("not_lipschitz", CRITIC, {**ALONE, "discriminator/gradient_penalty": 100.0}),
    ("not_lipschitz", CRITIC, {**ALONE, "discriminator/real": 900.0, "discriminator/fake": -900.0}),
    (
        "discriminator_overpowers",
        {},
        {"diagnosis/accuracy_real": 1.0, "diagnosis/accuracy_fake": 1.0, "diagnosis/output_gradient": lambda i: 0.8**i},
    ),
    ("discriminator_overpowers", {}, {**ALONE, "discriminator/real": 5.0, "discriminator/fake": -6.0, "generator/adversarial": 6.0}),
    ("discriminator_overfits", {}, {"diagnosis/accuracy_real": 0.95, "diagnosis/accuracy_held_out": 0.4}),
    ("discriminator_overfits", {}, {**ALONE, "discriminator/trained_on": 2.0, "discriminator/held_out": -1.0}),
    ("discriminator_at_chance", {}, {**GUESSES, "diagnosis/logit_effect": 0.01, "diagnosis/pixel_gap": 0.9}),
    ("discriminator_at_chance", {}, {"diagnosis/logit_effect": -1.5, "diagnosis/pixel_gap": 0.9}),
    (
        "discriminator_overpowers",
        {"loss.name": "minimax"},
        {"diagnosis/accuracy_real": 1.0, "diagnosis/accuracy_fake": 1.0, "generator/adversarial": -0.01},
    ),
    (
        "no_learning",
        {},
        {"diagnosis/generator_update": lambda i: 1e-3 if i < 6 else 1e-8, "diagnosis/pixel_gap": 0.9},
    ),
    (
        "discriminator_overfits",
        {},
        {"discriminator/trained_on": 0.6, "discriminator/held_out": lambda i: (-0.2, 0.6, 0.1)[i % 3]},
    ),
    (
        "discriminator_at_chance",
        {},
        {**GUESSES, "discriminator/adversarial": lambda i: 0.7 if i < 9 else 1.39, "diagnosis/pixel_gap": 0.9},
    ),
    ("discriminator_at_chance", {}, {**ALONE, **GUESSES}),
    (
        "discriminator_at_chance",
        {"loss.name": "hinge"},
        {"discriminator/adversarial": 2.1, "diagnosis/logit_effect": -5.0, "diagnosis/distance": 0.5},
    ),
    ("mode_collapse", {}, {"diagnosis/distance": 0.1}),
    ("mode_collapse", {}, {"diagnosis/distance": 0.2, "diagnosis/contrast": None}),
    ("mode_collapse", {}, {"diagnosis/duplicates": lambda i: 0.8 if i % 5 == 0 else None}),
    ("partial_collapse", {}, {"diagnosis/distance": 0.5}),
    ("partial_collapse", {}, {"diagnosis/classes": 0.4}),
    (
        "oscillation",
        {},
        {
            "discriminator/real": lambda i: 0.6 + 3 * math.sin(i),
            "discriminator/fake": lambda i: -0.6 + 3 * math.sin(i),
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "settings", "changes"), CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_a_verdict_is_named(name: str, settings: dict[str, Any], changes: dict[str, Value]) -> None:
    found = replay(rows(changes), [], changed(SETTINGS, settings))
    (verdict,) = [one for one in found if one.name == name][:1]
    assert verdict.lasting
    assert verdict.since <= verdict.given <= verdict.until == 1000
    assert verdict.given <= 500, "within the first half"
    assert verdict.evidence
    assert verdict.explanation
    assert all((one.value > one.threshold) == (one.relation == "above") for one in verdict.evidence)
    assert 1 <= len(verdict.advice) <= 2


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("mode_collapse", {"diagnosis/distance": 0.2, "diagnosis/contrast": 0.22}),  # G is still grey
        ("discriminator_overpowers", {"diagnosis/accuracy_real": 1.0, "diagnosis/accuracy_fake": 1.0}),  # alone: normal
        (
            "discriminator_at_chance",
            {**GUESSES, "discriminator/adversarial": lambda i: 1.0 if i < 9 else 1.386},
        ),  # done
        ("discriminator_at_chance", {**GUESSES, "diagnosis/logit_effect": 0.01}),  # nothing differs: normal
        (
            "discriminator_at_chance",
            {**GUESSES, "diagnosis/logit_effect": 3.0, "diagnosis/pixel_gap": 0.9},
        ),  # it does tell them apart
        (
            "discriminator_overpowers",
            {"diagnosis/accuracy_real": 1.0, "diagnosis/accuracy_fake": 1.0, "generator/adversarial": 0.01},
        ),  # the loss of minimax alone is saturated there
        ("discriminator_overfits", {"discriminator/trained_on": 0.6, "discriminator/held_out": 0.4}),
        ("mode_collapse", {"diagnosis/duplicates": lambda i: 0.1 if i % 5 == 0 else None}),
        ("partial_collapse", {"diagnosis/classes": 0.9}),
        (
            "discriminator_overfits",
            {"discriminator/trained_on": 0.6, "discriminator/held_out": lambda i: (-0.6, 0.6, 0.6)[i % 3]},
        ),  # few held-out images: single rows say little
        ("divergence", {"diagnosis/generator_weight": lambda i: 1e-4 * (1 + i)}),  # weights that were tiny
        ("no_learning", {"diagnosis/generator_update": lambda i: 1e-3 * 0.8**i}),  # a rate that decays
        ("oscillation", {"discriminator/real": lambda i: 0.6 + 0.3 * (-1) ** i}),  # noise
        ("not_lipschitz", {"diagnosis/input_gradient": 40.0}),  # not a critic
        ("discriminator_overfits", {"diagnosis/accuracy_real": 0.9, "diagnosis/accuracy_held_out": 0.7}),
    ],
)
def test_what_looks_like_it_and_is_not(name: str, changes: dict[str, Value]) -> None:
    assert name not in [one.name for one in replay(rows(changes), [], SETTINGS)]


def test_every_verdict_is_tried() -> None:
    assert {case[0] for case in CASES} == set(NAMES)
    assert set(TITLES) == {*NAMES, "healthy"}


@pytest.mark.parametrize("settings", [{}, CRITIC], ids=["bce", "critic"])
@pytest.mark.parametrize("signals", [True, False])
def test_a_healthy_run_has_none(settings: dict[str, Any], signals: bool) -> None:
    assert replay(rows({} if signals else ALONE), [], changed(SETTINGS, settings)) == []


def test_a_small_penalty_is_a_critic_near_its_slope() -> None:
    without = {**ALONE, "discriminator/gradient_penalty": 0.1}
    assert replay(rows(without), [], changed(SETTINGS, CRITIC)) == []
