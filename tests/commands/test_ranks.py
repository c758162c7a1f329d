"""`torchrun train.py` as a person types it, in an empty folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ganlab.run_folder import RunFolder
from ganlab.training import checkpoint
from tests.conftest import TINY_OVERRIDES

CHECKOUT = Path(__file__).resolve().parents[2]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
ALONE = [sys.executable]
FOREVER = ["steps=1000000", "checkpoint.every=5", "logging.every=5", "logging.samples_every=1000000"]


def started(folder: Path, how: list[str], *typed: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "OMP_NUM_THREADS": "1"}
    command = [*how, str(CHECKOUT / "train.py"), *typed]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ended(folder: Path, how: list[str], *typed: str) -> tuple[int, str]:
    process = started(folder, how, *typed)
    told, problems = process.communicate(timeout=600)
    return process.returncode, told + problems


def ranks_of(process: subprocess.Popen[str]) -> list[int]:
    """The processes that torchrun has started, rank 0 first."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    found = [int(pid) for pid in children.read_text().split()]
    numbers = {}
    for pid in found:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        rank = [one for one in variables if one.startswith(b"RANK=")]
        if rank:
            numbers[int(rank[0].removeprefix(b"RANK="))] = pid
    return [numbers[rank] for rank in sorted(numbers)]


def wait_for_a_checkpoint(folder: Path, process: subprocess.Popen[str]) -> RunFolder:
    until = time.monotonic() + 600
    while time.monotonic() < until and process.poll() is None:
        found = list(folder.rglob("step-*.safetensors"))
        if found:
            return RunFolder(found[0].parent.parent)
        time.sleep(0.1)
    process.kill()
    pytest.fail(f"it saved nothing: {process.communicate()}")


@pytest.mark.slow
def test_two_processes_train_one_run_and_another_number_goes_on(tmp_path: Path) -> None:
    code, told = ended(tmp_path, TORCHRUN, *TINY_OVERRIDES, "norm=sync_batch")
    assert code == 0, told
    assert "on cpu fp32, 2 ranks" in told
    assert told.count("Run folder: ") == 1
    (folder,) = (path.parent for path in tmp_path.rglob("status.json"))
    names = sorted(path.name.split(".tfevents")[0] for path in folder.iterdir())
    assert names == [
        ".lock",
        "checkpoints",
        "config.yaml",
        "events.out",
        "metrics.jsonl",
        "provenance.yaml",
        "samples",
        "status.json",
        "train.log",
    ]
    assert (folder / "train.log").read_text().count("Run folder: ") == 1

    drawn = [16]
    for how, steps in ((ALONE, 3), (TORCHRUN, 4)):
        code, told = ended(tmp_path, how, f"resume={folder}", f"steps={steps}")
        assert code == 0, told
        drawn.append(checkpoint.newest(folder / "checkpoints")[1]["drawn"])
    assert drawn == [16, 24, 32]
    assert [json.loads(row)["step"] for row in (folder / "metrics.jsonl").read_text().splitlines()] == [2, 3, 4]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")
@pytest.mark.slow
@pytest.mark.parametrize("lost", [0, 1])
def test_a_rank_that_dies_ends_the_run_and_it_goes_on(tmp_path: Path, lost: int) -> None:
    process = started(tmp_path, TORCHRUN, *TINY_OVERRIDES, *FOREVER)
    run = wait_for_a_checkpoint(tmp_path, process)
    os.kill(ranks_of(process)[lost], signal.SIGKILL)
    told = "".join(process.communicate(timeout=600))
    assert process.returncode == 1
    assert "Another rank was lost after step" in told
    assert f"resume={run.path.relative_to(tmp_path)}" in told
    assert "train_step" not in told  # no traceback of ours
    if lost == 1:
        assert run.status()["status"] == "failed"
        assert "Another rank was lost" in (run.path / "train.log").read_text()
    step = checkpoint.newest(run.checkpoints)[1]["step"]
    code, told = ended(tmp_path, ALONE, f"resume={run.path}", f"steps={step + 1}")
    assert code == 0, told


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize(
    ("whom", "number"),
    [
        ("torchrun", signal.SIGTERM),
        *(
            pytest.param(whom, number, marks=pytest.mark.slow)
            for whom, number in (("torchrun", signal.SIGINT), ("one rank", signal.SIGINT), ("one rank", signal.SIGTERM))
        ),
    ],
)
def test_a_stop_reaches_all_ranks_and_saves(tmp_path: Path, whom: str, number: signal.Signals) -> None:
    process = started(tmp_path, TORCHRUN, *TINY_OVERRIDES, *FOREVER)
    run = wait_for_a_checkpoint(tmp_path, process)
    os.kill(ranks_of(process)[1] if whom == "one rank" else process.pid, number)
    told = "".join(process.communicate(timeout=600))
    status = run.status()
    assert status["status"] == "stopped", (status, told)
    assert status["exit_code"] == 128 + number
    assert checkpoint.newest(run.checkpoints)[1]["step"] == status["steps"]
    assert told.count("Stopped and saved after step") == 1


def test_what_cannot_run_is_told_once(tmp_path: Path) -> None:
    code, told = ended(tmp_path, TORCHRUN, *TINY_OVERRIDES, "batch_size=9")
    assert code == 1  # torchrun's own, whatever its processes say
    assert told.count("batch_size=9 with 2 ranks: a batch must be a multiple of 2; type batch_size=8") == 1
    assert not (tmp_path / "outputs").exists()


@pytest.mark.slow
def test_a_sweep_is_no_job_for_ranks(tmp_path: Path) -> None:
    code, told = ended(tmp_path, TORCHRUN, "-m", *TINY_OVERRIDES, "seed=0,1")
    assert code == 1
    assert told.count("start the sweep without torchrun") == 1
