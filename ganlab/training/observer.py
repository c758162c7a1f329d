"""What the trainer tells whoever watches it. It knows nothing of TensorBoard, bars or files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from ganlab.errors import in_one_line
from ganlab.points import POINT

log = logging.getLogger("ganlab")


@dataclass(frozen=True, eq=False)
class Samples:
    """Images (N, C, H, W) in [-1, 1] on the CPU by name: ``real`` (once), ``generator``, and ``average`` where one is
    kept. ``columns`` of a grid where they are ordered by class.

    Where images are points of the plane (2, 1, 1), ``real`` is there every time, and ``levels`` are D's logits on a
    square lattice over [-1.5, 1.5]², rows from bottom to top; None where D judges them by their label.
    """

    images: Mapping[str, Tensor]
    columns: int | None = None
    levels: Tensor | None = None

    @property
    def are_points(self) -> bool:
        """Whether the images are points of the plane."""
        return all(tuple(images.shape[1:]) == POINT for images in self.images.values())


class Scores(Protocol):
    """Numbers and what they mean; ``id`` is a short name of that, and numbers with different ones do not compare."""

    @property
    def values(self) -> Mapping[str, float]: ...

    @property
    def id(self) -> str: ...

    def row(self) -> dict[str, Any]:
        """All of it, as plain values for a file."""


class Observer:
    """Subclasses take what they care for. All are called between steps."""

    def started(self, step: int, steps: int) -> None:
        """Training begins, or goes on after ``step`` of ``steps``."""

    def stepped(self, step: int) -> None:
        """One more G update is done. Called at every step: nothing may be read from the device here."""

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        """Means over the steps since the last call, by TensorBoard tag."""

    def sampled(self, step: int, samples: Samples) -> None:
        """Pictures of how far G has come."""

    def scored(self, step: int, scores: Scores, best: Mapping[str, Any]) -> None:
        """How good samples are by now. ``best``: the leading ``score``, its ``step``, and ``left``, the step at which
        the run had got worse by more than a set factor, or None."""

    def rolled_back(self, step: int) -> None:
        """Training went back to ``step``: what was told of later ones did not happen."""

    def flush(self) -> None:
        """A checkpoint follows: what was told so far must be on the disk."""

    def closed(self) -> None:
        """Training is over, one way or another."""


class Observers:
    """Those who watch a run. A file that one of them cannot write, on a full disk, ends no training: that is told in a
    note, once until it can write again."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self.observers = observers
        self._failing: set[int] = set()

    def notify(self, notification: Callable[[Observer], None]) -> None:
        """Gives each of them the ``news``."""
        for observer in self.observers:
            try:
                notification(observer)
            except OSError as error:
                if id(observer) not in self._failing:
                    what = type(observer).__name__
                    log.warning("note: %s could not be written (%s); training goes on", what, in_one_line(error))
                self._failing.add(id(observer))
            else:
                self._failing.discard(id(observer))
