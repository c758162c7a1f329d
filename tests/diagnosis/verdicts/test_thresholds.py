"""Every threshold matters, is told in the option file, and is parsed from a run's settings."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml

from ganlab.config_folder import config_folder
from ganlab.diagnosis.verdicts import NAMES, Verdict, replay
from tests.diagnosis.verdicts.rows import SETTINGS, THRESHOLDS, changed, rows
from tests.diagnosis.verdicts.test_detectors import ALONE, CASES, GUESSES

FEW = [{"step": 200 * (i + 1), "scores": {"modes": 3.0}, "histogram": [0] * 10} for i in range(5)]
POOR = [{"step": 200 * (i + 1), "scores": {"recall": 0.01, "precision": 0.9}} for i in range(5)]
LEFT = [{"step": 200 * (i + 1), "scores": {"fid": fid}} for i, fid in enumerate((10.0, 40.0, 40.0, 40.0, 40.0))]
FEW_IMAGES = {"data.limit": 16}
KNOWN = {"diagnosis/accuracy_real": 1.0, "diagnosis/accuracy_fake": 1.0}
LEARNED = {**GUESSES, "discriminator/adversarial": lambda i: 1.0 if i < 9 else 1.36}
CRITIC = {"loss.name": "wasserstein"}
HELD_OUT = {**ALONE, "discriminator/trained_on": 0.2, "discriminator/held_out": -0.6}
SWING = 1.2
MORE: list[tuple[str, dict[str, Any], dict[str, Any], list[Any]]] = [
    ("partial_collapse", {}, {}, FEW),
    ("partial_collapse", {}, {}, POOR),
    ("divergence", {}, {}, LEFT),
    ("discriminator_overfits", {"data.limit": 16}, KNOWN, []),
    ("discriminator_overfits", {}, HELD_OUT, []),
    ("discriminator_at_chance", {}, {**LEARNED, "diagnosis/distance": 0.4}, []),
    ("discriminator_at_chance", {}, {**LEARNED, "diagnosis/contrast": 0.4}, []),
    ("vanishing_gradients", {}, {"generator/gradient_norm": 5e-6}, []),
    ("vanishing_gradients", {}, {"generator/gradient_norm": lambda i: 2.0 if i < 10 else 1e-4}, []),
    ("exploding_gradients", {}, {"generator/gradient_norm": lambda i: 2.0 if i < 10 else 1500.0}, []),
    ("no_learning", {}, {"diagnosis/generator_update": lambda i: 2.5e-4 if i < 10 else 1e-5}, []),
    (
        "oscillation",
        {},
        {name: lambda i: SWING * math.sin(i) for name in ("discriminator/real", "discriminator/fake")},
        [],
    ),
    ("not_lipschitz", CRITIC, {**ALONE, "discriminator/real": 5e-5, "discriminator/fake": 0.0}, []),
    ("not_lipschitz", CRITIC, {"diagnosis/input_gradient": 5e-4}, []),
    ("discriminator_at_chance", {}, LEARNED, []),
    *(
        ("no_learning", {}, {"diagnosis/generator_update": lambda i: 1e-3 if i < 6 else 1e-8, **unlike}, [])
        for unlike in ({"diagnosis/distance": 0.3}, {"diagnosis/contrast": 0.3})
    ),
    (
        "discriminator_overfits",
        {},
        {"discriminator/trained_on": 0.6, "discriminator/held_out": lambda i: 0.6 if i < 25 else -0.6},
        [],
    ),
]
"""Runs in which a threshold matters that matters in none of ``CASES``, by the verdict."""


def outcome(found: list[Verdict]) -> Any:
    return [(one.key, one.since, one.given, one.until, one.lasting) for one in found]


@pytest.mark.parametrize("key", THRESHOLDS)
def test_changing_it_changes_a_verdict(key: str) -> None:
    value, name = THRESHOLDS[key], key.partition(".")[0]
    others = (value * 50, value / 50, value + 4) if isinstance(value, float) else (value + 3, 10**9, 0)
    for verdict, settings, changes, scores in [*((*case, []) for case in CASES), *MORE]:
        if verdict == (name if name in NAMES else "mode_collapse"):
            own, made = changed(SETTINGS, settings), rows(changes)
            if key == "part":  # it bounds the images
                own = changed(own, {"diagnosis.verdicts.images": 10**9})
            before = outcome(replay(made, scores, own))
            for other in others:
                if outcome(replay(made, scores, changed(own, {f"diagnosis.verdicts.{key}": other}))) != before:
                    return
    pytest.fail(f"no verdict depends on {key}")


def test_the_option_file_has_them_all() -> None:
    plain = yaml.safe_load((config_folder() / "diagnosis" / "default.yaml").read_text(encoding="utf-8"))

    def leaves(node: Any, prefix: str = "") -> dict[str, Any]:
        if not isinstance(node, dict):
            return {prefix: node}
        return {
            k: v for name, one in node.items() for k, v in leaves(one, f"{prefix}.{name}" if prefix else name).items()
        }

    assert leaves(plain["verdicts"]) == THRESHOLDS
