"""The jobs of a sweep, their folders, and what is added later."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ganlab.commands.sweep.plan import Job, Plan, extended, is_sweep, load_plan, new_plan, varied
from ganlab.errors import UserError

JOBS = [["steps=9", f"init={init}", f"seed={seed}"] for init in ("he", "normal") for seed in (0, 1)]


def plan(folder: Path) -> Plan:
    return new_plan(folder, "python train.py -m …", ["steps=9", "init=he,normal", "seed=0,1"], JOBS)


def test_names_have_the_number_and_what_varies(tmp_path: Path) -> None:
    assert [job.name for job in plan(tmp_path).jobs] == [
        "0-init-he+seed-0", "1-init-he+seed-1", "2-init-normal+seed-0", "3-init-normal+seed-1",
    ]  # fmt: skip
    assert plan(tmp_path).varied == ["init", "seed"]
    assert [job.name for job in new_plan(tmp_path, "", ["seed=0"], [["seed=0"]]).jobs] == ["0"]
    assert varied([["a=1", "b=2"], ["a=1"]]) == ["b"]  # a key that one job lacks varies too


def test_a_list_with_commas_is_one_value(tmp_path: Path) -> None:
    jobs = [["regularizer=[r1,r2]"], ["regularizer=[]"]]
    assert [job.name for job in new_plan(tmp_path, "", [], jobs).jobs] == ["0-regularizer-r1-r2", "1-regularizer"]


def test_what_is_saved_is_read(tmp_path: Path) -> None:
    plan(tmp_path).save()
    assert load_plan(tmp_path) == plan(tmp_path)
    assert is_sweep(tmp_path)


def test_new_levels_add_jobs_and_new_values_reach_the_old_ones(tmp_path: Path) -> None:
    jobs = [["steps=20", f"init={init}", f"seed={seed}"] for init in ("he", "normal") for seed in (0, 1, 2)]
    more = extended(plan(tmp_path), ["steps=20", "init=he,normal", "seed=0,1,2"], jobs)
    assert [job.name for job in more.jobs[4:]] == ["4-init-he+seed-2", "5-init-normal+seed-2"]
    assert [job.number for job in more.jobs] == [0, 1, 2, 3, 4, 5]
    assert [job.name for job in more.jobs[:4]] == [job.name for job in plan(tmp_path).jobs]
    assert all("steps=20" in job.overrides for job in more.jobs)


def test_a_new_factor_is_a_new_cell(tmp_path: Path) -> None:
    jobs = [[*job, f"loss={loss}"] for job in JOBS for loss in ("bce", "hinge")]
    assert len(extended(plan(tmp_path), [], jobs).jobs) == 4 + 8


def test_a_sweep_without_a_plan_is_the_runs_that_are_there(tmp_path: Path) -> None:
    for name in ("10-seed-10", "2-seed-2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "status.json").write_text("{}")
    assert load_plan(tmp_path).jobs == (Job(0, "2-seed-2", ()), Job(1, "10-seed-10", ()))
    assert is_sweep(tmp_path)
    (tmp_path / "config.yaml").touch()
    assert not is_sweep(tmp_path)  # a run that has other runs inside


@pytest.mark.parametrize(
    "change",
    [
        {"jobs": 3},
        {"jobs": [{"number": 0, "folder": "../elsewhere", "overrides": []}]},
        {"jobs": [{"number": 0, "folder": "0", "overrides": "seed=1"}]},
        {"overrides": None},
    ],
)
def test_a_damaged_plan_is_one_sentence(change: dict[str, object], tmp_path: Path) -> None:
    plan(tmp_path).save()
    file = tmp_path / "sweep.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(UserError, match="cannot be read as the plan of a sweep"):
        load_plan(tmp_path)


def test_a_plan_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"sweep.json cannot be written \(Not a directory\); make room"):
        new_plan(tmp_path / "file", "…", ["seed=0"], [["seed=0"]]).save()
