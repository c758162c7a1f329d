"""How a run is scored while it trains and afterwards."""

from __future__ import annotations

from dataclasses import dataclass

from ganlab.table import Table


class Evaluation:
    """Subclasses are dataclasses: their fields are settings."""


@dataclass(frozen=True)
class NoEvaluation(Evaluation):
    """No scores during training."""


EVALUATIONS = Table[Evaluation]("evaluation", {"none": NoEvaluation})
