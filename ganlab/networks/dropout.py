"""Dropout, with a constant rate or with a schedule of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import torch
from torch import Tensor, nn

from ganlab.scalars import Scheduled, at, scale
from ganlab.table import Moving, Range

DropoutRate = Annotated[float, Range(least=0, below=1)]
"""Share of values dropped in training. Srivastava et al. 2014."""


def dropout(rate: Moving[DropoutRate]) -> list[nn.Module]:
    """Returns the layers that drop values at ``rate``: none at a rate of 0."""
    if isinstance(rate, Scheduled):
        return [ScheduledDropout(rate)]
    return [nn.Dropout(rate)] if rate else []


@contextmanager
def without_dropout(network: nn.Module) -> Iterator[None]:
    """Returns a context in which no layer of a network drops values."""
    dropouts = [module for module in network.modules() if isinstance(module, nn.Dropout) and module.training]
    for module in dropouts:
        module.eval()
    try:
        yield
    finally:
        for module in dropouts:
            module.train()


class ScheduledDropout(nn.Dropout):
    """Dropout whose rate is a schedule. ``set_progress`` of the network sets the progress of the next forward passes.

    Values are dropped where a number from U(0, 1) is below the rate, and the others are divided by 1 - rate. PyTorch's
    function takes its rate as a number, which a CUDA graph would repeat; this one also takes a tensor.
    """

    def __init__(self, schedule: Scheduled) -> None:
        super().__init__(schedule.start)
        self.schedule = schedule
        self.progress: float | Tensor = 0.0

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        rate = at(self.schedule, self.progress)
        kept = torch.rand(x.shape, device=x.device) >= rate  # in float32: bf16 has 256 numbers in [0, 1) at most
        return scale(x.float() * kept, 1 / (1 - rate)).to(x.dtype)

    def extra_repr(self) -> str:
        return str(self.schedule)
