"""Several processes that train as one, each on its part of every batch: `torchrun --nproc-per-node=2 train.py …`.

DistributedDataParallel is not used: it expects one backward pass for each forward pass through one network, and a GAN's
updates go through both, sometimes twice. Gradients are averaged where they are complete, in ``Learner.apply``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from ganlab.errors import TrainingFailed, UserError

PATIENCE = timedelta(hours=2)  # how long ranks wait for one that scores samples, or decodes images


class RankLost(TrainingFailed):
    """The error of a rank that cannot continue because another rank is lost."""


@dataclass(frozen=True)
class Ranks:
    """The process group: this process is number ``rank`` of ``count``. With one process its methods do nothing.

    Methods marked "All ranks call it together" are collective: all ranks must call them in the same order, since a
    rank that calls one alone waits for the others.
    """

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is rank 0, which writes files and messages."""
        return self.rank == 0

    @torch.no_grad()
    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replaces tensors by their means over the ranks, in one exchange. All ranks call it together."""
        if self.count == 1 or not tensors:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        dist.all_reduce(flat)
        _put_back(flat.div_(self.count), tensors)

    @torch.no_grad()
    def follow_first(self, tensors: Sequence[Tensor]) -> None:
        """Replaces tensors by those of rank 0. All ranks call it together."""
        if self.count == 1:
            return
        for dtype in sorted({tensor.dtype for tensor in tensors}, key=str):
            same_type = [tensor for tensor in tensors if tensor.dtype == dtype]
            flat = torch.cat([tensor.reshape(-1) for tensor in same_type])
            dist.broadcast(flat, 0)
            _put_back(flat, same_type)

    def means(self, values: Mapping[str, float]) -> dict[str, float]:
        """Returns each value's mean over the ranks. All ranks call it together."""
        numbers = torch.tensor(list(values.values()), dtype=torch.float64)
        self.average([numbers])
        return dict(zip(values, numbers.tolist(), strict=True))

    def most(self, number: int) -> int:
        """Returns the largest of the ranks' numbers, exchanged between CPUs without waiting for a GPU. All ranks call
        it together."""
        if self.count == 1:
            return number
        most = torch.tensor(number)
        dist.all_reduce(most, dist.ReduceOp.MAX)
        return int(most)

    def gathered(self, fact: Any) -> list[Any]:
        """Returns the plain values ``fact`` of all ranks, rank 0 first. All ranks call it together."""
        if self.count == 1:
            return [fact]
        facts: list[Any] = [None] * self.count
        dist.all_gather_object(facts, fact)
        return facts

    @contextmanager
    def together(self) -> Iterator[None]:
        """Returns a context at whose end all ranks raise the UserError or TrainingFailed of the lowest rank that
        raised one inside. All ranks enter it together."""
        problem: UserError | None = None
        try:
            yield
        except UserError as error:
            problem = error
        problems = self.gathered((str(problem), isinstance(problem, TrainingFailed)) if problem else None)
        found = next(((rank, *one) for rank, one in enumerate(problems) if one is not None), None)
        if found is None:
            return
        rank, sentence, failed = found
        if problem is not None and str(problem) == sentence:
            raise problem
        raise (TrainingFailed if failed else UserError)(f"rank {rank}: {sentence}")


ALONE = Ranks()


# A context variable and no argument: layers read it deep inside the forward passes of networks, plugins' among them.
_apart: ContextVar[bool] = ContextVar("apart", default=False)


@contextmanager
def apart() -> Iterator[None]:
    """Returns a context in which this process computes as if it were alone: forward passes inside exchange
    nothing."""
    token = _apart.set(True)
    try:
        yield
    finally:
        _apart.reset(token)


def here() -> Ranks:
    """Returns the ranks that this process has joined."""
    if _apart.get() or not (dist.is_available() and dist.is_initialized()):
        return ALONE
    return Ranks(dist.get_rank(), dist.get_world_size())


