"""Verdicts while training: they are told everywhere, they can end a run or let it go back, and they survive a stop."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ganlab.commands.launch.training_run import train
from ganlab.config import CannotCombine
from ganlab.diagnosis.verdicts import replay
from ganlab.errors import Diagnosed
from ganlab.monitor.dashboard.charts import chart_of
from ganlab.run_folder import RunFolder
from ganlab.training import checkpoint
from ganlab.training.observer import Observer
from ganlab.training.trainer import Trainer
from ganlab.training.verdicts import Verdict
from tests.conftest import tiny

Make = Callable[..., Trainer]
STUCK: dict[str, Any] = {
    "optimizer": {name: {"name": "adam", "lr": 1e-9} for name in ("generator", "discriminator")},
    "logging": {"every": 1},
    "steps": 12,
    "diagnosis": {"name": "default", "verdicts": {"images": 0, "warm_up": 0.0}},
}
"""A run of milliseconds that does not learn, and is said not to from its fifth step on."""


def stuck(**more: Any) -> dict[str, Any]:
    diagnosis = {**STUCK["diagnosis"], **more.pop("diagnosis", {})}
    return {**STUCK, "diagnosis": diagnosis, **more}


class Heard(Observer):
    def __init__(self) -> None:
        self.told: list[tuple[int, list[str]]] = []
        self.tags: list[dict[str, float]] = []
        self.back: list[int] = []

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        self.tags.append({tag: value for tag, value in values.items() if tag.startswith("diagnosis/verdict")})

    def diagnosed(self, step: int, verdicts: Sequence[Verdict]) -> None:
        self.told.append((step, [one.key for one in verdicts]))

    def rolled_back(self, step: int) -> None:
        self.back.append(step)


def test_a_run_that_does_not_learn_is_told_everywhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "ganlab")
    outcome = train(tiny(**stuck()), RunFolder(tmp_path))
    assert outcome.status == "finished"
    names = {(one["name"], one["network"]) for one in outcome.facts["verdicts"]}
    assert {("no_learning", "generator"), ("no_learning", "discriminator")} <= names
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    tag = "diagnosis/verdict/no_learning/generator"
    assert [row.get(tag) for row in rows][-1] == 1.0
    assert rows[0]["diagnosis/verdicts"] == 0.0
    given = next(row["step"] for row in rows if row.get(tag) == 1.0)
    assert any(f"note: step {given}: no learning of the generator since step" in one for one in caplog.messages)
    assert any(one.startswith("Verdicts: no learning of the generator since step") for one in caplog.messages)
    running = replay(rows, [], RunFolder(tmp_path).load_config())
    assert [one.plain() for one in running] == json.loads(json.dumps(outcome.facts["verdicts"])), (
        "as read from its files"
    )
    events = b"".join(path.read_bytes() for path in tmp_path.glob("events.*"))
    assert b"no learning of the generator" in events
    assert chart_of(tag).tag.encode() in events
    assert "optimizer.generator.lr=0.0002" in str(outcome.facts["verdicts"])


def test_no_diagnosis_tells_nothing(make_trainer: Make) -> None:
    heard = Heard()
    make_trainer((heard,), **{**STUCK, "diagnosis": "none"}).run()
    assert heard.told == []
    assert not any(heard.tags)


def test_a_stop_keeps_the_weights_and_says_why(make_trainer: Make, tmp_path: Path) -> None:
    heard = Heard()
    trainer = make_trainer((heard,), **stuck(diagnosis={"on_verdict": "stop"}))
    with pytest.raises(
        Diagnosed, match=r"no learning of the generator since step 1: .* Its weights were saved"
    ) as error:
        trainer.run()
    step = heard.told[0][0]
    assert error.value.step == trainer.step == step < 12
    _, state = checkpoint.newest(tmp_path / "checkpoints")
    assert state["step"] == step
    again = make_trainer(**stuck(diagnosis={"on_verdict": "stop"}))
    again.restore(state)
    again.run()
    assert again.step == 12, "it is told once: a person who goes on knows of it"


def test_the_status_of_a_run_that_a_verdict_ended(tmp_path: Path) -> None:
    outcome = train(tiny(**stuck(diagnosis={"on_verdict": "stop"})), RunFolder(tmp_path))
    assert outcome.status == "diagnosed"
    assert outcome.facts["steps"] < 12
    assert outcome.facts["images"] == 8 * outcome.facts["steps"]
    assert json.loads((tmp_path / "status.json").read_text())["verdicts"], "told while it was running"


def test_going_back_lowers_the_rates_and_ends_after_so_many_times(make_trainer: Make, tmp_path: Path) -> None:
    heard = Heard()
    trainer = make_trainer(
        (heard,),
        **stuck(diagnosis={"on_verdict": "rollback"}, divergence={"name": "rollback", "times": 2, "rate": 0.5}),
    )
    with pytest.raises(Diagnosed, match="Training had gone back 2 times"):
        trainer.run()
    assert heard.back == [0, 0]
    assert trainer.generator.rate_factor == trainer.discriminator.rate_factor == 0.25


def test_going_back_needs_a_policy() -> None:
    with pytest.raises(CannotCombine, match="type divergence=rollback too"):
        tiny(**stuck(diagnosis={"on_verdict": "rollback"}))


@pytest.mark.parametrize("at", [3, 5, 8])
def test_a_stop_anywhere_changes_nothing(at: int, make_trainer: Make, tmp_path: Path) -> None:
    def begun(name: str) -> tuple[Trainer, Heard]:
        heard = Heard()
        return make_trainer((heard,), folder=tmp_path / name, **stuck(checkpoint={"every": 1, "keep": 20})), heard

    (tmp_path / "whole").mkdir()
    (tmp_path / "part").mkdir()
    whole, all_heard = begun("whole")
    whole.run()
    part, heard = begun("part")
    part.restore(_state(tmp_path / "whole", at))
    part.run()
    assert part.verdicts.state() == whole.verdicts.state()
    assert [one for one in all_heard.told if one[0] > at] == heard.told
    assert all_heard.tags[at:] == heard.tags


def _state(folder: Path, step: int) -> dict[str, Any]:
    from ganlab.tree_file import read

    return read(folder / "checkpoints" / f"step-{step:07d}.safetensors")


def test_the_checkpoint_before_a_verdict_is_kept(make_trainer: Make, tmp_path: Path) -> None:
    """A branch can begin there."""

    late = {"verdicts": {"images": 0, "warm_up": 0.4}}
    trainer = make_trainer(**stuck(checkpoint={"every": 2, "keep": 1}, steps=20, diagnosis=late))
    trainer.run()
    first = trainer.verdicts.earliest
    assert first is not None
    kept = [int(path.stem.removeprefix("step-")) for path in checkpoint.numbered(tmp_path / "checkpoints")]
    assert [step for step in kept if step <= first] == [first // 2 * 2]
    assert len(kept) == 2


def test_a_judge_that_fails_does_not_end_training(make_trainer: Make, caplog: pytest.LogCaptureFixture) -> None:
    trainer = make_trainer(**stuck())
    trainer.verdicts.judge.row = None  # type: ignore[union-attr, method-assign, assignment]
    trainer.run()
    assert trainer.step == 12
    assert sum("verdicts failed (TypeError" in one for one in caplog.messages) == 1
