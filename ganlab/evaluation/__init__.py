"""Scores of generated samples, during training and afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from ganlab.evaluation.features import FEATURES, Features
from ganlab.table import PositiveInt, Range, Table


class Evaluation:
    """The scoring of a run during training. Subclasses are dataclasses whose fields are settings."""


@dataclass(frozen=True)
class NoEvaluation(Evaluation):
    """No scores during training."""


@dataclass(frozen=True)
class Scoring(Evaluation):
    """Every so many steps ``images`` samples are compared with ``reals`` training images. The samples are those of the
    averaged generator where an average is kept. The checkpoint with the ``best`` score is kept, and the step is noted
    from which the score is worse than ``diverged`` times the best.

    ``features: auto`` is ``pixels`` for points of the plane, ``classifier`` for labelled data, ``inception`` otherwise.
    """

    every: PositiveInt = 500  # steps
    images: Annotated[int, Range(least=10)] = 2000
    reals: Annotated[int, Range(least=10)] = 10_000
    features: Literal["auto"] | Annotated[Features, FEATURES] = "auto"
    best: Literal["fid", "kid"] = "fid"
    diverged: Annotated[float, Range(above=1)] = 2.0  # times the best score


__all__ = ["EVALUATIONS", "FEATURES", "Evaluation", "Features", "NoEvaluation", "Scoring"]

EVALUATIONS = Table[Evaluation]("evaluation", {"none": NoEvaluation, "scores": Scoring})
