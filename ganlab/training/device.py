"""The device and the precision of a run."""

from __future__ import annotations

import ctypes
import logging
import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Annotated, Literal

import torch

from ganlab.errors import UserError
from ganlab.processor import processor
from ganlab.ranks import here_on_this_machine
from ganlab.table import PATH, Fraction, NonNegativeInt, Range

log = logging.getLogger("ganlab")

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # malloc.h
THREADS = torch.get_num_threads()
CudaGraph = Literal["auto", "on", "off"]
HALF_MOVES = "float16's loss scale moves by rules of its own; type runtime.precision=bf16"
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Runtime:
    """The settings of device, precision and kernels. ``device`` auto selects cuda, then mps, then cpu. ``precision``
    auto selects bf16 if the processor computes in it, otherwise fp32. ``threads`` null leaves the number of CPU
    threads to PyTorch, and gives each of several ranks on a machine its share of the processors. ``cache`` is the
    folder for decoded images, null the user's cache folder; the images are kept on the device if they fit into the
    share ``resident`` of its memory. ``fast`` uses fused kernels, with the same results up to rounding; without it
    each layer is computed by PyTorch's own function. ``cuda_graph`` runs each training step on a GPU as one recorded
    graph of kernels, with the same results; auto does so if nothing prevents it. ``deterministic`` selects
    deterministic kernels on a GPU too, which may be slower; CPU kernels are deterministic without it."""

    device: str | NonNegativeInt = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "fp32"
    threads: Annotated[int, Range(least=1, most=1024)] | None = None
    channels_last: bool = True
    fast: bool = True
    cache: Annotated[str | None, PATH] = None
    resident: Fraction = 0.5
    cuda_graph: CudaGraph = "auto"
    deterministic: bool = False

    def resolve(self) -> Machine:
        """Returns the device and precision to compute with. Raises UserError if this machine lacks what the settings
        require."""
        device = _own(find_device(str(self.device)))
        precision = self.precision
        if precision == "auto":
            precision = "bf16" if computes_bf16(device) else "fp32"
        if precision == "fp16" and device.type != "cuda":
            raise UserError(
                f"runtime.precision=fp16: the {device.type} has no fast half precision with loss scaling; "
                "type runtime.precision=bf16 or fp32"
            )
        if precision == "bf16" and device.type == "cuda" and not computes_bf16(device):
            raise UserError("runtime.precision=bf16: this GPU has no bf16; type runtime.precision=fp16 or fp32")
        if precision == "bf16" and device.type == "cpu" and not computes_bf16(device):
            log.warning(
                "note: this processor has no bf16 arithmetic and imitates it, slower than float32; "
                "runtime.precision=auto takes what is faster"
            )
        if self.cuda_graph == "on" and device.type != "cuda":
            raise UserError(
                f"runtime.cuda_graph=on: the {device.type} has no CUDA graphs; type runtime.cuda_graph=auto, which "
                "uses them on a GPU"
            )
        if self.cuda_graph == "on" and precision == "fp16":
            raise UserError(f"runtime.cuda_graph=on: {HALF_MOVES}, or runtime.cuda_graph=auto")
        return Machine(
            device, DTYPES[precision], self.threads, self.channels_last, self.fast, self.cuda_graph, self.deterministic
        )


