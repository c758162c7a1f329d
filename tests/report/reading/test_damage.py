"""Folders with damage at random: a report is made of what is left, or refused in a sentence."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from ganlab.errors import UserError
from ganlab.report.build import report_of
from ganlab.report.files import write
from ganlab.report.reading.sweep import find_sweep
from tests.report.reading.test_sweep import sweep

ODD = [None, True, -1, 0, 1e400, float("nan"), "x", "", [], {}, [1], {"a": 1}, 10**30, "\ud800", -5.5, 1e-320]
RICH = {
    "schedule": {
        "name": "alternating", "n_critic": 2, "discriminator_every": 2, "pretrain_discriminator": 3,
        "burst": {"first": 2, "every": 5, "updates": 4},
    },
    "data": {"name": "grid", "side": 5}, "loss": {"name": "bce"},
}  # fmt: skip


def changed(value: Any, rng: random.Random) -> Any:
    """``value`` with one of its values replaced by an odd one, or left out."""
    if isinstance(value, dict | list) and value and rng.random() < 0.8:
        value = value.copy()
        key = rng.choice(list(value) if isinstance(value, dict) else range(len(value)))  # type: ignore[arg-type]
        if rng.random() < 0.15:
            del value[key]
        else:
            value[key] = changed(value[key], rng)
        return value
    return rng.choice(ODD)


def damage(file: Path, rng: random.Random) -> None:
    if rng.random() < 0.25:
        content = bytearray(file.read_bytes())
        if content:
            content[rng.randrange(len(content))] = rng.randrange(256)
        file.write_bytes(content[: rng.randrange(len(content) + 1)] if rng.random() < 0.3 else content)
    elif file.suffix == ".jsonl":
        lines = file.read_text().splitlines()
        if lines:
            place = rng.randrange(len(lines))
            lines[place] = json.dumps(changed(json.loads(lines[place]), rng))
        file.write_text("".join(f"{line}\n" for line in lines))
    elif file.suffix == ".json":
        file.write_text(json.dumps(changed(json.loads(file.read_text()), rng)))
    else:
        file.write_text(yaml.safe_dump(changed(yaml.safe_load(file.read_text()), rng)))


@pytest.mark.filterwarnings("error", "ignore::DeprecationWarning:matplotlib")  # an older one with a newer pyparsing
@pytest.mark.parametrize("seed", [*range(5), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(5, 200))])
def test_a_damaged_sweep_never_ends_in_a_traceback(seed: int, tmp_path: Path) -> None:
    rng, root = random.Random(seed), sweep(tmp_path / "sweep")
    for config in root.glob("*/config.yaml"):
        config.write_text(yaml.safe_dump({**yaml.safe_load(config.read_text()), **RICH}))
    for scores in root.glob("*/scores.jsonl"):
        scores.write_text(scores.read_text().replace('"kid": 1.0', '"kid": 1.0, "modes": 3, "good_share": 0.5'))
    plan = {"command": "a", "overrides": ["x=1"], "jobs": [{"number": 9, "folder": "9-x", "overrides": ["init=he"]}]}
    (root / "sweep.json").write_text(json.dumps(plan))
    files = sorted(path for path in root.rglob("*") if path.is_file())
    for _ in range(rng.randint(1, 8)):
        with suppress(ValueError, yaml.YAMLError, UnicodeError):  # damaged twice
            damage(rng.choice(files), rng)
    with suppress(UserError):
        write(report_of(find_sweep(str(root))), tmp_path / "report")
