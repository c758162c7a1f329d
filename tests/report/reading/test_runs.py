from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ganlab.report.build import report_of
from ganlab.report.reading.rows import IMAGES, MOST_ROWS
from ganlab.report.reading.runs import is_run, read_run
from ganlab.report.reading.sweep import find_runs
from ganlab.run_folder import RunFolder
from tests.report.synthetic import write_run

BEFORE = Path(__file__).resolve().parents[2] / "fixtures" / "run_before"


def test_all_files_of_a_run_are_read(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", ["init=he", "seed=3"], scores=[40.0, None, 10.0])
    (run / "samples").mkdir()
    for name in ("real.png", "step-0000500-average.png", "step-0000000-generator.png", "filmstrip-average.png"):
        (run / "samples" / name).touch()
    read = read_run(run)
    assert read.status["status"] == "finished"
    assert read.config["seed"] == 3
    assert [(row.step, row.values["fid"]) for row in read.scores] == [(500, 40.0), (1000, None), (1500, 10.0)]
    assert {row.weights for row in read.scores} == {"network"}
    assert all("weights" not in fingerprint for fingerprint in read.fingerprints.values())
    assert read.metrics[IMAGES].tolist() == [32000, 64000, 96000]
    assert [(one.step, one.network) for one in read.pictures] == [(0, "generator"), (500, "average")]
    assert read.real == "samples/real.png"
    assert read.damage == ()


def test_a_long_file_of_metrics_is_read_in_part_and_its_last_row_always(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", metrics=1)
    rows = [{"step": step, "progress/images": step, "generator/loss": 0.0} for step in range(1, 1004)]
    (run / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    steps = read_run(run).metrics["step"]
    assert len(steps) <= MOST_ROWS
    assert steps[-1] == 1003
    assert len(set(np.diff(steps))) == 1


def test_the_last_score_of_a_step_counts(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", scores=[40.0])
    text = (run / "scores.jsonl").read_text()
    (run / "scores.jsonl").write_text(text + text.replace("40.0", "30.0"))
    assert [row.values["fid"] for row in read_run(run).scores] == [30.0]


FIRST = {"from_step": 0, "seconds": 10.0, "versions": {"ganlab": "0.1.0"}}


@pytest.mark.parametrize(
    ("later", "seconds"),
    [
        ([], 10.0),
        ([{"started": "2026-01-31T13:00:00+00:00"}], 10.0),  # it found nothing left to do
        ([{"status": "refused", "versions": {"ganlab": "0.2.0"}}], 10.0),
        ([{"from_step": 500, "seconds": 7.0}], 17.0),
        ([{"from_step": 500}, {"from_step": 1000, "seconds": 10.0}], 30.0),  # killed: at the rate of the others
    ],
)
def test_the_seconds_of_a_run_are_those_of_its_starts_together(
    tmp_path: Path, later: list[dict[str, object]], seconds: float
) -> None:
    """The speed that is logged (5,000 images per second) leaves out scoring and samples: it says 19 seconds."""
    run = write_run(tmp_path / "run", scores=[40.0, 20.0, 10.0])
    RunFolder(run).save_provenance([FIRST, *later])
    report = report_of(find_runs([str(run)]))
    assert report.runs[0].seconds == pytest.approx(seconds)
    assert report.origin.versions == {"ganlab": ("0.1.0",)}
    RunFolder(run).save_provenance([{"from_step": 0}, {"from_step": 500}])  # none is known: the speed is all there is
    assert report_of(find_runs([str(run)])).runs[0].seconds == pytest.approx(96000 / 5000)


def test_a_run_that_nobody_holds_was_killed(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", status="running")
    assert read_run(run).status["status"] == "killed"
    assert not (run / ".lock").exists()  # a report writes nothing into a run
    with RunFolder(run).held():
        assert read_run(run).status["status"] == "running"
    assert read_run(run).status["status"] == "killed"


def test_a_run_whose_process_is_gone_was_killed_whatever_its_lock_says(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    run = write_run(tmp_path / "run", status="running", pid=ended.pid, host=socket.gethostname())
    with RunFolder(run).held():
        assert read_run(run).status["status"] == "killed"
        RunFolder(run).save_status("running", pid=ended.pid, host="elsewhere")
        assert read_run(run).status["status"] == "running"
        RunFolder(run).save_status("running", pid=os.getpid(), host=socket.gethostname())
        assert read_run(run).status["status"] == "running"


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [
        ("status.json", "{", "Expecting property name"),
        ("status.json", "[1]", "names no status"),
        ("config.yaml", "a: [", "not YAML"),
        ("config.yaml", "- 1", "holds no settings"),
        ("config.yaml", None, "no config.yaml"),
        ("scores.jsonl", '{"step": 1, "scores": {"fid": 1}}\n{"st\n{"step": 2}\n', "line 2: no row"),
        ("metrics.jsonl", "\x00\xff\n[]\nnull\n", "line 1 and 2 more"),
        ("provenance.yaml", "*a", "cannot be read"),
    ],
)
def test_damage_is_named_and_the_rest_is_read(file: str, content: str | None, problem: str, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    if content is None:
        (run / file).unlink()
    else:
        (run / file).write_text(content, encoding="latin-1")
    read = read_run(run)
    assert [Path(one.path).name for one in read.damage] == [file]
    assert problem in read.damage[0].problem
    assert bool(read.scores) != (file == "scores.jsonl") or read.scores[0].step == 1
    assert len(read.metrics) > 0 or file == "metrics.jsonl"


def test_a_row_that_is_being_written_is_no_damage_of_a_running_run(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", status="running")
    with (run / "scores.jsonl").open("a") as file:
        file.write('{"step": 9, "sco')
    assert read_run(run).damage == ()
    RunFolder(run).save_status("finished")
    assert "line 4" in read_run(run).damage[0].problem


def test_a_refused_run_may_have_a_status_alone(tmp_path: Path) -> None:
    RunFolder(tmp_path).save_status("refused", "This configuration cannot run:\n  a cannot go with b, which …")
    read = read_run(tmp_path)
    assert read.status["status"] == "refused"
    assert read.damage == ()


def test_what_is_no_folder_is_a_missing_run(tmp_path: Path) -> None:
    assert read_run(tmp_path / "nothing").status["status"] == "missing"
    assert not is_run(tmp_path)


def test_a_run_of_an_older_version_is_read(tmp_path: Path) -> None:
    shutil.copytree(BEFORE, tmp_path / "run")
    read = read_run(tmp_path / "run")
    assert read.status["status"] == "killed"
    assert read.config["loss"] == {"name": "hinge"}
    assert read.metrics["step"].tolist() == [1, 2, 3]
    assert read.damage == ()
