"""A sweep that is killed again and again ends as one that was left alone."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ganlab import tree_file
from tests.conftest import TINY_OVERRIDES

TRAIN = Path(__file__).resolve().parents[3] / "train.py"
KILLS = 20
SWEEP = [
    *TINY_OVERRIDES, "steps=3000", "logging.every=100", "checkpoint.every=100", "logging.progress=false",
    "runtime.threads=1", "init=he,normal", "seed=0,1,2",
]  # fmt: skip


def start(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(TRAIN), *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def statuses(sweep: Path) -> list[dict[str, object]]:
    found = []
    for file in sweep.glob("*/status.json"):
        with contextlib.suppress(ValueError):
            found.append(json.loads(file.read_text()))
    return found


@pytest.mark.slow
def test_after_twenty_kills_the_runs_are_those_of_an_unbroken_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kill hits the process of the sweep; every other one its workers too, in the middle of their jobs."""
    monkeypatch.chdir(tmp_path)
    instants = random.Random(0)
    broken, killed = Path("broken"), 0
    while killed < KILLS:
        begun = (broken / "sweep.json").exists()
        process = start("resume=broken", "jobs=2") if begun else start("-m", *SWEEP, "jobs=2", "hydra.sweep.dir=broken")
        with contextlib.suppress(subprocess.TimeoutExpired):
            assert process.wait(timeout=instants.uniform(2.5, 6)) == 0
            break  # all jobs have ended before the last kill: the jobs are too short for this machine
        process.kill()
        process.wait()
        if killed % 2:
            for status in statuses(broken):
                if status["status"] == "running":
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(str(status["pid"])), signal.SIGKILL)
        killed += 1
    assert killed == KILLS
    assert start("resume=broken").wait(timeout=600) == 0
    assert start("-m", *SWEEP, "hydra.sweep.dir=whole").wait(timeout=600) == 0
    folders = sorted(path.parent.name for path in Path("whole").glob("*/status.json"))
    assert [one["status"] for one in statuses(broken)] == ["finished"] * len(folders) == ["finished"] * 6
    for name in folders:
        ends = [tree_file.read(Path(sweep, name, "checkpoints", "final.safetensors")) for sweep in ("whole", "broken")]
        for network in ("generator", "discriminator"):
            weights = [end[network]["network"] for end in ends]
            assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0]), name
        rows = [Path(sweep, name, "metrics.jsonl").read_text().splitlines() for sweep in ("whole", "broken")]
        steps = [[json.loads(row)["step"] for row in one] for one in rows]
        assert steps[0] == steps[1], name