@dataclass(frozen=True)
class Machine:
    """The resolved ``Runtime`` of this machine."""

    device: torch.device
    dtype: torch.dtype
    threads: int | None = None
    channels_last: bool = False
    fast: bool = True
    cuda_graph: CudaGraph = "auto"
    deterministic: bool = False

    def prepare(self) -> None:
        """Sets the options of the whole process: its threads, its memory and its choice of kernels. All are set,
        since an earlier job of a sweep may have changed them."""
        torch.set_num_threads(self.threads or _share_of_threads())
        if self.deterministic:
            # cuBLAS reads it once, before its first product; without it, streams take turns at one workspace.
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        use_deterministic_algorithms(self.deterministic)
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # nothing reads what it has not written
        if self.device.type == "cuda" and here_on_this_machine()[1] > 1:
            torch.cuda.set_device(self.device)  # NCCL's own memory goes there
        if self.fast and self.device.type == "cpu":
            hold_memory()

    def autocast(self) -> AbstractContextManager[None]:
        """Returns the context of mixed precision for forward passes; it does nothing in float32."""
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    @property
    def memory_format(self) -> torch.memory_format:
        """The memory layout of images and weights."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def __str__(self) -> str:
        return f"{self.device} {next(name for name, dtype in DTYPES.items() if dtype == self.dtype)}"


def use_deterministic_algorithms(deterministic: bool, warn_only: bool = False) -> None:
    """Calls PyTorch's function of this name where that changes anything: it imports PyTorch's compiler."""
    now = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    if now != (deterministic, warn_only):
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)


def without_deterministic_kernel(error: RuntimeError) -> str | None:
    """Returns the name of the operation without a deterministic kernel, or None if ``error`` has another cause."""
    name, found, _ = str(error).partition(" does not have a deterministic implementation")
    return name.split()[-1] if found else None


def _own(device: torch.device) -> torch.device:
    """Returns the device of this rank: each of several ranks on this machine computes on its own GPU. Raises
    UserError."""
    number, ranks = here_on_this_machine()
    if ranks == 1 or device.type == "cpu":
        return device
    if device.type != "cuda":
        raise UserError(
            f"runtime.device={device.type}: several ranks exchange gradients on the CPU or on NVIDIA's GPUs; type "
            "runtime.device=cpu"
        )
    if device.index is not None:
        raise UserError(
            f"runtime.device={device}: each of the {ranks} ranks on this machine needs a GPU of its own; type "
            "runtime.device=cuda"
        )
    if ranks > torch.cuda.device_count():
        raise UserError(
            f"{ranks} ranks were started on this machine, and PyTorch finds {torch.cuda.device_count()} GPUs, of which "
            f"each needs one; type --nproc-per-node={torch.cuda.device_count()}, or runtime.device=cpu"
        )
    return torch.device("cuda", number)


def _share_of_threads() -> int:
    """Returns the number of CPU threads: PyTorch's own, or, with several ranks on this machine, their share of the
    processors, unless the user has set OMP_NUM_THREADS to another value than torchrun's 1."""
    _, ranks = here_on_this_machine()
    if ranks == 1 or os.environ.get("OMP_NUM_THREADS", "1") != "1":
        return THREADS
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(usable // ranks, 1)


def hold_memory() -> None:
    """Keeps freed memory in the process. glibc returns blocks above 32 MB to the system when they are freed; the next
    tensor of that size then gets new pages one by one, zeroed, at the cost of several passes over it: a fifth of a
    wide ResNet's step. Does nothing with another C library than glibc."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):  # another C library, or one without mallopt
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def find_device(name: str, key: str = "runtime.device") -> torch.device:
    """Returns the device of a name; ``auto`` is the fastest one of this machine. ``key`` is the setting that error
    messages name. Raises UserError if there is no such device."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if name.isdigit():  # as PyTorch takes a number
        name = f"cuda:{name}"
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (number and not number.isdigit()):
        raise UserError(f"{key}: found '{name}', need auto, cpu, mps, cuda or cuda:0, cuda:1, …")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        found = (
            f"PyTorch finds {torch.cuda.device_count()} CUDA devices" if torch.cuda.is_available() else "no CUDA device"
        )
        raise UserError(f"{key}={name}: {found} on this machine; type {key}=auto")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise UserError(f"{key}=mps: no Apple GPU on this machine; type {key}=auto")
    return torch.device(name)


def computes_bf16(device: torch.device) -> bool:
    """Whether the processor has bf16 arithmetic, rather than an emulation that is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        supported = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
        return bool(supported()) and processor() == "AVX512"  # a limit in the environment counts
    return False
