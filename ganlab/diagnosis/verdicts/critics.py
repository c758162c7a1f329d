"""The verdict on Wasserstein critics: their slope must be 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ganlab.diagnosis.verdicts.detector import Detector, Sight, above, below
from ganlab.diagnosis.verdicts.facts import Facts, best_of
from ganlab.diagnosis.verdicts.history import History
from ganlab.diagnosis.verdicts.records import Advice, Evidence
from ganlab.diagnosis.verdicts.unusual import unusual
from ganlab.table import Positive, PositiveInt

SLOPE, PENALTY = "diagnosis/input_gradient", "discriminator/gradient_penalty"
REAL, FAKE = "discriminator/real", "discriminator/fake"


@dataclass(frozen=True)
class NotLipschitz(Detector):
    """The slope of a Wasserstein critic is far from 1, so that its loss is no distance. Gulrajani et al. 2017, section
    4: the gradient penalty keeps it at 1; with clipped weights it may be any constant."""

    name: ClassVar[str] = "not_lipschitz"
    points: PositiveInt = 3
    # A mean slope of 5: runs with a gradient penalty stay below 3, also on toys with its weight of 0.1.
    steep: Positive = 5.0
    # A mean slope of 0.001: the critic is flat, and G's gradient a thousandth of what it should be.
    flat: Positive = 1e-3
    # Without the slope: a gradient penalty of 25, which is that of a slope of 6 everywhere.
    penalty: Positive = 25.0
    # Without either: the gap of its mean outputs. Images of 1,000 pixels in [-1, 1] are at most 64 apart.
    gap: Positive = 200.0
    gap_flat: Positive = 1e-4

    def look(self, seen: History, facts: Facts, network: str | None) -> Sight:
        if not facts.is_critic:
            return {}
        found: dict[str, tuple[Evidence, ...]] = {}
        meaning = "the mean norm of the critic's gradient with respect to its input, which should be 1,"
        if (slope := seen.level(SLOPE)) is not None:
            found["slope"] = above(SLOPE, slope, self.steep, meaning) or below(SLOPE, slope, self.flat, meaning)
        elif (penalty := seen.level(PENALTY)) is not None:
            meaning = "the gradient penalty, the mean of (slope - 1)²,"
            found["penalty"] = above(PENALTY, penalty, self.penalty, meaning)
        real, fake = seen.level(REAL), seen.level(FAKE)
        if real is not None and fake is not None:
            meaning = "the gap between the critic's mean outputs on reals and on fakes"
            found["gap"] = above(REAL, abs(real - fake), self.gap, meaning) or below(
                REAL, abs(real - fake), self.gap_flat, meaning
            )
        return found

    def explain(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> str:
        if any(one.relation == "below" for one in evidence):
            return "The critic is flat: it can hardly tell images apart, and G's gradient is as small as its slope."
        return "Nothing holds the critic's slope near 1: its outputs can grow without end, and its loss is no distance."

    def advise(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> tuple[Advice, ...]:
        return best_of(
            *unusual(facts, self.name),
            facts.lipschitz(),
            facts.lower_rate("discriminator") if facts.is_fast("discriminator") else None,
            Advice(("schedule.n_critic=5",), "the critic has more updates")
            if (facts.number("schedule.n_critic") or 5) < 5
            else None,
            facts.lower_rate("discriminator"),
        )
