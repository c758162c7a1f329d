"""Scalars that may change during training: a number, or a schedule of the training's progress."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, overload

if TYPE_CHECKING:  # settings are read without waiting for torch
    from torch import Tensor

Shape = Literal["linear", "cosine", "exponential", "step", "constant"]
SHAPES: tuple[str, ...] = get_args(Shape)
T = TypeVar("T")


@dataclass(frozen=True)
class Scheduled:
    """A scalar that goes from ``start`` to ``end`` while training goes from ``since`` (typed ``from``) to ``until``,
    both shares of the training's steps in [0, 1]. It is ``start`` before and ``end`` after.

    With x = (progress - since) / (until - since), clamped to [0, 1]:

    - ``linear``: start + (end - start) · x
    - ``cosine``: end + (start - end) · (1 + cos πx) / 2 (Loshchilov & Hutter 2017, Eq. 5)
    - ``exponential``: start · (end / start)^x, both above 0
    - ``step``: ``start`` before ``until``, ``end`` from then on
    - ``constant``: ``start``, which ``end`` must equal

    Raises ValueError if the fields contradict each other.
    """

    start: float
    end: float
    shape: Shape = "linear"
    since: float = 0.0
    until: float = 1.0

    def __post_init__(self) -> None:
        if self.since > self.until:
            raise ValueError(
                f"found from={self.since:g} and until={self.until:g}, but a schedule begins before it ends; type a "
                f"from below {self.until:g}"
            )
        if self.shape == "exponential" and not (self.start > 0 and self.end > 0):
            raise ValueError(
                f"found start={self.start:g} and end={self.end:g} with shape=exponential, whose ends must both be "
                "above 0; type shape=cosine or shape=linear, or other ends"
            )
        if self.shape == "step" and self.since:
            raise ValueError(
                f"found from={self.since:g} with shape=step, which changes at until={self.until:g} alone; leave from "
                "out"
            )
        if self.shape == "constant" and self.start != self.end:
            raise ValueError(
                f"found start={self.start:g} and end={self.end:g} with shape=constant, which does not change; leave "
                "end out, or type another shape"
            )

    @overload
    def at(self, progress: float) -> float: ...
    @overload
    def at(self, progress: Tensor) -> Tensor: ...
    def at(self, progress: float | Tensor) -> float | Tensor:
        """Returns the value at ``progress``, the share of the training's steps that is done, in [0, 1].

        In a CUDA graph ``progress`` is a float64 scalar tensor; so is the result then, and nothing is read back.
        """
        if not isinstance(progress, float | int):
            return self._at_tensor(progress)
        if self.shape == "step":
            return self.end if progress >= self.until else self.start
        if self.since == self.until:
            x = 1.0 if progress >= self.until else 0.0
        else:
            x = min(max((progress - self.since) / (self.until - self.since), 0.0), 1.0)
        if self.shape == "cosine":
            return self.end + (self.start - self.end) * (1 + math.cos(math.pi * x)) / 2
        if self.shape == "exponential":
            return self.start * math.exp(math.log(self.end / self.start) * x)
        return self.start + (self.end - self.start) * x

    def _at_tensor(self, progress: Tensor) -> Tensor:
        if self.shape == "step" or self.since == self.until:
            x = (progress >= self.until).to(progress.dtype)
        else:  # divided by a tensor, because GPUs multiply by the rounded inverse of a number
            x = ((progress - self.since) / progress.new_full((), self.until - self.since)).clamp(0.0, 1.0)
        if self.shape == "step":
            return x * self.end + (1 - x) * self.start
        if self.shape == "cosine":
            return (1 + (math.pi * x).cos()) * (self.start - self.end) / 2 + self.end
        if self.shape == "exponential":
            return (math.log(self.end / self.start) * x).exp() * self.start
        return self.start + (self.end - self.start) * x

    def plain(self) -> dict[str, Any]:
        """Returns the schedule as a person types it."""
        return {"start": self.start, "end": self.end, "shape": self.shape, "from": self.since, "until": self.until}

    def __str__(self) -> str:
        window = f", from: {self.since:g}" * (self.since != 0) + f", until: {self.until:g}" * (self.until != 1)
        return f"{{start: {self.start:g}, end: {self.end:g}, shape: {self.shape}{window}}}"

    def __format__(self, spec: str) -> str:
        return str(self)  # a message formats numbers with :g, which a schedule has no use for


@overload
def at(value: float | Scheduled, progress: float) -> float: ...
@overload
def at(value: float | Scheduled, progress: float | Tensor) -> float | Tensor: ...
def at(value: float | Scheduled, progress: float | Tensor) -> float | Tensor:
    """Returns a number as it is, and a schedule's value at ``progress``, as in ``Scheduled.at``."""
    return value.at(progress) if isinstance(value, Scheduled) else value


def scale(value: Tensor, factor: float | Tensor) -> Tensor:
    """Returns ``factor * value`` in the dtype of ``value``, which may be a scalar tensor: a float64 factor would
    promote it."""
    return value * (factor if isinstance(factor, float | int) else factor.to(value.dtype))


def moves(value: Any) -> bool:
    """Whether a setting's value is a schedule, or a tuple with one."""
    return isinstance(value, Scheduled) or (isinstance(value, tuple) and any(map(moves, value)))


def moving_fields(component: Any) -> list[str]:
    """Returns the names of the dataclass's fields that hold schedules."""
    return [field.name for field in fields(component) if moves(getattr(component, field.name))]


def resolved(component: T, progress: float | Tensor) -> T:
    """Returns the dataclass with the value at ``progress`` in place of each schedule among its fields; the same object
    if there is none."""
    names = moving_fields(component)
    if not names:
        return component
    now = copy.copy(component)
    for name in names:  # not by `replace`, whose checks may compare values that are tensors here
        value = getattr(component, name)
        # Frozen for everybody else; this copy is not shared yet.
        object.__setattr__(now, name, _resolved_value(value, progress))
    return now


def _resolved_value(value: Any, progress: float | Tensor) -> Any:
    return tuple(at(item, progress) for item in value) if isinstance(value, tuple) else at(value, progress)
