"""Schedules of updates: which network is updated when, as a pure function of the step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from ganlab.scalars import Scheduled
from ganlab.table import Fraction, Moving, NonNegativeInt, PositiveInt, Range, Table
from ganlab.types import Regularizer


@dataclass(frozen=True)
class Plan:
    """The plan of one step: the regularizers due in each D update, one set per update, and those due in the G update;
    the number of microbatches of a batch; and the size of G's batch as a multiple of ``batch_size``."""

    discriminator: tuple[frozenset[str], ...]
    generator: frozenset[str]
    microbatches: int = 1
    generator_factor: int = 1


class Schedule:
    """A schedule of updates. Subclasses are dataclasses whose fields are settings."""

    @property
    def microbatches(self) -> int:
        """The number of microbatches that each batch is divided into (gradient accumulation)."""
        return 1

    def plan(self, step: int, regularizers: Mapping[str, Regularizer]) -> Plan:
        """Returns the plan of the step that follows ``step`` finished steps."""
        raise TypeError(f"{type(self).__name__} defines no plan")

    def top_share(self, progress: float) -> float:
        """Returns the share of G's images, those with the largest logits, that G learns from at ``progress`` of
        training. It is no part of the plan, since it may change at every step."""
        return 1.0


@dataclass(frozen=True)
class Alternating(Schedule):
    """``n_critic`` updates of D, each on fresh reals and latents, then one of G. Goodfellow et al. 2014, Algorithm 1.

    ``pretrain_discriminator`` more D updates come before the first of G. ``accumulation`` takes a batch in so many
    parts, one after the other, and sums their gradients (what compares images, such as batch norm, sees a part alone).
    ``generator_batch_factor`` times ``batch_size`` is the number of images in G's update (Miyato et al. 2018: twice
    D's). ``top_k`` is the least share of them that G learns from: it falls from 1 to ``top_k`` over the share
    ``top_k_until`` of training (Sinha et al. 2020, section 3; they lower it by 1 % an epoch). A schedule of ``top_k``
    is used as it is, and ``top_k_until`` must be left alone then (ValueError).
    """

    n_critic: Literal["auto"] | PositiveInt = "auto"
    pretrain_discriminator: NonNegativeInt = 0  # D updates
    accumulation: PositiveInt = 1  # parts of a batch
    generator_batch_factor: PositiveInt = 1  # times batch_size
    top_k: Moving[Annotated[float, Range(above=0, most=1)]] = 1.0
    top_k_until: Fraction = 0.5

    def __post_init__(self) -> None:
        if isinstance(self.top_k, Scheduled) and self.top_k_until != 0.5:
            raise ValueError(
                f"found top_k_until={self.top_k_until:g} with top_k={self.top_k}, which has an end of its own; leave "
                "top_k_until out"
            )

    @property
    def microbatches(self) -> int:
        return self.accumulation

    def plan(self, step: int, regularizers: Mapping[str, Regularizer]) -> Plan:
        assert self.n_critic != "auto", "resolved by the configuration"
        # Updates are counted through, so that a term every 16 updates stays at that across steps.
        first = step * self.n_critic + (self.pretrain_discriminator if step else 0)
        count = self.n_critic + (0 if step else self.pretrain_discriminator)
        return Plan(
            tuple(_due(first + update, regularizers) for update in range(count)),
            _due(step, regularizers),
            self.microbatches,
            self.generator_batch_factor,
        )

    def top_share(self, progress: float) -> float:
        if isinstance(self.top_k, Scheduled):
            return self.top_k.at(progress)
        return Scheduled(1.0, self.top_k, until=self.top_k_until).at(progress)


def _due(update: int, regularizers: Mapping[str, Regularizer]) -> frozenset[str]:
    return frozenset(name for name, regularizer in regularizers.items() if update % regularizer.interval == 0)


SCHEDULES = Table[Schedule]("schedule", {"alternating": Alternating})
