from __future__ import annotations

from dataclasses import dataclass

from ganlab.table import Fraction
from ganlab.types import Draw, TargetPair


@dataclass(frozen=True)
class Targets:
    """What D is asked to say of reals and of fakes, as probabilities.

    One-sided label smoothing is ``real`` below 1 with ``fake`` at 0. Salimans et al. 2016, section 3.4: 0.9.
    """

    real: Fraction = 1.0
    fake: Fraction = 0.0

    def draw(self, judged: int, draw: Draw) -> TargetPair:
        """The targets of one D update with ``judged`` judged samples of each kind."""
        return TargetPair(self.real, self.fake)
