"""The observer of MLflow, with a real file store."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from ganlab.commands.launch.training_run import train
from ganlab.commands.train import main
from ganlab.errors import UserError
from ganlab.monitor import OBSERVERS, mlflow_run, tracked_run
from ganlab.run_folder import RunFolder
from ganlab.training.observer import ObservedRun, Samples
from tests.conftest import TINY_OVERRIDES, tiny
from tests.monitor.test_observers import SCORED_RUN, FakeScores

try:
    import mlflow
except ImportError:
    mlflow = None

needs_mlflow = pytest.mark.skipif(mlflow is None, reason="needs MLflow: pip install mlflow-skinny")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    return (tmp_path / "store").as_uri()


def runs(store: str, experiment: str = "ganlab") -> list[Any]:
    client = mlflow.MlflowClient(store)
    return client.search_runs([client.get_experiment_by_name(experiment).experiment_id])


def history(store: str, run: Any, tag: str) -> list[tuple[int, float]]:
    found = mlflow.MlflowClient(store).get_metric_history(run.info.run_id, tag)
    return [(one.step, one.value) for one in found]


@needs_mlflow
@pytest.mark.slow
def test_a_training_and_its_resume_are_one_run(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    typed = [f"logging.observers.mlflow.uri={store}", "logging.observers.mlflow.experiment=tiny"]
    assert main([*SCORED_RUN, *typed]) == 0
    (run,) = runs(store, "tiny")
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "run"
    assert run.data.tags["ganlab.folder"] == str(tmp_path / "run")
    assert run.data.params["generator.width"] == "4"
    assert run.data.params["data.name"] == "digits"
    assert main(["resume=run", "steps=4"]) == 0
    (run,) = runs(store, "tiny")
    assert run.data.tags["ganlab.attempts"] == "[0, 2]"
    rows = [json.loads(row) for row in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert history(store, run, "generator/loss") == [(row["step"], row["generator/loss"]) for row in rows]
    assert history(store, run, "progress/attempt") == [(1, 0.0), (2, 0.0), (3, 1.0), (4, 1.0)]
    scores = [json.loads(row) for row in (tmp_path / "run" / "scores.jsonl").read_text().splitlines()]
    assert history(store, run, f"scores/fid-{scores[0]['id']}") == [
        (row["step"], row["scores"]["fid"]) for row in scores
    ]
    assert run.data.metrics["scores/best"] == min(row["scores"]["fid"] for row in scores)
    folder = Path(run.info.artifact_uri.removeprefix("file://"))
    assert "steps: 4" in (folder / "config.yaml").read_text()
    pictures = {path.name.split("+timestamp")[0] for path in (folder / "images").glob("*.png")}
    assert {"samples~real+step+0", "samples~generator+step+0", "samples~generator+step+4"} <= pictures
    assert any(name.startswith("samples~filmstrip-generator") for name in pictures)


@needs_mlflow
def test_what_a_rollback_makes_void_is_marked(store: str, tmp_path: Path) -> None:
    observer = OBSERVERS["mlflow"](uri=store).build(ObservedRun(tmp_path, {"a": {"b": [1, 2]}, "c": None}, (), "a: 1"))
    observer.started(0, 6)
    for step in (1, 2, 3):
        observer.stepped(step)
        observer.logged(step, {"generator/loss": step / 3})
    observer.rolled_back(1)
    observer.stepped(2)
    observer.logged(2, {"generator/loss": math.nan})
    observer.scored(2, FakeScores({"fid": 4.0}), {"score": 3.0, "step": 1, "left": None})
    observer.diagnosed(2, [SimpleNamespace(title="mode collapse"), SimpleNamespace(title="no learning")])
    observer.closed()
    (run,) = runs(store)
    assert run.data.tags["ganlab.verdicts"] == "mode collapse, no learning"
    assert run.data.tags["ganlab.attempts"] == "[0, 1]"
    assert history(store, run, "progress/attempt") == [(1, 0.0), (2, 0.0), (3, 0.0), (2, 1.0)]
    assert math.isnan(history(store, run, "generator/loss")[-1][1])
    assert history(store, run, "scores/fid-abc") == [(2, 4.0)]
    assert run.info.status == "KILLED"  # it was stopped before step 6
    assert run.data.params == {"a.b": "[1, 2]", "c": "null"}


@needs_mlflow
def test_the_error_that_ends_a_training_fails_the_run(store: str, tmp_path: Path) -> None:
    observer = OBSERVERS["mlflow"](uri=store).build(ObservedRun(tmp_path))
    observer.started(0, 1)
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        observer.closed()
    assert runs(store)[0].info.status == "FAILED"


@needs_mlflow
def test_a_service_that_fails_ends_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody listens at the port; the notes say so."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    observers = {"files": {}, "mlflow": {"uri": "http://127.0.0.1:9"}}
    outcome = train(tiny(steps=3, logging={"every": 1, "observers": observers}), RunFolder(tmp_path))
    assert outcome.status == "finished"
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 3
    notes = [record.getMessage() for record in caplog.records if "MLflow" in record.getMessage()]
    assert notes[-1].endswith("records did not reach MLflow; the run folder has all of them")
    assert not (tmp_path / "mlflow.json").exists()


@needs_mlflow
def test_the_run_begins_when_the_service_comes_up(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganlab.monitor.outbox.PAUSE", 0.01)
    real, calls = mlflow.MlflowClient, []

    def flaky(uri: str) -> Any:
        calls.append(uri)
        if len(calls) < 3:
            raise mlflow.MlflowException("not yet")
        return real(uri)

    monkeypatch.setattr(mlflow, "MlflowClient", flaky)
    observer = OBSERVERS["mlflow"](uri=store).build(ObservedRun(tmp_path))
    observer.started(0, 1)
    try:
        observer.sampled(0, Samples({"generator": torch.zeros(1, 1, 4, 4)}))
    except OSError as error:
        assert str(error) == "not yet"  # noqa: PT017  whether it is raised depends on the thread
    with observer.outbox._changed:  # type: ignore[attr-defined]
        assert observer.outbox._changed.wait_for(lambda: len(calls) == 3, 60)  # type: ignore[attr-defined]
        assert observer.outbox._changed.wait_for(lambda: observer.outbox._error is None, 60)  # type: ignore[attr-defined]
    observer.closed()
    monkeypatch.setattr(mlflow, "MlflowClient", real)
    assert len(runs(store)) == 1


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_a_missing_package_is_refused_with_what_to_type(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tracked_run, "find_spec", lambda module: None)
    monkeypatch.chdir(tmp_path)
    assert main([*TINY_OVERRIDES, f"logging.observers=[files,{name}]", "hydra.run.dir=run"]) == 2
    said = capsys.readouterr().err
    assert f"the package {name} is not installed; type pip install 'ganlab-train[{name}]'" in said
    assert not (tmp_path / "run").exists()
    with pytest.raises(UserError, match="not installed"):
        OBSERVERS[name]().build(ObservedRun(tmp_path))


def test_a_run_of_a_sweep_names_it(tmp_path: Path) -> None:
    (tmp_path / "swept" / "0-a").mkdir(parents=True)
    assert tracked_run.sweep_of(tmp_path / "swept" / "0-a") is None
    (tmp_path / "swept" / "sweep.json").touch()
    assert tracked_run.sweep_of(tmp_path / "swept" / "0-a") == "swept"


def test_parameters_are_cut_to_what_every_version_takes() -> None:
    assert mlflow_run.LONGEST == 500
    assert dict(tracked_run.flat({"a": {"b": 1, "c": {}}, "d": [{"e": 0.5}]})) == {
        "a.b": "1",
        "a.c": "{}",
        "d": '[{"e": 0.5}]',
    }
