"""The contract of observers, checked for every observer in the table, and what their errors do."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ganlab.commands.launch.training_run import train
from ganlab.commands.train import main
from ganlab.config.compose import composer
from ganlab.config.parse import parse
from ganlab.config.settings import Settings
from ganlab.errors import Refused, UserError
from ganlab.monitor import OBSERVERS
from ganlab.run_folder import RunFolder
from ganlab.training.observer import ObservedRun, Observer, ObserverSetting, Samples
from ganlab.training.observers import Observers, build_observers
from tests.conftest import TINY_OVERRIDES, tiny


@dataclass(frozen=True)
class FakeScores:
    values: Mapping[str, float]
    id: str = "abc"

    def row(self) -> dict[str, Any]:
        return {"scores": dict(self.values), "id": self.id, "fingerprint": {}}


SCORED_RUN = [
    *TINY_OVERRIDES, "logging.every=1", "evaluation=scores", "evaluation.images=32", "evaluation.features=pixels",
    "hydra.run.dir=run",
]  # fmt: skip
"""A training of two steps that has a row for each, pictures and scores, as it is typed."""


def notify(observer: Observer, first: int, last: int) -> None:
    """The events of the steps after ``first`` up to ``last``; step 3 alone has a tag of its own."""
    for step in range(first + 1, last + 1):
        observer.stepped(step)
        extra = {"discriminator/rare": 0.5} if step == 3 else {}
        observer.logged(step, {"progress/images_per_second": 1.0, "generator/loss": step / 3, **extra})
        observer.sampled(step, Samples({"generator": torch.full((4, 1, 3, 3), step / 10)}))
        observer.scored(step, FakeScores({"fid": 1.0 / step}), {"score": 1.0, "step": step, "left": None})


def content(folder: Path) -> dict[str, Any]:
    """The records in a folder: all files byte for byte; of TensorBoard, whose files only grow, what it shows."""
    found: dict[str, Any] = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "tfevents" not in path.name
    }
    if any(folder.glob("*tfevents*")):
        events = EventAccumulator(str(folder), size_guidance={"images": 0, "scalars": 0})
        events.Reload()
        for tag in events.Tags()["scalars"]:
            found[tag] = [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["images"]:
            found[tag] = [(event.step, event.encoded_image_string) for event in events.Images(tag)]
    return found


SERVICES = ("mlflow", "wandb")  # which delete nothing: test_mlflow_run.py and test_wandb_run.py


@pytest.mark.parametrize("name", [name for name in OBSERVERS if name not in SERVICES])
def test_a_run_that_went_back_leaves_the_record_of_one_that_never_did(name: str, tmp_path: Path) -> None:
    """Within a process, by ``rolled_back``; after a kill, by ``started`` with the checkpoint's step."""

    def built(folder: str) -> Observer:
        (tmp_path / folder).mkdir(exist_ok=True)
        return OBSERVERS[name]().build(ObservedRun(tmp_path / folder, {"seed": 0}, ("a", "b"), "seed: 0"))

    straight, back, killed, resumed = built("straight"), built("back"), built("killed"), built("killed")
    straight.started(0, 6)
    notify(straight, 0, 6)
    back.started(0, 6)
    notify(back, 0, 4)
    back.rolled_back(2)
    notify(back, 2, 6)
    killed.started(0, 6)
    notify(killed, 0, 4)
    killed.flush()  # and nothing more
    resumed.started(2, 6)
    notify(resumed, 2, 6)
    for observer in (straight, back, resumed):
        observer.flush()
        observer.closed()
    assert content(tmp_path / "back") == content(tmp_path / "straight")
    assert content(tmp_path / "killed") == content(tmp_path / "straight")
    assert name == "progress" or content(tmp_path / "straight")


# ------------------------------------------------------------------------------------------------- what their errors do


class Failing(Observer):
    """Fails at its first log point."""

    def __init__(self, error: Exception) -> None:
        self.error, self.calls, self.closings = error, 0, 0

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        self.calls += 1
        raise self.error

    def closed(self) -> None:
        self.closings += 1


