"""How verdicts begin, last and end: persistence, the first part of training, state, and scores."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ganlab.diagnosis.verdicts import Judge, VerdictSettings, judged, replay
from tests.diagnosis.verdicts.rows import SETTINGS, changed, rows

COLLAPSED = {"diagnosis/distance": lambda i: 0.1 if 20 <= i < 35 else 0.95}
SETTING = VerdictSettings()


def names(found: Any) -> list[str]:
    return [one.name for one in found]


def test_it_begins_after_so_many_rows_and_ends_after_as_many() -> None:
    """The level is the median of three rows, so that the condition holds one row late and ends one row late."""
    judge = Judge(SETTING, SETTINGS)
    began = ended = None
    for row in rows(COLLAPSED):
        changes = judge.row(row)
        began = row["step"] if "mode_collapse" in names(changes.began) else began
        ended = row["step"] if "mode_collapse" in names(changes.ended) else ended
    (verdict,) = [one for one in judge.all if one.name == "mode_collapse"]
    first = (21 + 1) * 20
    points = SETTING.mode_collapse.points
    assert (verdict.since, verdict.given) == (first, began) == (first, first + 20 * (points - 1))
    assert (verdict.until, ended) == ((35 + 1) * 20, (35 + 1 + points) * 20)
    assert verdict.points == 15
    assert verdict.images == (verdict.until - verdict.since) * 32
    assert not verdict.lasting
    assert judge.verdicts == ()


@pytest.mark.parametrize("length", [1, 2])
def test_a_few_rows_are_no_verdict(length: int) -> None:
    strange = {"diagnosis/distance": lambda i: 0.0 if 20 <= i < 20 + length else 0.95}
    assert replay(rows(strange), [], SETTINGS) == []


def test_a_row_between_does_not_end_it() -> None:
    gap = {"diagnosis/distance": lambda i: 0.95 if i < 20 or 30 <= i < 32 else 0.1}
    (verdict,) = [one for one in replay(rows(gap), [], SETTINGS) if one.name == "mode_collapse"]
    assert verdict.lasting


def test_frequent_rows_are_not_hasty() -> None:
    """The condition must hold for a number of images too."""
    every = rows({"diagnosis/distance": lambda i: 0.1 if i >= 200 else 0.95}, count=1000, every=1)
    (verdict,) = [one for one in replay(every, [], SETTINGS) if one.name == "mode_collapse"]
    assert verdict.given - verdict.since == -(-SETTING.images // 32)
    short = changed(SETTINGS, {"steps": 100})
    early = [row for row in every if row["step"] > 200][:100]
    (verdict,) = [one for one in replay(early, [], short) if one.name == "mode_collapse"]
    assert verdict.given - verdict.since == SETTING.part * 100, "of a short run a part of it"


def test_the_first_part_of_training_is_excused() -> None:
    early = {"diagnosis/distance": lambda i: 0.1 if i < 5 else 0.95, "generator/blocked": lambda i: float(i < 5)}
    found = replay(rows(early), [], SETTINGS)
    assert names(found) == ["divergence"]
    assert found[0].given == 20
    at_once = replace(SETTING, warm_up=0.0, mode_collapse=replace(SETTING.mode_collapse, begins=0.0))
    assert "mode_collapse" not in names(replay(rows(early), [], SETTINGS, replace(SETTING, warm_up=0.0)))
    assert "mode_collapse" in names(replay(rows(early), [], SETTINGS, at_once))
    long = changed(SETTINGS, {"steps": 1_000_000})
    lasting = rows({"diagnosis/distance": 0.1}, count=200)
    assert replay(lasting, [], long)[0].since > SETTING.warm_up_images / 32
    assert replay(lasting, [], long, replace(SETTING, warm_up_images=640))[0].since == 80


def test_rows_without_images_are_judged_by_steps() -> None:
    found = replay([{k: v for k, v in row.items() if k != "progress/images"} for row in rows(COLLAPSED)], [], SETTINGS)
    assert [one.images for one in found if one.name == "mode_collapse"] == [None]


def test_a_signal_that_some_rows_lack_counts_where_it_is() -> None:
    every_fifth = {"diagnosis/distance": lambda i: 0.1 if i % 5 == 0 else None, "diagnosis/contrast": None}
    (verdict,) = [one for one in replay(rows(every_fifth), [], SETTINGS) if one.name == "mode_collapse"]
    assert verdict.since == 320, "from the fourth measurement on: whether it grows"
    assert verdict.given == 420, "the next one confirms it: the rows between say nothing against it"


@pytest.mark.parametrize("at", [1, 22, 23, 24, 30, 37, 38, 49])
def test_a_stop_anywhere_changes_nothing(at: int) -> None:
    every = rows(COLLAPSED)
    whole = judged(every, [], SETTINGS)
    first, second = Judge(SETTING, SETTINGS), Judge(SETTING, SETTINGS)
    for row in every[:at]:
        first.row(row)
    second.restore(json.loads(json.dumps(first.state())))
    for row in every[at:]:
        second.row(row)
    assert second.all == whole.all
    assert second.state() == whole.state()


def test_rows_of_a_file_give_the_verdicts_of_the_training() -> None:
    """A number that is not finite is null there, and values of verdicts are among the rows."""
    told = rows({**COLLAPSED, "generator/loss": lambda i: float("nan") if i == 3 else 1.0})
    written = [{**row, "diagnosis/verdict/mode_collapse": 1.0} for row in told]
    written[3]["generator/loss"] = None
    ours, theirs = judged(told, [], SETTINGS), judged(written, [], SETTINGS)
    assert ours.state() == theirs.state()


def test_scores_of_few_modes_and_of_a_divergence() -> None:
    def scores(values: list[dict[str, float]], **more: Any) -> list[dict[str, Any]]:
        return [{"step": 200 * (i + 1), "scores": value, "id": "x", **more} for i, value in enumerate(values)]

    def found(every: list[dict[str, Any]], settings: Any = SETTINGS) -> list[str]:
        return names(replay(rows(), every, settings))

    few = [{"modes": 3.0}] * 4
    assert found(scores(few, histogram=[0] * 10, fingerprint={"images": 500})) == ["partial_collapse"]
    assert found(scores(few)) == [], "how many modes there are is not known"
    assert found(scores(few), changed(SETTINGS, {"data": {"name": "ring", "modes": 8}})) == ["partial_collapse"]
    growing = [{"modes": 2.0 + i} for i in range(4)]
    assert found(scores(growing, histogram=[0] * 10)) == [], "it still finds modes"
    assert found(scores([{"recall": 0.01, "precision": 0.9}] * 3)) == ["partial_collapse"]
    assert found(scores([{"fid": 10.0}, {"fid": 40.0}, {"fid": 50.0}])) == ["divergence"]
    assert found(scores([{"fid": 10.0}, {"fid": 40.0}, {"fid": 12.0}])) == []
    of_points = changed(SETTINGS, {"data": {"name": "ring"}})
    assert found(scores([{"fid": 0.01}, {"fid": 0.04}, {"fid": 0.05}]), of_points) == [], "near 0 it says nothing"
    assert found([{**one, "checkpoint": "final"} for one in scores(few, histogram=[0] * 10)]) == [], "of evaluate"


def test_thresholds_are_those_of_the_run() -> None:
    own = changed(SETTINGS, {"diagnosis.verdicts.mode_collapse.distance": 0.05})
    assert "mode_collapse" not in names(replay(rows(COLLAPSED), [], own))


def test_an_old_state_without_a_detector_is_restored() -> None:
    judge, state = Judge(SETTING, SETTINGS), judged(rows(COLLAPSED), [], SETTINGS).state()
    state["watches"] = [{**one, "name": "gone"} for one in state["watches"]]
    judge.restore(state)
    assert judge.verdicts == ()
    assert judge.history.step == 1000
