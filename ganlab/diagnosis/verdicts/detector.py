"""The contract of detectors: pure functions of what a run's rows have shown so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from ganlab.diagnosis.verdicts.facts import Facts
from ganlab.diagnosis.verdicts.history import History
from ganlab.diagnosis.verdicts.records import Advice, Evidence

Sight = Mapping[str, tuple[Evidence, ...]]
"""The result of a detector for one row: each clause with the evidence that it holds, () if it does not hold. A clause
whose values the row does not have is absent."""
RARE = "rare"
"""The beginning of the names of clauses about values that only some rows have: scores, and what is measured at sample
points."""


class Detector:
    """A detector of one verdict. Subclasses are dataclasses whose fields are thresholds.

    One of its clauses must hold in ``points`` rows in a row that say something about it (``rare_points`` for rare
    ones) before the verdict is given; the verdict ends when none has held for as many rows.
    """

    name: ClassVar[str]
    networks: ClassVar[tuple[str | None, ...]] = (None,)
    """The networks that are looked at one by one; None is both together."""
    excused: ClassVar[bool] = True
    """Whether the first part of training is excused (``warm_up``)."""
    begins: float = 0.0
    """The share of the planned training that is excused for this verdict, if it is more than ``warm_up``."""
    points: int = 3
    rare_points: int = 2

    def look(self, seen: History, facts: Facts, network: str | None) -> Sight:
        """Returns what the newest row of ``seen`` shows."""
        raise TypeError(f"{type(self).__name__} looks at nothing")

    def explain(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> str:
        """Returns one or two sentences on what the ``evidence`` means."""
        raise TypeError(f"{type(self).__name__} explains nothing")

    def advise(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> tuple[Advice, ...]:
        """Returns overrides to try, in the order of likely help."""
        return ()

    def needed(self, clause: str) -> int:
        """Returns the number of rows in a row in which the clause must hold, or fail."""
        return self.rare_points if clause.startswith(RARE) else self.points


def above(tag: str, value: float, threshold: float, meaning: str) -> tuple[Evidence, ...]:
    """Returns the evidence that a value is above its threshold, () if it is not."""
    return (Evidence(tag, value, "above", threshold, meaning),) if value > threshold else ()


def below(tag: str, value: float, threshold: float, meaning: str) -> tuple[Evidence, ...]:
    """Returns the evidence that a value is below its threshold, () if it is not."""
    return (Evidence(tag, value, "below", threshold, meaning),) if value < threshold else ()
