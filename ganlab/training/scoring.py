"""How good samples are by now, and which checkpoint had the best ones."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from torch import Tensor

from ganlab.errors import UserError
from ganlab.training.observer import Scores

log = logging.getLogger("ganlab")


class Evaluator(Protocol):
    """Scores batches of images (n, C, H, W) in [-1, 1] of G with these ``weights``: its ``average``, or the
    ``network``'s own. Raises UserError."""

    def score(self, fakes: Iterable[Tensor], *, weights: str) -> Scores: ...


class ScoreSettings(Protocol):
    """How often a run is scored, on how many images, by which score (the lower, the better) its best checkpoint is
    kept, and how many times worse than its best it may get before that is told."""

    @property
    def every(self) -> int: ...
    @property
    def images(self) -> int: ...
    @property
    def best(self) -> str: ...
    @property
    def diverged(self) -> float: ...


class Scorer:
    """Has samples judged when it is time, and remembers the best score. Without ``settings`` it is never time; what an
    earlier part of the run remembered stays. Of several ranks the first alone has a ``judge``.

    ``best`` is what a checkpoint keeps: the leading ``score``, its ``step`` and its fingerprint's ``id``, the ``last``
    score, and the step where the best one was ``left``; None before the first score.
    """

    def __init__(self, evaluator: Evaluator | None = None, settings: ScoreSettings | None = None) -> None:
        self.evaluator, self.settings = evaluator, settings
        self.best: dict[str, Any] | None = None

    def due(self, step: int, done: bool) -> bool:
        """Whether to score after ``step``, of which ``done`` says that it is the last."""
        return self.settings is not None and (done or step % self.settings.every == 0)

    def score(self, step: int, fakes: Callable[[int], Iterable[Tensor]], weights: str) -> Scores | None:
        """Scores of as many ``fakes`` as the settings ask for, by these weights; None, with a note, where they are no
        numbers."""
        assert self.evaluator is not None
        assert self.settings is not None
        try:
            scores = self.evaluator.score(fakes(self.settings.images), weights=weights)
        except UserError as error:  # whether training can go on shows elsewhere
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
