"""A sweep as a person types it: side by side, killed, and gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from ganlab import tree_file
from ganlab.commands.sweep import begin
from ganlab.commands.train import main
from tests.conftest import TINY_OVERRIDES

CHECKOUT = Path(__file__).resolve().parents[3]
FAST = [*TINY_OVERRIDES, "logging.every=1", "logging.progress=false"]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def statuses(sweep: str) -> dict[str, str]:
    return {
        path.parent.name: json.loads(path.read_text())["status"] for path in sorted(Path(sweep).glob("*/status.json"))
    }


def weights(run: Path) -> dict[str, torch.Tensor]:
    return tree_file.read(run / "checkpoints" / "final.safetensors")["generator"]["network"]


def test_more_seeds_run_the_new_cells_alone_and_more_steps_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-m", "seed=0,1", *FAST, "hydra.sweep.dir=sweep"]) == 0
    before = Path("sweep/0-seed-0/checkpoints/final.safetensors").stat().st_mtime_ns
    capsys.readouterr()
    assert main(["resume=sweep"]) == 0
    assert "2 finished; nothing is missing" in capsys.readouterr().out
    assert main(["resume=sweep", "seed=0,1,2"]) == 0
    assert statuses("sweep") == dict.fromkeys(["0-seed-0", "1-seed-1", "2-seed-2"], "finished")
    assert "2 finished; 1 begin" in capsys.readouterr().out
    assert Path("sweep/0-seed-0/checkpoints/final.safetensors").stat().st_mtime_ns == before
    assert json.loads(Path("sweep/sweep.json").read_text())["overrides"][0] == "seed=0,1,2"
    assert main(["resume=sweep", "steps=3"]) == 0
    for name in statuses("sweep"):
        rows = Path("sweep", name, "metrics.jsonl").read_text().splitlines()
        assert [json.loads(row)["step"] for row in rows] == [1, 2, 3]


def test_finished_runs_stay_as_they_are_whatever_is_typed_again() -> None:
    """Plugins have to be typed again, and a person repeats what was typed: neither asks a finished run for more."""
    Path("mine.py").write_text("")
    typed = [*FAST, "plugins=[mine]"]
    assert main(["-m", "seed=0,1", *typed, "hydra.sweep.dir=sweep"]) == 0
    run = Path("sweep/0-seed-0")
    before = {path: path.read_bytes() for path in run.iterdir() if path.is_file() and path.name != "train.log"}
    for again in (["plugins=[mine]"], typed, ["seed=0,1,2", *typed], ["plugins=[mine]", "logging.samples_every=7"]):
        assert main(["resume=sweep", *again]) == 0
        assert {path: path.read_bytes() for path in before} == before, again
        assert (run / "provenance.yaml").read_text().count("started:") == 1
    assert statuses("sweep") == dict.fromkeys(["0-seed-0", "1-seed-1", "2-seed-2"], "finished")


def test_what_was_refused_failed_or_never_begun(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-m", "norm=batch,layer", "loss=wgan_gp", "seed=0", *FAST, "hydra.sweep.dir=sweep"]) == 0
    assert sorted(statuses("sweep").values()) == ["finished", "refused"]
    run = Path("sweep/1-norm-layer")
    whole = weights(run)
    status = run / "status.json"
    for damage in ("running", "failed", None):  # killed, failed, and never begun
        for file in run.glob("**/*"):
            if file.is_file():
                file.unlink()
        run.joinpath("checkpoints").rmdir()
        if damage is not None:
            status.write_text(json.dumps({"status": damage, "reason": "made up"}))
        capsys.readouterr()
        assert main(["resume=sweep"]) == 0
        assert "1 refused" in capsys.readouterr().out
        assert sorted(statuses("sweep").values()) == ["finished", "refused"]
        assert all(torch.equal(tensor, weights(run)[name]) for name, tensor in whole.items())


def test_a_change_that_trained_runs_cannot_have_is_refused_and_they_stay_as_they_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["-m", "seed=0,1", *FAST, "hydra.sweep.dir=sweep"]) == 0
    before = {path: path.read_text() for path in Path("sweep").glob("*/status.json")}
    capsys.readouterr()
    assert main(["resume=sweep", "init=he"]) == 2
    said = capsys.readouterr()
    assert said.err.count("init=he: the run has init.generator.name=") == 1
    assert "Run folder" not in said.out + said.err
    monkeypatch.setattr(begin, "check_changes", lambda *_: None)  # as if other runs could have the change
    main(["resume=sweep", "init=he"])
    assert "0-seed-0: refused (This configuration cannot run: init=he" in capsys.readouterr().err
    assert {path: path.read_text() for path in before} == before


def test_a_value_that_is_typed_twice_is_one_job(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-m", "seed=0,0", *FAST, "hydra.sweep.dir=sweep"]) == 0
    assert list(statuses("sweep")) == ["0"]
    assert "1 finished" in capsys.readouterr().out


def test_a_sweep_goes_on_from_no_plugin_and_no_program_that_was_not_typed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["-m", "seed=0,1", *FAST, "hydra.sweep.dir=sweep"]) == 0
    Path("trap.py").write_text("open('ran', 'w')")
    file = Path("sweep/sweep.json")
    plan = json.loads(file.read_text())
    for trap, sentence in (
        (["plugins=[trap]"], "it was begun with plugins=[trap]; type that too if you trust it"),
        (
            ["evaluation=scores", "evaluation.features.name=file", "evaluation.features.path=trap.pt"],
            "names a program, which would be run",
        ),
    ):
        file.write_text(json.dumps({**plan, "overrides": [*plan["overrides"], *trap]}))
        assert main(["resume=sweep", "seed=0,1,2"]) == 2
        assert sentence in capsys.readouterr().err
    assert not Path("ran").exists()


def test_typed_on_one_run_jobs_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs=2", *FAST]) == 2
    assert "jobs=2: the jobs of a sweep run side by side" in capsys.readouterr().err
    assert main(["-m", "seed=0,1", "jobs=many", *FAST]) == 2
    assert "jobs=many: need auto" in capsys.readouterr().err
    assert main(["-m", "seed=0,1", "jobs=1,2", *FAST]) == 2
    assert "jobs=1,2: need auto" in capsys.readouterr().err
    assert not Path("outputs").exists()


def test_a_recipe_may_be_a_sweep() -> None:
    Path("own/experiment").mkdir(parents=True)
    Path("own/experiment/mine.yaml").write_text(
        "# @package _global_\nsteps: 1\nhydra: {mode: MULTIRUN, sweeper: {params: {seed: '3,4', norm: batch}}}\n"
    )
    tiny = [one for one in TINY_OVERRIDES if not one.startswith("steps")]
    assert main(["--config-dir", "own", "experiment=mine", "norm=layer", "hydra.sweep.dir=sweep", *tiny]) == 0
    assert set(statuses("sweep")) == {"0-seed-3", "1-seed-4"}
    assert "name: layer" in Path("sweep/0-seed-3/config.yaml").read_text()  # what is typed comes before the recipe's
    assert not Path("outputs").exists()


def test_a_sweep_over_whole_components() -> None:
    sweep = ["-m", "optimizer.generator={name:sgd,lr:0.1},{name:adam,lr:0.001}", "hydra.sweep.dir=sweep", *FAST]
    assert main(sweep) == 0
    found = [Path("sweep", name, "config.yaml").read_text() for name in statuses("sweep")]
    assert ["name: sgd" in one for one in found] == [True, False]


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for one in started:
        one.kill()
        one.wait()


def start(processes: list[subprocess.Popen[str]], *arguments: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, str(CHECKOUT / "train.py"), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    processes.append(process)
    return process


def wait_for(pattern: str, count: int) -> list[Path]:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        found = [file for file in Path().rglob(pattern) if file.stat().st_size]
        if len(found) >= count:
            return found
        time.sleep(0.1)
    raise AssertionError(f"no {pattern} after 90 s")


@pytest.mark.slow
def test_side_by_side_a_stop_and_a_kill_lose_nothing(processes: list[subprocess.Popen[str]]) -> None:
    """The same sweep whole; and stopped, gone on with, and with one of its workers killed."""
    sweep = ["-m", "seed=0,1", "init=he,normal", *FAST, "steps=60", "checkpoint.every=5", "runtime.threads=1"]
    assert main([*sweep, "hydra.sweep.dir=whole"]) == 0
    process = start(processes, *sweep, "jobs=2", "hydra.sweep.dir=broken")
    wait_for("broken/*/metrics.jsonl", 2)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "python train.py resume=broken" in said
    assert "stopped" in statuses("broken").values() or len(statuses("broken")) < 4

    process = start(processes, "resume=broken", "jobs=2")  # one of its workers is killed
    os.kill(running("broken"), signal.SIGKILL)
    said, _ = process.communicate(timeout=200)
    (killed,) = [name for name, status in statuses("broken").items() if status == "killed"]
    assert "was ended by SIGKILL" in json.loads(Path("broken", killed, "status.json").read_text())["reason"]
    assert sorted(statuses("broken").values()) == ["finished"] * 3 + ["killed"]

    assert main(["resume=broken", "steps=90"]) == 0
    assert main(["resume=whole", "steps=90"]) == 0
    for name in statuses("whole"):
        ends = [weights(Path(sweep, name)) for sweep in ("whole", "broken")]
        assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0]), name


def running(sweep: str) -> int:
    """The process that trains a job just now."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        for file in Path(sweep).glob("*/status.json"):
            content = json.loads(file.read_text())
            if content["status"] == "running" and content["pid"] != os.getpid():
                return int(content["pid"])
        time.sleep(0.05)
    raise AssertionError("no job runs after 90 s")


@pytest.mark.slow
def test_workers_save_when_the_sweep_is_killed(processes: list[subprocess.Popen[str]]) -> None:
    sweep = ["-m", "seed=0,1", *FAST, "steps=100000", "checkpoint.every=100000", "jobs=2", "hydra.sweep.dir=sweep"]
    process = start(processes, *sweep)
    wait_for("sweep/*/metrics.jsonl", 2)
    process.kill()
    assert len(wait_for("sweep/*/checkpoints/*.safetensors", 2)) == 2
    deadline = time.monotonic() + 30
    while "running" in statuses("sweep").values() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert list(statuses("sweep").values()) == ["stopped", "stopped"]
