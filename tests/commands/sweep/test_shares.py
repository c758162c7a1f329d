"""How a machine is shared between jobs, on machines that are made up."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ganlab.commands.sweep import shares as module
from ganlab.commands.sweep.shares import Share, free_memory, shares, usable_cores


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "usable_cores", lambda: 8)
    monkeypatch.setattr(module, "free_memory", lambda: 64 << 30)


@pytest.fixture
def gpus(cores: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_device", lambda name: torch.device("cpu" if name == "cpu" else "cuda"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.parametrize(
    ("jobs", "pending", "threads"),
    [("auto", 100, [1] * 8), ("auto", 3, [2] * 3), (2, 100, [4, 4]), (1, 100, [8]), (20, 100, [1] * 20), (4, 0, [8])],
)
def test_threads_are_shared(cores: None, jobs: int, pending: int, threads: list[int]) -> None:
    assert [one.threads for one in shares(jobs, pending, "cpu")] == threads


def test_jobs_fit_into_the_memory(cores: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "free_memory", lambda: 3 << 30)
    assert len(shares("auto", 100, "cpu")) == 3
    assert len(shares(5, 100, "cpu")) == 5  # as typed


def test_gpus_are_shared_in_turn(gpus: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one.gpu for one in shares("auto", 100, "auto")] == ["0", "1"] * 4
    assert [one.gpu for one in shares(3, 100, "cuda")] == ["0", "1", "0"]
    assert [one.gpu for one in shares(3, 100, "cpu")] == [None] * 3
    assert [one.gpu for one in shares(3, 100, "cuda:1")] == [None] * 3  # all on the GPU that was typed
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5, 7")
    assert [one.gpu for one in shares(3, 100, "auto")] == ["5", "7", "5"]


def test_the_environment_of_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert Share(3).environment() == {"OMP_NUM_THREADS": "3"}
    monkeypatch.setenv("OMP_NUM_THREADS", "7")  # the user's own choice
    assert Share(3, "1").environment() == {"CUDA_VISIBLE_DEVICES": "1"}


def test_the_limit_of_a_container(tmp_path: Path) -> None:
    (limits := tmp_path / "cpu.max").write_text("150000 100000\n")
    everything = usable_cores(tmp_path / "none")
    assert usable_cores(limits) == 1
    limits.write_text("max 100000\n")
    assert usable_cores(limits) == everything


def test_the_memory_that_is_free(tmp_path: Path) -> None:
    (table := tmp_path / "meminfo").write_text("MemTotal:  100 kB\nMemAvailable:   2048 kB\n")
    assert free_memory(table) == 2 << 20
    assert free_memory(tmp_path / "none") == 64 << 30
