"""Sweepers that search, such as Optuna: they need a score of every run, and choose the next one by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.types import Override

from ganlab.config import Settings
from ganlab.config.compose import Composer
from ganlab.evaluation import Scoring

BASIC = "basic"  # runs every combination, and looks at no score


@dataclass(frozen=True)
class Sweeper:
    """The sweeper of a sweep: the ``name`` of its option, and the ``direction`` of its search where it has one."""

    name: str
    direction: Any = None

    @property
    def searches(self) -> bool:
        """Whether it chooses by the scores of the runs before."""
        return self.name != BASIC

    def problems(self) -> list[str]:
        """Returns why the score of a run, of which lower is better, does not fit the search."""
        if not self.searches or self.direction is None:
            return []
        if isinstance(self.direction, str):
            if self.direction.rpartition(".")[2] == "minimize":
                return []
            return [
                f"hydra.sweeper.direction={self.direction}: the score is FID or KID (evaluation.best), and lower is "
                "better; leave it out, or type hydra.sweeper.direction=minimize"
            ]
        if len(self.direction) == 1:
            return Sweeper(self.name, str(self.direction[0])).problems()
        return [
            f"hydra.sweeper.direction has {len(self.direction)} entries, and a run has one score; leave it out, or "
            "type hydra.sweeper.direction=minimize"
        ]

    def problems_with(self, settings: Settings) -> list[str]:
        """Returns why a run with these settings has no score for the search."""
        if not self.searches or isinstance(settings.evaluation, Scoring):
            return []
        return [
            f"hydra/sweeper={self.name}: it chooses by the scores of the runs before, and evaluation=none makes none; "
            "type evaluation=scores"
        ]


def sweeper_of(composing: Composer, read: Sequence[Override]) -> Sweeper:
    """Returns the sweeper that was typed or that a recipe names. Raises Refused where it cannot be composed."""
    name, settings = composing.sweeper(read)
    return Sweeper(name, settings.get("direction"))
