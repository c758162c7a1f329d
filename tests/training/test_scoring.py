"""Scores of a training: when, what is remembered and kept, and that they change nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ganlab import tree_file
from ganlab.errors import UserError
from ganlab.monitor import Files, TensorBoard
from ganlab.training import checkpoint
from ganlab.training.observer import Observer, Scores
from ganlab.training.scoring import Scorer
from ganlab.training.trainer import Trainer
from tests.training.test_trainer import assert_same_state

Make = Callable[..., Trainer]


@dataclass
class Given:
    """Scores that were decided beforehand."""

    value: float
    id: str = "pixels-0000"

    @property
    def values(self) -> Mapping[str, float]:
        return {"fid": self.value, "recall": 0.5}

    def row(self) -> dict[str, Any]:
        return {"scores": dict(self.values), "id": self.id}


@dataclass
class Decided:
    """Judge and settings in one: a score a time, and what it was shown."""

    scores: list[float | Given | UserError]
    every: int = 2
    images: int = 100
    best: str = "fid"
    diverged: float = 2.0
    shown: list[Tensor] = field(default_factory=list)
    weights: list[str] = field(default_factory=list)

    def score(self, fakes: Iterable[Tensor], *, weights: str) -> Scores:
        self.shown.append(torch.cat(list(fakes)))
        self.weights.append(weights)
        next_one = self.scores.pop(0)
        if isinstance(next_one, UserError):
            raise next_one
        return next_one if isinstance(next_one, Given) else Given(next_one)


def deciding(*scores: float | Given | UserError) -> Scorer:
    decided = Decided(list(scores))
    return Scorer(decided, decided)


class Listener(Observer):
    def __init__(self) -> None:
        self.heard: list[tuple[int, float, dict[str, Any]]] = []

    def scored(self, step: int, scores: Scores, best: Mapping[str, Any]) -> None:
        self.heard.append((step, scores.values["fid"], dict(best)))


def test_scores_come_at_their_steps_and_at_the_last(make_trainer: Make, tmp_path: Path) -> None:
    trainer = make_trainer((listener := Listener(),), steps=5)
    decided = Decided([3.0, 1.0, 2.5])
    trainer.scorer = Scorer(decided, decided)
    trainer.run()
    assert [(step, value) for step, value, _ in listener.heard] == [(2, 3.0), (4, 1.0), (5, 2.5)]
    assert all(shown.shape == (100, 1, 16, 16) for shown in decided.shown)
    assert decided.weights == ["network"] * 3
    assert listener.heard[-1][2] == {"score": 1.0, "step": 4, "id": "pixels-0000", "last": 2.5, "left": 5}
    kept = tree_file.read(tmp_path / "checkpoints" / "best.safetensors")
    assert kept["step"] == 4
    assert kept["best"]["score"] == 1.0
    assert checkpoint.newest(tmp_path / "checkpoints")[1]["step"] == 5  # the best one is not where a run goes on


def bests(scorer: Scorer, *steps: int) -> list[dict[str, Any]]:
    """What is remembered after each of the steps."""
    found = []
    for step in steps:
        assert scorer.score(step, lambda count: [torch.zeros(count, 1, 2, 2)], "network") is not None
        assert scorer.best is not None
        found.append(scorer.best)
    return found


def test_it_is_time_at_every_so_many_steps_and_at_the_last() -> None:
    assert [step for step in range(1, 8) if deciding().due(step, done=step == 7)] == [2, 4, 6, 7]
    assert not any(Scorer().due(step, done=step == 7) for step in range(1, 8))


def test_a_run_has_left_its_best_once() -> None:
    found = bests(deciding(1.0, 1.9, 2.1, 5.0, 0.5), 2, 4, 6, 8, 10)
    assert [best["left"] for best in found] == [None, None, 6, 6, None]
    assert [best["step"] for best in found] == [2, 2, 2, 2, 10]


def test_scores_that_mean_something_else_do_not_compete() -> None:
    """After a resume with other features, say."""
    found = bests(deciding(Given(1.0), Given(7.0, "classifier-1111")), 2, 4)
    assert [best["step"] for best in found] == [2, 4]


def test_the_average_is_scored_where_one_is_kept(make_trainer: Make) -> None:
    trainer = make_trainer(steps=2, averaging="ema")
    decided = Decided([1.0])
    trainer.scorer = Scorer(decided, decided)
    trainer.run()
    assert decided.weights == ["average"]
    learner = trainer.generator
    assert learner.average is not None
    for network, same in ((learner.average.network, True), (learner.network, False)):
        learner.network, learner.average = network, None
        assert torch.equal(decided.shown[0], torch.cat(list(trainer.sampler.fakes(100)))) is same


@pytest.mark.parametrize("changes", [{}, {"condition": "projection"}, {"averaging": "ema"}])
def test_being_scored_changes_nothing(changes: dict[str, Any], make_trainer: Make, tmp_path: Path) -> None:
    watched = make_trainer(folder=tmp_path / "a", steps=4, **changes)
    watched.scorer = deciding(2.0, 1.0)
    alone = make_trainer(folder=tmp_path / "b", steps=4, **changes)
    for trainer in (watched, alone):
        trainer.run()
    watched.scorer.best = None
    assert_same_state(watched, alone, apart="verdicts")  # they have read the scores


def test_the_best_survives_a_resume(make_trainer: Make, tmp_path: Path) -> None:
    first = make_trainer(steps=4, checkpoint={"every": 2})
    first.steps = 2
    first.scorer = deciding(1.0)
    first.run()
    second = make_trainer((listener := Listener(),), steps=4, checkpoint={"every": 2})
    second.scorer = deciding(1.5)
    second.restore(checkpoint.newest(tmp_path / "checkpoints")[1])
    second.run()
    assert listener.heard[-1][2]["step"] == 2
    assert tree_file.read(tmp_path / "checkpoints" / "best.safetensors")["step"] == 2


def test_a_part_of_a_run_that_is_not_scored_keeps_the_best(make_trainer: Make) -> None:
    scored, unscored = make_trainer(steps=2), make_trainer(steps=4)
    scored.scorer = deciding(1.0)
    scored.run()
    unscored.restore(scored.state())
    unscored.run()
    assert unscored.state()["best"] == {"score": 1.0, "step": 2, "id": "pixels-0000", "last": 1.0, "left": None}


def test_samples_that_cannot_be_scored_do_not_end_the_training(
    make_trainer: Make, caplog: pytest.LogCaptureFixture
) -> None:
    trainer = make_trainer((listener := Listener(),), steps=4)
    trainer.scorer = deciding(UserError("the images hold NaN"), 1.0)
    trainer.run()
    assert trainer.step == 4
    assert [step for step, *_ in listener.heard] == [4]
    assert "step 2 was not scored: the images hold NaN" in caplog.text


def test_real_scores_are_kept_and_shown_by_what_they_mean(make_trainer: Make, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    scores = {"name": "scores", "every": 2, "images": 20, "features": "pixels"}
    make_trainer((Files(tmp_path), TensorBoard(tmp_path, "")), steps=4, evaluation=scores).run()
    rows = [json.loads(line) for line in (tmp_path / "scores.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4]
    facts = rows[0]["fingerprint"]
    assert (facts["features"], facts["images"], facts["reals"], facts["split"]) == ("pixels", 20, 64, "train")
    assert (facts["weights"], facts["batch_norm"], facts["dtype"]) == ("network", "running statistics", "float32")
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    shown = events.Scalars(f"2 losses and scores/score FID, {rows[0]['id']}")
    assert [event.step for event in shown] == [2, 4]
    assert shown[1].value == pytest.approx(rows[1]["scores"]["fid"], rel=1e-5)


def test_rows_after_the_checkpoint_are_cut_off(tmp_path: Path) -> None:
    (tmp_path / "scores.jsonl").write_text('{"step": 2}\n{"step": 4}\n')
    files = Files(tmp_path)
    files.started(2, 8)
    files.scored(3, Given(1.0), {})
    files.closed()
    assert [json.loads(line)["step"] for line in (tmp_path / "scores.jsonl").read_text().splitlines()] == [2, 3]
