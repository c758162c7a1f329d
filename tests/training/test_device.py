"""What a run asks of its process: memory that stays, threads, a precision that the processor has."""

from __future__ import annotations

import ctypes
import logging
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ganlab import tree_file
from ganlab.errors import TrainingFailed
from ganlab.training import device
from ganlab.training.device import Machine, Runtime, hold_memory
from ganlab.training.trainer import Trainer
from ganlab.types import Augmentation

PAGES = """
import resource, sys
import torch
from ganlab.training.device import Machine
Machine(torch.device("cpu"), torch.float32, fast=sys.argv[1] == "fast").prepare()
for _ in range(10):  # until the process has found its places
    torch.ones(2**24)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    torch.ones(2**24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="other C libraries keep large blocks by rules of their own"
)
@pytest.mark.slow
def test_freed_memory_stays_in_the_process() -> None:
    """64 MB, ten times: without, each of the 16,384 pages is new each time."""
    faults = {
        fast: int(
            subprocess.run([sys.executable, "-c", PAGES, fast], capture_output=True, text=True, check=True).stdout
        )
        for fast in ("fast", "plain")
    }
    assert faults["fast"] < 0.1 * faults["plain"]


def test_without_glibc_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    hold_memory()


def test_memory_is_held_where_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[bool] = []
    monkeypatch.setattr(device, "hold_memory", lambda: held.append(True))
    Machine(torch.device("cpu"), torch.float32, fast=False).prepare()
    assert not held
    Machine(torch.device("cpu"), torch.float32).prepare()
    assert held


@pytest.mark.parametrize("has", [True, False])
def test_auto_takes_bf16_only_where_the_processor_has_it(has: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "computes_bf16", lambda where: has)
    assert Runtime(device="cpu", precision="auto").resolve().dtype == (torch.bfloat16 if has else torch.float32)
    assert str(Runtime(device="cpu", precision="auto").resolve()) == ("cpu bf16" if has else "cpu fp32")


def test_a_limit_of_the_processor_counts_for_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    """ATEN_CPU_CAPABILITY=avx2 and ONEDNN_MAX_CPU_ISA=AVX2 make bf16 an emulation."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    for kind in ("AVX512", "AVX2"):
        monkeypatch.setattr(device, "processor", lambda kind=kind: kind)
        assert device.computes_bf16(torch.device("cpu")) == (kind == "AVX512")


def test_bf16_without_a_processor_for_it_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(device, "computes_bf16", lambda where: False)
    with caplog.at_level(logging.WARNING, "ganlab"):
        assert Runtime(device="cpu", precision="bf16").resolve().dtype == torch.bfloat16
    assert "slower than float32" in caplog.text


@pytest.fixture
def own_kernels() -> Iterator[None]:
    before = torch.are_deterministic_algorithms_enabled(), torch.utils.deterministic.fill_uninitialized_memory
    yield
    torch.use_deterministic_algorithms(before[0])
    torch.utils.deterministic.fill_uninitialized_memory = before[1]


@pytest.mark.usefixtures("own_kernels")
def test_deterministic_kernels_are_one_jobs_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    for chosen in (True, False):
        Runtime(device="cpu", deterministic=chosen).resolve().prepare()
        assert torch.are_deterministic_algorithms_enabled() is chosen
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


@dataclass(frozen=True)
class Putting(Augmentation):
    """Puts numbers in places that may be the same, in whatever order, as nothing that ganlab has does."""

    def __call__(self, images: Tensor, rng: torch.Generator, progress: float | Tensor) -> Tensor:
        return images.clone().put_(torch.zeros(2, dtype=torch.int64), torch.zeros(2))


@pytest.mark.usefixtures("own_kernels")
def test_a_component_without_a_deterministic_kernel_ends_training_with_a_sentence(
    make_trainer: Callable[..., Trainer],
) -> None:
    for chosen in (False, True):
        machine = Machine(torch.device("cpu"), torch.float32, deterministic=chosen)
        machine.prepare()
        trainer = make_trainer(machine=machine, steps=1)
        trainer.stepper.gan = replace(trainer.gan, augmentations={"putting": Putting()})
        if chosen:
            with pytest.raises(TrainingFailed, match=r"deterministic kernel of put_ for the cpu; .*=false"):
                trainer.run()
        else:
            trainer.run()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.usefixtures("own_kernels")
@pytest.mark.parametrize("changes", [{}, {"loss": "wasserstein", "regularizer": {"gradient_penalty": {}}}])
def test_on_a_gpu_resume_is_exact_with_deterministic_kernels(
    make_trainer: Callable[..., Trainer], tmp_path: Path, changes: dict[str, Any]
) -> None:
    machine = Machine(torch.device("cuda"), torch.float32, channels_last=True, deterministic=True)
    machine.prepare()
    changes = {**changes, "steps": 8, "checkpoint": {"every": 4}}
    unbroken = make_trainer(machine=machine, folder=tmp_path / "a", **changes)
    unbroken.run()
    resumed = make_trainer(machine=machine, folder=tmp_path / "b", **changes)
    resumed.restore(tree_file.read(tmp_path / "a" / "checkpoints" / "step-0000004.safetensors"))
    resumed.run()
    assert [one.fingerprint() for one in (unbroken.generator, unbroken.discriminator)] == [
        one.fingerprint() for one in (resumed.generator, resumed.discriminator)
    ]