def test_an_observer_with_an_error_is_left_out_and_training_goes_on(
    make_trainer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    broken, full = Failing(KeyError("loss")), Failing(OSError("disk full"))
    trainer = make_trainer(observers=(broken, full), steps=3, logging={"every": 1})
    trainer.run()
    assert trainer.step == 3
    assert (broken.calls, full.calls) == (1, 3)
    assert broken.closings == full.closings == 1
    notes = [record.getMessage() for record in caplog.records if "Failing" in record.getMessage()]
    assert notes[:2] == [
        "note: the observer Failing failed (KeyError: 'loss') and is left out; training goes on",
        "note: Failing could not be written (disk full); training goes on",
    ]


def test_errors_at_the_start(caplog: pytest.LogCaptureFixture) -> None:
    class Starting(Observer):
        def __init__(self, error: Exception) -> None:
            self.error = error

        def started(self, step: int, steps: int) -> None:
            raise self.error

    for error in (OSError("read-only"), UserError("needs a package")):
        with pytest.raises(type(error)):
            Observers([Starting(error)]).start(0, 1)
    observers = Observers([Starting(ZeroDivisionError("by zero")), Observer()])
    observers.start(0, 1)
    assert len(list(observers)) == 1
    assert "Starting failed (ZeroDivisionError: by zero)" in caplog.text


def test_one_that_cannot_be_built_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Unbuildable(ObserverSetting):
        def build(self, run: ObservedRun) -> Observer:
            raise RuntimeError("no port")

    built = build_observers({"remote": Unbuildable(), "csv": OBSERVERS["csv"]()}, ObservedRun(tmp_path))
    assert [type(one).__name__ for one in built] == ["CSV"]
    assert "the observer remote failed (RuntimeError: no port)" in caplog.text


# -------------------------------------------------------------------------------------------------- how they are chosen


def chosen(*typed: str) -> list[str]:
    with composer() as composing:
        settings = parse(Settings, composing.plain(composing.rewrite(composing.read(typed))))
    return list(settings.logging.chosen_observers)


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ([], ["files", "tensorboard", "progress"]),
        (["logging.observers=[csv,files]"], ["csv", "files"]),
        (["logging.observers=csv"], ["csv"]),
        (["logging.observers=[]"], []),
        (["logging.observers.csv={}"], ["files", "tensorboard", "progress", "csv"]),
        (["logging.observers.tensorboard=null"], ["files", "progress"]),
        (["~logging.observers.tensorboard"], ["files", "progress"]),
        (["logging.observers.wandb.mode=offline"], ["files", "tensorboard", "progress", "wandb"]),
        (["logging.progress=none"], ["files", "tensorboard"]),
        (["logging.progress=false"], ["files", "tensorboard"]),
        (["logging.progress=false", "logging.observers=[progress,csv]"], ["csv"]),
    ],
)
def test_what_is_typed_chooses_them(typed: list[str], names: list[str]) -> None:
    assert chosen(*typed) == names


def test_each_job_of_a_sweep_has_its_own() -> None:
    with composer() as composing:
        jobs = composing.jobs(composing.rewrite(composing.read(["logging.observers=[csv],[files,csv]"])))
        found = [list(parse(Settings, composing.plain(job)).logging.observers) for job in jobs]
    assert found == [["csv"], ["files", "csv"]]


def test_a_misspelt_name_is_told_with_the_right_one() -> None:
    with pytest.raises(Refused, match=r"logging.observers=cvs: no such option; did you mean logging.observers=csv\?"):
        chosen("logging.observers=[cvs]")


def test_a_plugins_observer_gets_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    met: list[Any] = []

    @dataclass(frozen=True)
    class Collecting(ObserverSetting):
        digits: int = 3

        def build(self, run: ObservedRun) -> Observer:
            met.extend([self.digits, run])
            return Observer()

    monkeypatch.setitem(OBSERVERS._components, "collecting", Collecting)
    observers = {"collecting": {"digits": 1}}
    train(tiny(steps=1, logging={"observers": observers}), RunFolder(tmp_path))
    digits, run = met
    assert digits == 1
    assert run.folder == tmp_path
    assert run.settings["logging"]["observers"] == observers
    assert run.settings["batch_size"] == 8
    assert run.class_names == tuple("0123456789")
    assert "batch_size: 8" in run.text
    assert not (tmp_path / "metrics.jsonl").exists()


def test_no_observers_at_all(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        train(tiny(steps=1, logging={"observers": []}), RunFolder(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoints", "config.yaml", "status.json"}
    assert "Samples" not in caplog.text
    assert "tensorboard" not in caplog.text


def test_the_observer_of_the_docs_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file in docs/observers.md, as it stands there; over a resume it repeats no row."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "observers.md").read_text(encoding="utf-8")
    (tmp_path / "loss_file.py").write_text(page.split("```python\n")[1].split("```")[0])
    monkeypatch.setattr(OBSERVERS, "_components", dict(OBSERVERS._components))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "loss_file", raising=False)
    chosen = [
        "plugins=[loss_file]",
        "logging.every=1",
        "logging.observers=[loss_file]",
        "logging.observers.loss_file.digits=2",
    ]
    assert main([*TINY_OVERRIDES, "steps=3", *chosen, "hydra.run.dir=run"]) == 0
    with (tmp_path / "run" / "losses.txt").open("a") as file:
        file.write("4 0.77\n")  # of a step after the last checkpoint
    assert main(["resume=run", "steps=5", "plugins=[loss_file]"]) == 0
    rows = [row.split() for row in (tmp_path / "run" / "losses.txt").read_text().splitlines()]
    assert [int(step) for step, _ in rows] == [1, 2, 3, 4, 5]
    assert all(len(loss.partition(".")[2]) == 2 for _, loss in rows)
    monkeypatch.delitem(sys.modules, "loss_file", raising=False)
