"""The kind of processor for which kernels are chosen."""

from __future__ import annotations

import os
import platform
from functools import cache

import torch

LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
"""Environment variables with the newest instructions that oneDNN, PyTorch's library of convolutions, may use."""


def processor() -> str:
    """Returns what convolutions are computed with, in PyTorch's words: AVX512, AVX2, DEFAULT, or another processor's.
    ``ATEN_CPU_CAPABILITY`` limits PyTorch's own kernels, and ``ONEDNN_MAX_CPU_ISA`` oneDNN's."""
    capability = torch.backends.cpu.get_cpu_capability()
    limit = next((os.environ[name].upper() for name in LIMITS if name in os.environ), "")
    if capability == "AVX512" and limit.startswith("AVX2"):
        return "AVX2"
    return "DEFAULT" if capability in ("AVX512", "AVX2") and limit in ("SSE41", "AVX") else capability


@cache
def is_intel() -> bool:
    """Whether the processor is one of Intel's, for which its library of matrix products (MKL) has kernels of its
    own."""
    try:
        with open("/proc/cpuinfo") as lines:
            maker = next((line for line in lines if line.startswith("vendor_id")), "")
    except OSError:  # Windows and macOS
        maker = platform.processor()
    return "GenuineIntel" in maker
