"""The interface of observers, which the trainer notifies of steps, values, samples and scores."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from ganlab.errors import in_one_line
from ganlab.points import POINT

log = logging.getLogger("ganlab")


@dataclass(frozen=True, eq=False)
class Samples:
    """Sample images (N, C, H, W) in [-1, 1] on the CPU, by name: ``real`` (once), ``generator``, and ``average`` if G's
    weights are averaged. ``columns`` is the number of columns of their grid if they are ordered by class.

    If the images are points of the plane (2, 1, 1), ``real`` is there every time, and ``levels`` holds D's logits on a
    square lattice over [-1.5, 1.5]², rows from bottom to top; it is None if D's logit depends on a label.
    """

    images: Mapping[str, Tensor]
    columns: int | None = None
    levels: Tensor | None = None

    @property
    def are_points(self) -> bool:
        """Whether the images are points of the plane."""
        return all(tuple(images.shape[1:]) == POINT for images in self.images.values())


class Scores(Protocol):
    """Scores and their meaning. ``id`` is a short hash of the meaning: scores with different ids are not comparable."""

    @property
    def values(self) -> Mapping[str, float]: ...

    @property
    def id(self) -> str: ...

    def row(self) -> dict[str, Any]:
        """Returns scores and meaning as plain values, one row of a file."""


class Observer:
    """An observer of a training run. Subclasses override the methods that they use; the trainer calls them between
    steps, on rank 0 alone.

    When training goes back to an earlier step (``divergence=rollback``, or a resume from an older checkpoint), the
    trainer calls ``rolled_back``: an observer then discards everything that it recorded for later steps.
    """

    def started(self, step: int, steps: int) -> None:
        """Called once before the first step of this process, with ``step`` of ``steps`` steps done already."""

    def stepped(self, step: int) -> None:
        """Called after each step. Reading from the device here would slow down every step."""

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        """Called every ``logging.every`` steps with means over the steps since the last call, by TensorBoard tag."""

    def sampled(self, step: int, samples: Samples) -> None:
        """Called every ``logging.samples_every`` steps, and at step 0, with sample images."""

    def scored(self, step: int, scores: Scores, best: Mapping[str, Any]) -> None:
        """Called with the scores of the present samples. ``best`` holds the best ``score``, its ``step``, and ``left``,
        the step at which the score had become worse by more than a set factor, or None."""

    def rolled_back(self, step: int) -> None:
        """Called when training has gone back to ``step``. Everything recorded for later steps must be discarded."""

    def flush(self) -> None:
        """Called before a checkpoint is written: everything recorded so far must be on the disk when it returns."""

    def closed(self) -> None:
        """Called once when training ends, also after an error."""


class Observers:
    """The observers of a run. An observer that cannot write its file, for example on a full disk, does not end
    training: a note reports it, once until it can write again."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers
        self._failing: set[int] = set()

    def __iter__(self) -> Iterator[Observer]:
        return iter(self._observers)

    def notify(self, notification: Callable[[Observer], None]) -> None:
        """Calls ``notification`` with each observer, and reports an OSError in a note."""
        for observer in self._observers:
            try:
                notification(observer)
            except OSError as error:
                if id(observer) not in self._failing:
                    what = type(observer).__name__
                    log.warning("note: %s could not be written (%s); training goes on", what, in_one_line(error))
                self._failing.add(id(observer))
            else:
                self._failing.discard(id(observer))
