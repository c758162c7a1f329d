"""rules=warn trains what theory advises against, and says so in the run; what cannot be computed stays refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganlab.commands.train import main
from ganlab.config import CannotCombine
from ganlab.training.trainer import Trainer
from tests.conftest import TINY_OVERRIDES, tiny

LIFTED: dict[str, tuple[dict[str, Any], str]] = {
    "batch norm in a penalised critic": (
        {"loss": "wasserstein", "regularizer": {"gradient_penalty": {}}, "norm": {"discriminator": {"layer": "batch"}}},
        "norm.discriminator.layer=batch cannot go with",
    ),
    "clipped weights that are rescaled": (
        {"constraint": "weight_clipping", "norm": {"discriminator": {"weight": "spectral"}}},
        "constraint=weight_clipping with norm.discriminator.weight=spectral",
    ),
    "a penalty without a scale": (
        {"regularizer": {"weight_penalty": {}}, "norm": {"discriminator": {"weight": "spectral"}}},
        "regularizer=weight_penalty with norm.discriminator.weight=spectral",
    ),
    "a scale that counts twice": (
        {"norm": {"generator": {"weight": "equalized"}}, "init": {"generator": "he"}},
        "norm.generator.weight=equalized with init.generator=he",
    ),
    "a scale that is missing": (
        {"norm": {"generator": {"weight": "none"}}, "init": {"generator": "equalized"}},
        "init.generator=equalized with norm.generator.weight=none",
    ),
    "a class head without a loss": ({"condition": "auxiliary"}, "without regularizer.auxiliary_classifier"),
}
REFUSED: dict[str, dict[str, Any]] = {
    "images that are not there": {"condition": "image", "generator": {"name": "unet", "width": 4}},
    "a batch that cannot be cut": {"schedule": {"name": "alternating", "accumulation": 3}},
    "targets without effect": {"loss": "wasserstein", "constraint": "weight_clipping", "targets": {"real": 0.9}},
    "directions of 0": {"norm": {"generator": {"weight": "weight"}}, "init": {"generator": "fixup"}},
}  # fmt: skip


@pytest.mark.parametrize(("changes", "said"), LIFTED.values(), ids=LIFTED)
def test_a_lifted_rule_trains(changes: dict[str, Any], said: str, make_trainer: Callable[..., Trainer]) -> None:
    with pytest.raises(CannotCombine) as refused:
        tiny(**changes)
    (problem,) = refused.value.problems
    assert said in problem
    assert problem.endswith(", or rules=warn to train it all the same")
    configuration = tiny(**changes, rules="warn")
    (lifted,) = configuration.lifted
    assert problem == f"{lifted}, or rules=warn to train it all the same"
    assert f"rules=warn: {lifted}" in configuration.warnings
    trainer = make_trainer(**changes, rules="warn", steps=2)
    trainer.run()
    assert trainer.step == 2
    assert trainer.diverged() is None


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_computed_stays_refused(changes: dict[str, Any]) -> None:
    problems = []
    for rules in ("refuse", "warn"):
        with pytest.raises(CannotCombine) as refused:
            tiny(**changes, rules=rules)
        problems.append(refused.value.problems)
    assert problems[0] == problems[1]
    assert "rules=warn" not in str(problems)


def test_nothing_is_lifted_where_nothing_is_refused() -> None:
    assert tiny(rules="warn").lifted == ()
    assert tiny(rules="warn").warnings == tiny().warnings


def test_the_run_says_what_was_lifted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*TINY_OVERRIDES, "loss=wgan_gp", "norm=batch", "rules=warn", "hydra.run.dir=run"]) == 0
    (rule,) = json.loads(Path("run/status.json").read_text())["lifted_rules"]
    assert rule.startswith("norm.discriminator.layer=batch cannot go with regularizer=gradient_penalty")
    assert capsys.readouterr().out.count(f"note: rules=warn: {rule}") == 1
    assert "\nrules: warn\n" in Path("run/config.yaml").read_text()
