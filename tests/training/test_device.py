"""What a run asks of its process: memory that stays, threads, a precision that the processor has."""

from __future__ import annotations

import ctypes
import logging
import platform
import subprocess
import sys

import pytest
import torch

from ganlab.training import device
from ganlab.training.device import Machine, Runtime, hold_memory

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


def test_bf16_without_a_processor_for_it_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(device, "computes_bf16", lambda where: False)
    with caplog.at_level(logging.WARNING, "ganlab"):
        assert Runtime(device="cpu", precision="bf16").resolve().dtype == torch.bfloat16
    assert "slower than float32" in caplog.text
