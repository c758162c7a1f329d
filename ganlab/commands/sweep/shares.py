"""The number of jobs of a sweep that run side by side, and the threads and the GPU of each."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from ganlab.training.device import find_device

JOBS_PER_GPU = 4
"""With ``jobs=auto``. The kernels of a small network leave most of a GPU idle, and launching them occupies a core for
each job."""
MEMORY_PER_JOB = 1 << 30
"""Bytes of main memory that ``jobs=auto`` counts for a job: PyTorch takes about 0.5 GB, a small network little more."""


@dataclass(frozen=True)
class Share:
    """The part of a machine that one worker uses: a number of CPU ``threads``, and the ``gpu``, as it is named in
    CUDA_VISIBLE_DEVICES; None: all that there are, or none."""

    threads: int
    gpu: str | None = None

    def environment(self) -> dict[str, str]:
        """Returns the environment variables that give a process this share. OMP_NUM_THREADS that the user has set
        stays."""
        found = {} if "OMP_NUM_THREADS" in os.environ else {"OMP_NUM_THREADS": str(self.threads)}
        return found if self.gpu is None else {**found, "CUDA_VISIBLE_DEVICES": self.gpu}


def shares(jobs: Literal["auto"] | int, pending: int, device: str) -> tuple[Share, ...]:
    """Returns the shares of the workers for ``pending`` jobs that run on ``device`` (``runtime.device``).

    ``auto`` is one job for each usable core, or four for each GPU, as far as the cores and the memory suffice.
    Raises UserError if there is no such device.
    """
    cores = usable_cores()
    gpus = _gpus(device)
    if jobs == "auto":
        most = min(cores, JOBS_PER_GPU * max(len(gpus), 1)) if _on_gpu(device) else cores
        jobs = min(most, max(free_memory() // MEMORY_PER_JOB, 1))
    count = max(min(int(jobs), pending), 1)
    threads = max(cores // count, 1)
    return tuple(Share(threads, gpus[number % len(gpus)] if gpus else None) for number in range(count))


def _on_gpu(device: str) -> bool:
    return find_device(device).type != "cpu"


def _gpus(device: str) -> list[str]:
    """Returns the GPUs to distribute jobs over: none on a CPU, or where one GPU was typed (``cuda:1``)."""
    if find_device(device).type != "cuda" or device not in ("auto", "cuda"):
        return []
    count, visible = torch.cuda.device_count(), os.environ.get("CUDA_VISIBLE_DEVICES", "")
    named = [one.strip() for one in visible.split(",") if one.strip()]
    return named[:count] if len(named) >= count else [str(number) for number in range(count)]


def usable_cores(limits: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Returns the number of cores that this process may use: its affinity, and the limit of its container."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = limits.read_text(encoding="utf-8").split()[:2]
        if quota != "max":
            cores = min(cores, max(int(quota) // int(period), 1))
    return cores


def free_memory(table: Path = Path("/proc/meminfo")) -> int:
    """Returns the bytes of main memory that new processes can use; 64 GiB where the system does not say it."""
    found: Mapping[str, str] = {}
    with contextlib.suppress(OSError, ValueError):
        found = dict(line.split(":", 1) for line in table.read_text(encoding="utf-8").splitlines() if ":" in line)  # type: ignore[misc]
    with contextlib.suppress(KeyError, ValueError, IndexError):
        return int(found["MemAvailable"].split()[0]) * 1024
    return 64 << 30
