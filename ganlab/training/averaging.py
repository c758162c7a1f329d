"""Averages of G's weights over its updates. Samples of the average vary less from step to step than those of G."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn

from ganlab.scalars import Scheduled, resolved
from ganlab.table import Moving, NonNegative, NonNegativeInt, Positive, Range, Table


class Averaging:
    """An average of G's weights. Subclasses are dataclasses whose fields are settings; in ``share`` a field that is a
    schedule has its present number."""

    def share(self, update: int) -> float | None:
        """Returns the newest weights' share in the average after ``update`` (1, 2, …), in [0, 1], or None if there is
        no average."""
        return None


@dataclass(frozen=True)
class NoAveraging(Averaging):
    """No average: samples come from G itself."""


@dataclass(frozen=True)
class EMA(Averaging):
    """Exponential moving average, w̄ ← decay · w̄ + (1 - decay) · w. Yazici et al. 2019, section 2.2.

    Until ``start`` G updates are done the average is a copy of G, so that early noise does not stay in it.
    ``half_life`` bounds the half-life, in G updates; with ``decay`` near 1 it alone decides, and a schedule from 0 lets
    the average become slower as training becomes steadier (Huang et al. 2024, published code). ``ramp`` bounds the
    half-life by that share of the updates since ``start``, as Karras et al. 2020 (StyleGAN2-ADA) do with 0.05 in their
    published code: at 0.999 a short run would still show its first weights. The shortest of the three half-lives is
    used; null sets no bound.
    """

    decay: Moving[Annotated[float, Range(least=0, below=1)]] = 0.999  # per G update
    start: NonNegativeInt = 0  # G updates
    ramp: Moving[Positive] | None = 0.05  # half-life per update done
    half_life: Moving[NonNegative] | None = None  # G updates

    def share(self, update: int) -> float:
        if update <= self.start:
            return 1.0
        decay, ramp, half_life = self.decay, self.ramp, self.half_life
        assert not isinstance(decay, Scheduled), "resolved by the average"
        assert not isinstance(ramp, Scheduled), "resolved by the average"
        assert not isinstance(half_life, Scheduled), "resolved by the average"
        if ramp is not None:
            decay = min(decay, 0.5 ** (1 / (ramp * (update - self.start))))
        if half_life is not None:
            decay = min(decay, 0.5 ** (1 / half_life) if half_life else 0.0)
        return 1.0 - decay


@dataclass(frozen=True)
class UniformAverage(Averaging):
    """Arithmetic mean of G's weights after each update since ``start``. Yazici et al. 2019.

    Until ``start`` G updates are done the average is a copy of G.
    """

    start: NonNegativeInt = 0  # G updates

    def share(self, update: int) -> float:
        return 1 / max(update - self.start, 1)


class Average:
    """A copy of G whose weights are averages of G's. Parameters are averaged, and so are the buffers that a module
    lists in its ``averaged_buffers`` (batch norm's statistics, which belong to the weights). Other buffers are
    copied."""

    def __init__(self, source: nn.Module, averaging: Averaging) -> None:
        self.averaging = averaging
        self.network = copy.deepcopy(source).eval().requires_grad_(False)
        own, theirs = self.network.state_dict(), source.state_dict()
        averaged = {name for name, _ in source.named_parameters()} | {
            f"{path}.{name}".lstrip(".")
            for path, module in source.named_modules()
            for name in getattr(module, "averaged_buffers", ())
        }
        self._averaged = [(own[name], theirs[name]) for name in own if name in averaged]
        self._copied = [(own[name], theirs[name]) for name in own if name not in averaged]
        self._shares: list[float | Tensor] = [1.0]
        self._next = 0
        self._device: torch.device | None = None

    def hold_shares(self, device: torch.device, updates: int = 1) -> None:
        """Keeps the shares of a step's ``updates`` in tensors from now on, so that a CUDA graph reads the values that
        ``prepare`` writes. The next ``follow`` uses the share of the first update."""
        self._device, self._next = device, 0
        self._shares += [1.0] * (updates - len(self._shares))
        self._shares = [
            share if isinstance(share, Tensor) else torch.full((), share, device=device) for share in self._shares
        ]

    def prepare(self, first: int, updates: int = 1, progress: float = 0.0) -> None:
        """Sets the shares of the weights after the updates ``first``, ``first`` + 1, … (1, 2, …) for the next
        ``updates`` calls of ``follow``; all of them are made at ``progress`` of training."""
        if self._device is not None:
            self.hold_shares(self._device, updates)
        self._next = 0
        averaging = resolved(self.averaging, progress)
        for number in range(updates):
            share, place = averaging.share(first + number), self._shares[number]
            assert share is not None
            if isinstance(place, Tensor):
                place.fill_(share)
            else:
                self._shares[number] = share

    @torch.no_grad()
    def follow(self) -> None:
        """Updates the average from the source's weights, with the next prepared share."""
        share = self._shares[self._next]
        self._next += 1
        for average, newest in self._averaged:
            average.lerp_(newest, share)
        for copied, newest in self._copied:
            copied.copy_(newest)


AVERAGINGS = Table[Averaging]("averaging", {"none": NoAveraging, "ema": EMA, "uniform": UniformAverage})
