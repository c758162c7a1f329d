"""The collection of planted failures and healthy runs: its labels and halves, counting, export and tables."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.diagnosis_collection import judging, outcomes, tables
from benchmarks.diagnosis_collection.advice import Trial, advised, checkpoint_before
from benchmarks.diagnosis_collection.export import export
from benchmarks.diagnosis_collection.judging import Judged, count
from benchmarks.diagnosis_collection.kinds import BASES, SEEDS, VERDICTS, Kind, without_replaced
from benchmarks.diagnosis_collection.publish import PAGE, insert
from benchmarks.diagnosis_collection.runs import KINDS, Member, alone, members, settings_of
from ganlab.diagnosis.verdicts import NAMES, Advice, Verdict
from ganlab.errors import UserError

PLANTED = [kind for kind in KINDS if not kind.healthy]
HEALTHY = [kind for kind in KINDS if kind.healthy]
KIND = Kind("made", "digits", (), ("mode_collapse", "oscillation"), "It is made for a test.", "judging", 100)
GOOD = replace(KIND, name="good", accepted=("healthy",))


def verdict(name: str, given: int, *advice: Advice) -> Verdict:
    return Verdict(name, None, given, given, 100, None, 1, True, (), "", advice)


def judged(*verdicts: Verdict, kind: Kind = KIND, folder: Path = Path("none")) -> Judged:
    return Judged(Member(kind, 10, folder), verdicts)


def written(folder: Path, kind: Kind, fid: float, modes: int = 10, status: str = "finished") -> Member:
    folder.mkdir(parents=True)
    rows = [{"step": step, "progress/images": 32 * step, "generator/loss": 0.5} for step in (50, 100)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    scored: dict[str, Any] = {"step": 100, "scores": {"fid": fid, "modes": modes}, "id": "x"}
    (folder / "scores.jsonl").write_text(json.dumps(scored) + "\n")
    (folder / "status.json").write_text(json.dumps({"status": status}))
    return Member(kind, 10, folder)


def test_there_are_enough_kinds_with_names_of_their_own() -> None:
    assert len(PLANTED) >= 25
    assert len(HEALTHY) >= 15
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    assert {kind.base for kind in KINDS} == set(BASES)


def test_labels_are_names_of_verdicts() -> None:
    assert set(VERDICTS) == {*NAMES, "healthy"}
    for kind in PLANTED:
        assert kind.accepted
        assert set(kind.accepted) <= set(NAMES)
    assert all(kind.accepted == ("healthy",) for kind in HEALTHY)


def test_no_kind_and_no_seed_is_in_both_halves() -> None:
    assert not set(SEEDS["thresholds"]) & set(SEEDS["judging"])
    for half in ("thresholds", "judging"):
        assert sum(kind.half == half for kind in PLANTED) >= 12
        assert sum(kind.half == half for kind in HEALTHY) >= 15
        named = {name for kind in PLANTED if kind.half == half for name in kind.accepted}
        assert named == set(NAMES), "each verdict is right for a kind of either half"
    changed = {half: {kind.changes for kind in PLANTED if kind.half == half} for half in SEEDS}
    assert not changed["thresholds"] & changed["judging"], "no change that was seen judges"
    rows = members(Path("folder"))
    assert len({one.folder for one in rows}) == len(rows) == sum(len(kind.seeds) for kind in KINDS)


QUICK = (
    "g_rate_times_0.001",
    "relu_bias_minus_5",
    "eight_images",
    "deep_and_small_weights",
    "healthy_grid_relativistic",
)


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[] if kind.name in QUICK else pytest.mark.slow, id=kind.name) for kind in KINDS]
)
def test_every_kind_composes(kind: Kind) -> None:
    settings = settings_of(kind, 3).settings
    assert (settings.seed, settings.steps) == (3, kind.steps)


def test_a_later_setting_replaces_an_earlier_one_and_those_of_its_group() -> None:
    typed = ("generator=dcgan", "generator.width=8", "seed=1", "generator=mlp", "generator.hidden=[4]", "seed=2")
    assert without_replaced(typed) == ["generator=mlp", "generator.hidden=[4]", "seed=2"]


def test_only_an_accepted_verdict_within_the_first_half_is_a_hit() -> None:
    early, late = verdict("mode_collapse", 50), verdict("mode_collapse", 55)
    other = verdict("divergence", 10)
    assert judged(early).is_right(0.5)
    assert not judged(late).is_right(0.5)
    assert judged(late).is_right()
    assert not judged(other).is_right()
    assert judged(other, early).is_right(0.5)
    assert judged(kind=GOOD).is_right()
    assert not judged(late, kind=GOOD).is_right()
    found = count([judged(early), judged(other, late), judged(), judged(kind=GOOD), judged(late, kind=GOOD)])
    assert (found.in_time.count, found.at_all.count, found.first_right.count) == (1, 2, 1)
    assert found.in_time.of == 3
    assert (found.false_alarms.count, found.alarms_in_time.count, found.false_alarms.of) == (1, 0, 2)


def test_a_run_fails_by_its_score_or_by_missing_modes(tmp_path: Path) -> None:
    runs = [written(tmp_path / str(fid), GOOD, fid) for fid in (9.0, 10.0, 11.0)]
    references = outcomes.references(runs)
    assert references == {"digits": 10.0}
    assert all(outcomes.outcome(one, references).healthy for one in runs)
    cases = {"worse": (21.0, 10, True), "poor": (19.0, 8, False), "missing": (10.0, 6, True), "fine": (12.0, 9, False)}
    for name, (fid, modes, failed) in cases.items():
        found = outcomes.outcome(written(tmp_path / name, KIND, fid, modes), references)
        assert (found.failed, found.healthy) == (failed, name == "fine"), found
        assert outcomes.contradicts(Member(KIND, 10, tmp_path / name), references) is not failed
        assert outcomes.contradicts(Member(GOOD, 10, tmp_path / name), references) is (name != "fine")
    assert outcomes.outcome(written(tmp_path / "away", KIND, 10.0, status="diverged"), references).failed


def test_a_run_of_other_settings_is_trained_again(tmp_path: Path) -> None:
    one = Member(KIND, 10, tmp_path / "run")
    one.begin()
    assert not one.ended
    (one.folder / "status.json").write_text('{"status": "finished"}')
    assert one.ended
    assert not replace(one, seed=11).ended
    assert not replace(one, kind=replace(KIND, changes=("norm=batch",))).ended


def test_one_process_trains_in_a_folder(tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(UserError, match="another process trains there"), alone(tmp_path):
        pass
    with alone(tmp_path):
        pass


def test_verdicts_are_replayed_on_ended_runs_alone(tmp_path: Path) -> None:
    ended = written(tmp_path / "ended", KIND, 10.0)
    (ended.folder / "config.yaml").write_text("steps: 100\nbatch_size: 32\n")
    running = written(tmp_path / "running", KIND, 10.0, status="running")
    assert [one.member for one in judging.judge([ended, running])] == [ended]


def test_advice_is_tried_from_the_checkpoint_before_the_first_verdict(tmp_path: Path) -> None:
    first, second = Advice(("a=1",), "one"), Advice(("b=2",), "two")
    assert advised(judged(verdict("oscillation", 40, first, second))) == (
        verdict("oscillation", 40, first, second),
        first,
    )
    assert advised(judged(verdict("oscillation", 90, first))) is None, "too late"
    assert advised(judged(verdict("oscillation", 40))) is None, "no advice"
    (tmp_path / "checkpoints").mkdir()
    for step in (20, 40, 60):
        (tmp_path / "checkpoints" / f"step-{step:07}.safetensors").touch()
    member = Member(KIND, 10, tmp_path)
    assert [(checkpoint_before(member, step) or ("", None))[1] for step in (19, 40, 59)] == [None, 40, 40]


def test_export_has_signals_scores_and_labels(tmp_path: Path) -> None:
    file = tmp_path / "runs.csv"
    assert export([written(tmp_path / "run", KIND, 12.5)], file) == 3
    with file.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["step"] for row in rows] == ["50", "100", "100"]
    assert {row["accepted"] for row in rows} == {"mode_collapse|oscillation"}
    assert [row["generator/loss"] for row in rows] == ["0.5", "0.5", ""]
    assert rows[2]["scores/fid"] == "12.5"


def test_tables_count_runs_and_mark_right_verdicts(tmp_path: Path) -> None:
    run = written(tmp_path / "run", KIND, 30.0)
    found = [Judged(run, (verdict("divergence", 50), verdict("mode_collapse", 100)))]
    text = tables.planted(found, "judging", {"digits": 10.0})
    assert "divergence (1, 1,600), **mode_collapse** (1, 3,200) | 0 of 1 |" in text
    assert "FID × 3.0" in text
    assert "0 of 1: 0% (0% to 79%)" in tables.summary(found)
    trial = Trial("made", "judging", 10, "oscillation", True, "a=1", False, 20, "finished", 5.0, 10.0)
    assert trial.clearly_better
    assert not replace(trial, branch=9.5).clearly_better
    diverged = replace(trial, seed=11, branch=None, status="diverged")
    assert "| 0.50, diverged | 1 of 2 |" in tables.advice([trial, diverged])
    assert "1 of 2: 50% (9% to 91%) | **no** |" in tables.goals(found, [trial, diverged])
    assert "**both** | 1 of 2: 50%" in tables.advice_summary([trial, diverged])


def test_parts_are_inserted_between_markers_and_the_page_has_them_all() -> None:
    page = "a\n<!-- collection: x -->\nold\n<!-- end of collection: x -->\nb\n"
    new = insert(page, {"x": "new"})
    assert new == "a\n<!-- collection: x -->\nnew\n<!-- end of collection: x -->\nb\n"
    assert insert(new, {"x": "new"}) == new
    with pytest.raises(ValueError, match="marker"):
        insert(page, {"y": "new"})
    text = PAGE.read_text(encoding="utf-8")
    for name in ("origin", "goals", "summary", "kinds", "judging", "thresholds", "advice summary", "advice"):
        assert insert(text, {name: "x"})
