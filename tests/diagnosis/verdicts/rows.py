"""Synthetic rows of a run, healthy unless changed."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from ganlab.diagnosis.verdicts import VerdictSettings

Value = float | None | Callable[[int], float | None]

SETTINGS: dict[str, Any] = {
    "steps": 1000,
    "batch_size": 32,
    "data": {"name": "digits", "limit": None},
    "loss": {"name": "bce"},
    "norm": {"discriminator": {"layer": {"name": "none"}}},
    "regularizer": {},
    "augment": {},
    "discriminator": {"name": "dcgan", "pack": 1, "activation": {"name": "leaky_relu"}},
    "generator": {"name": "dcgan", "activation": {"name": "relu"}},
    "targets": {"flip": 0.0, "noise": 0.0},
    "schedule": {"name": "alternating", "n_critic": 1},
    "constraint": {"name": "none"},
    "optimizer": {
        name: {"name": "adam", "lr": 2e-4, "betas": [0.5, 0.999], "clip_norm": None}
        for name in ("generator", "discriminator")
    },
}

HEALTHY: Mapping[str, Value] = {
    "discriminator/adversarial": 1.1,
    "discriminator/real": 0.6,
    "discriminator/fake": -0.6,
    "discriminator/gradient_norm": 3.0,
    "discriminator/blocked": 0.0,
    "discriminator/learning_rate": 2e-4,
    "generator/adversarial": 1.0,
    "generator/gradient_norm": 2.0,
    "generator/blocked": 0.0,
    "generator/learning_rate": 2e-4,
    "diagnosis/accuracy_real": 0.7,
    "diagnosis/accuracy_fake": 0.7,
    "diagnosis/logit_effect": 1.0,
    "diagnosis/input_gradient": 1.0,
    "diagnosis/output_gradient": 0.5,
    "diagnosis/distance": 0.95,
    "diagnosis/contrast": 1.0,
    "diagnosis/pixel_gap": 0.1,
    **{f"diagnosis/{name}_dead": 0.1 for name in ("generator", "discriminator")},
    **{f"diagnosis/{name}_update": 1e-3 for name in ("generator", "discriminator")},
    **{f"diagnosis/{name}_weight": 1.0 for name in ("generator", "discriminator")},
    **{f"diagnosis/{name}_gradient_first": 1.0 for name in ("generator", "discriminator")},
    **{f"diagnosis/{name}_gradient_last": 1.0 for name in ("generator", "discriminator")},
}


def rows(changes: Mapping[str, Value] | None = None, count: int = 50, every: int = 20, batch: int = 32) -> list[Any]:
    """Rows at every ``every`` steps; a value may be a function of the row's number. Tags of None are absent."""
    found = []
    for number in range(count):
        step = (number + 1) * every
        row: dict[str, Any] = {"step": step, "progress/images": step * batch}
        for tag, value in {**HEALTHY, **(changes or {})}.items():
            value = value(number) if callable(value) else value
            if value is not None:
                row[tag] = value
        found.append(row)
    return found


def thresholds(settings: Any, prefix: str = "") -> dict[str, Any]:
    """The thresholds of all verdicts by key, such as ``mode_collapse.distance``."""
    found: dict[str, Any] = {}
    for one in fields(settings):
        value = getattr(settings, one.name)
        found |= thresholds(value, f"{prefix}{one.name}.") if is_dataclass(value) else {f"{prefix}{one.name}": value}
    return found


THRESHOLDS = thresholds(VerdictSettings())


def changed(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with others laid over them, by full key."""
    found = copy.deepcopy(dict(settings))
    for key, value in changes.items():
        node = found
        *parents, last = key.split(".")
        for part in parents:
            node = node.setdefault(part, {})
        node[last] = value
    return found