def here_on_this_machine() -> tuple[int, int]:
    """Returns this process's number among the ranks on this machine, and their number."""
    ours = here()
    if ours.count == 1:
        return 0, 1
    return int(os.environ.get("LOCAL_RANK", ours.rank)), int(os.environ.get("LOCAL_WORLD_SIZE", ours.count))


def join() -> Ranks:
    """Joins the processes that torchrun has started, if there are any, and returns the ranks. Raises UserError if
    they cannot connect."""
    if os.environ.get("WORLD_SIZE", "1") == "1" or here().count > 1:
        return here()
    try:
        # CPU tensors use gloo, in a job on GPUs too, so that agreements between ranks wait for no GPU.
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and dist.is_nccl_available() else "gloo"
        dist.init_process_group(backend, timeout=PATIENCE)
    except (ValueError, RuntimeError) as error:
        raise UserError(
            f"WORLD_SIZE={os.environ['WORLD_SIZE']}: the ranks did not find each other "
            f"({' '.join(str(error).split())[:200]}); start them with torchrun --nproc-per-node=… train.py …, or take "
            "WORLD_SIZE out of the environment"
        ) from error
    return here()


def leave(wait: bool) -> None:
    """Leaves the process group; with ``wait``, after all ranks have called it, so that none ends another's work."""
    ours = here()
    if ours.count > 1 and wait:
        ours.most(0)
        dist.destroy_process_group()


def is_loss_of_a_rank(error: BaseException) -> bool:
    """Whether an error is one that gloo or NCCL raise if another rank does not answer."""
    signs = ("gloo", "nccl", "connection closed by peer", "connection reset")
    return here().count > 1 and (isinstance(error, dist.DistError) or any(one in str(error).lower() for one in signs))


def reason_of_loss(error: BaseException) -> str:
    """Returns the message of such an error without source locations and advice, at most 120 characters."""
    return re.sub(r"\[[^\]]*/[^\]]*\] *", "", " ".join(str(error).split())).partition(". ")[0][:120]


# ------------------------------------------------------------------------------- reductions over the global batch


class _Sum(torch.autograd.Function):
    """The sum over the ranks; its gradient is the sum of the ranks' gradients, at every order."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return sum_over_ranks(gradients[0])


def sum_over_ranks(x: Tensor) -> Tensor:
    """Returns the sum of the ranks' tensors, in the shape of each. Twice differentiable. All ranks call it
    together."""
    if here().count == 1:
        return x
    total: Tensor = _Sum.apply(x)
    return total


def mean_over_batch(x: Tensor) -> Tensor:
    """Returns the mean of ``x`` (N, …) over its first axis and over the equally large batches of all ranks. Twice
    differentiable. All ranks call it together."""
    count = here().count
    mean = x.mean(dim=0)
    if count == 1:
        return mean
    return sum_over_ranks(mean) / count


def std_of_batch(x: Tensor) -> Tensor:
    """Returns the standard deviation, a scalar, of all elements of ``x`` on all ranks. All ranks call it together."""
    if here().count == 1:
        return x.std(correction=0)
    centred = x - mean_over_batch(x.flatten())
    return mean_over_batch(centred.square().flatten()).sqrt()


@torch.no_grad()
def global_batch(x: Tensor) -> tuple[Tensor, slice]:
    """Returns ``x`` (n,) of all ranks, concatenated by rank, without a graph, and the slice of it that is this
    rank's. All ranks call it together."""
    ours = here()
    own = slice(ours.rank * len(x), (ours.rank + 1) * len(x))
    if ours.count == 1:
        return x.detach(), own
    parts = [torch.empty_like(x) for _ in range(ours.count)]
    dist.all_gather(parts, x.detach().contiguous())
    return torch.cat(parts), own


def _put_back(flat: Tensor, tensors: Sequence[Tensor]) -> None:
    parts = flat.split([tensor.numel() for tensor in tensors])
    for tensor, part in zip(tensors, parts, strict=True):
        tensor.copy_(part.view(tensor.shape))
