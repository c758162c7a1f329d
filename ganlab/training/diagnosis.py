"""The interface of the diagnosis, from which the trainer gets the signals of a log point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from ganlab.types import Values


class LogitSignals(Protocol):
    """Computes signals from D's logits, one per sample, without reading from the device."""

    def of_update(self, real: Tensor, fake: Tensor) -> Values:
        """Returns scalars of D's logits (n,) on the reals and on the fakes of an update of D, by name."""

    def of_held_out(self, held_out: Tensor, trained_on: Tensor, middle: float) -> Values:
        """Returns scalars of D's logits (n,) on held-out and on training images, by name. ``middle`` is halfway between
        D's mean logits on reals and on fakes of the last updates."""


@dataclass(frozen=True)
class LogPoint:
    """The facts of a log point: the ``step`` after which it is, the share of training that is done (``progress``), the
    ``values`` that are logged besides the signals, by tag, and the number of ``updates`` since the log point before, by
    network. ``sampled`` is whether a sample grid was due since then."""

    step: int
    progress: float
    values: Mapping[str, float]
    updates: Mapping[str, int]
    sampled: bool


class Diagnosis:
    """A diagnosis that computes nothing: ``diagnosis=none``. Subclasses override its methods; none of them changes
    anything of the training."""

    def before_step(self) -> None:
        """Called before the last step ahead of a log point, so that it can be compared with what it was before."""

    def signals(self, point: LogPoint) -> dict[str, float]:
        """Returns the signals of a log point by tag, the same on all ranks. A signal that cannot be computed is absent.
        All ranks call it together."""
        return {}

    def state(self) -> dict[str, Any]:
        """Returns what a resumed run needs, so that its signals are those of an uninterrupted one."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Loads a saved ``state``; {} for a checkpoint of an earlier version, which has none."""
