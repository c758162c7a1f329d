"""Who is updated when: a pure function of the step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ganlab.table import Count, Table
from ganlab.types import Regularizer


@dataclass(frozen=True)
class Plan:
    """One step: the terms due in each of its D updates, one set per update, and those due in its G update."""

    discriminator: tuple[frozenset[str], ...]
    generator: frozenset[str]


class Schedule:
    """Subclasses are dataclasses: their fields are settings."""

    def plan(self, step: int, terms: Mapping[str, Regularizer]) -> Plan:
        """The plan of the step that follows ``step`` finished ones."""
        raise TypeError(f"{type(self).__name__} makes no plan")


@dataclass(frozen=True)
class Alternating(Schedule):
    """``n_critic`` updates of D, each on fresh reals and latents, then one of G. Goodfellow et al. 2014, Algorithm
    1."""

    n_critic: Literal["auto"] | Count = "auto"

    def plan(self, step: int, terms: Mapping[str, Regularizer]) -> Plan:
        assert self.n_critic != "auto", "resolved by the configuration"
        first = step * self.n_critic
        return Plan(
            tuple(_due(first + update, terms) for update in range(self.n_critic)),
            _due(step, terms),
        )


def _due(update: int, terms: Mapping[str, Regularizer]) -> frozenset[str]:
    return frozenset(name for name, term in terms.items() if update % term.interval == 0)


SCHEDULES = Table[Schedule]("schedule", {"alternating": Alternating})
