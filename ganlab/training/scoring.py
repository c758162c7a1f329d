"""Scores during training, and the best one so far."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from torch import Tensor

from ganlab.errors import UserError
from ganlab.training.observer import Scores

log = logging.getLogger("ganlab")


class Evaluator(Protocol):
    """Computes scores of generated images."""

    def score(self, fakes: Iterable[Tensor], *, weights: str) -> Scores:
        """Returns the scores of batches of images (n, C, H, W) in [-1, 1] of G with these ``weights``, ``average`` or
        ``network``. Raises UserError."""


class ScoreSettings(Protocol):
    """The settings of scores: the number of steps between them, the number of images, the score that selects the best
    checkpoint (lower is better), and the factor of the best score above which a run counts as having left it."""

    @property
    def every(self) -> int: ...
    @property
    def images(self) -> int: ...
    @property
    def best(self) -> str: ...
    @property
    def diverged(self) -> float: ...


class Scorer:
    """Scores samples at its steps, and keeps the best score. Without ``settings`` no step is scored, and the best score
    of an earlier part of the run is kept. With several ranks only rank 0 has an ``evaluator``.

    ``best`` is stored in checkpoints: the best ``score``, its ``step``, the ``id`` of its fingerprint, the ``last``
    score, and the step at which the run had ``left`` its best; None before the first score.
    """

    def __init__(self, evaluator: Evaluator | None = None, settings: ScoreSettings | None = None) -> None:
        self.evaluator, self.settings = evaluator, settings
        self.best: dict[str, Any] | None = None

    def due(self, step: int, done: bool) -> bool:
        """Whether scores are due after ``step``; ``done`` is whether it is the last one."""
        return self.settings is not None and (done or step % self.settings.every == 0)

    def score(self, step: int, fakes: Callable[[int], Iterable[Tensor]], weights: str) -> Scores | None:
        """Returns the scores of the number of ``fakes`` in the settings, from these ``weights``. Logs a note and
        returns None if the images are not finite."""
        assert self.evaluator is not None
        assert self.settings is not None
        try:
            scores = self.evaluator.score(fakes(self.settings.images), weights=weights)
        except UserError as error:  # whether training can go on is checked elsewhere
            log.warning("note: step %d was not scored: %s", step, error)
            return None
        value = scores.values[self.settings.best]
        before = self.best if self.best and self.best["id"] == scores.id else None
        if before is None or value < before["score"]:
            self.best = {"score": value, "step": step, "id": scores.id, "last": value, "left": None}
        else:
            left = before["left"]
            if left is None and value > self.settings.diverged * before["score"] > 0:
                left = step
            self.best = {**before, "last": value, "left": left}
        return scores
