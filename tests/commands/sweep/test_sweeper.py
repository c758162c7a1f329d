"""A sweeper that searches gets the score of every run; a search without scores is refused before it starts."""

from __future__ import annotations

import json
import math
import sys
import types
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper as HydraSweeper

from ganlab.commands.launch.job import score_of
from ganlab.commands.launch.training_run import Outcome
from ganlab.commands.sweep.sweeper import Sweeper
from ganlab.commands.train import main
from tests.conftest import TINY_OVERRIDES

SCORED = ["evaluation=scores", "evaluation.features.name=pixels", "evaluation.images=20", "steps=20"]


class Trying(HydraSweeper):
    """Takes the two rates of an interval, as a search would, and keeps what the jobs return."""

    got: ClassVar[list[Any]] = []

    def __init__(self, direction: str) -> None:
        pass

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        self.launcher = Plugins.instance().instantiate_launcher(
            config=config, hydra_context=hydra_context, task_function=task_function
        )

    def sweep(self, arguments: list[str]) -> None:
        fixed = [one for one in arguments if "interval" not in one]
        jobs = [[*fixed, f"++optimizer.generator.lr={rate}"] for rate in ("1e-4", "1e38")]
        self.got.extend(job.return_value for job in self.launcher.launch(jobs, initial_job_idx=0))


@pytest.fixture
def searching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Trying, "__module__", "hydra_plugins.trying")
    Plugins.instance().register(Trying)
    # Hydra takes plugins from a package of this name alone
    package, module = types.ModuleType("hydra_plugins"), types.ModuleType("hydra_plugins.trying")
    package.__path__, package.trying, module.Trying = [], module, Trying  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, package.__name__, package)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    target = "hydra_plugins.trying.Trying"
    ConfigStore.instance().store(
        group="hydra/sweeper", name="trying", node={"_target_": target, "direction": "minimize"}, provider="test"
    )
    Trying.got.clear()
    return [
        "-m",
        *TINY_OVERRIDES,
        "hydra/sweeper=trying",
        "optimizer.generator.lr=interval(1e-4,1e38)",
        "hydra.sweep.dir=sweep",
    ]


def test_the_best_score_is_returned_and_infinity_for_a_run_that_diverged(searching: list[str]) -> None:
    assert main([*searching, *SCORED]) == 1
    score, worst = Trying.got
    statuses = [json.loads(file.read_text()) for file in sorted(Path("sweep").glob("*/status.json"))]
    assert [one["status"] for one in statuses] == ["finished", "diverged"]
    assert score == statuses[0]["best"]["score"]
    assert math.isfinite(score)
    assert worst == math.inf
    assert statuses[1]["steps"] == 20


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (
            [],
            "hydra/sweeper=trying: it chooses by the scores of the runs before, and evaluation=none makes none; type evaluation=scores",
        ),
        (["evaluation=scores,none"], "type evaluation=scores"),
        ([*SCORED, "hydra.sweeper.direction=maximize"], "lower is better"),
        (
            ["hydra/launcher=joblib"],
            "hydra/launcher=joblib: it is not installed; type pip install 'ganlab-train[joblib]'",
        ),
        (["hydra/sweeper=ax"], "hydra/sweeper=ax: it is not installed; type pip install hydra-ax-sweeper"),
    ],
)
def test_a_search_that_cannot_work_is_refused(
    typed: list[str], told: str, searching: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*searching, *typed]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert "Traceback" not in said
    assert not Path("sweep").exists()


def test_directions() -> None:
    for fits in (None, "minimize", "Direction.minimize", ["minimize"]):
        assert Sweeper("optuna", fits).problems() == []
    assert "has 2 entries" in Sweeper("optuna", ["minimize", "maximize"]).problems()[0]
    assert Sweeper("basic", "maximize").problems() == []


def test_scores() -> None:
    best = {"best": {"score": 3.5}}
    assert score_of(Outcome("finished", "", best)) == 3.5
    for outcome in (Outcome("finished"), Outcome("diverged", "", best), Outcome("refused"), Outcome("failed")):
        assert score_of(outcome) == math.inf
