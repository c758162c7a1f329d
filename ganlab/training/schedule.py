"""Schedules of updates: which network is updated when, as a pure function of the step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from ganlab import deprecated
from ganlab.scalars import Scheduled
from ganlab.table import Fraction, Moving, NonNegativeInt, PositiveInt, Range, Table
from ganlab.types import Regularizer
from ganlab.update_counts import discriminator_updates


@dataclass(frozen=True)
class Plan:
    """The plan of one step: for each D update, and then for each G update, the regularizers that are due in it; the
    number of microbatches of a batch; and the size of G's batch as a multiple of ``batch_size``.

    Either network may have no update in a step.
    """

    discriminator: tuple[frozenset[str], ...]
    generator: tuple[frozenset[str], ...]
    microbatches: int = 1
    generator_factor: int = 1

    def __post_init__(self) -> None:
        if isinstance(self.generator, frozenset):
            deprecated.warn("Plan(generator=…) as one set", "a tuple with one set for each G update")
            object.__setattr__(self, "generator", (self.generator,))


class Schedule:
    """A schedule of updates. Subclasses are dataclasses whose fields are settings.

    A training of ``steps`` steps calls ``plan`` for each of them. One step is the D updates of its plan, then its G
    updates; progress, learning rates, logging and checkpoints count steps.
    """

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
class Burst:
    """The steps that have ``updates`` D updates instead of ``n_critic``: the ``first`` steps, and every ``every``-th
    step (0, ``every``, 2 ``every``, …). Arjovsky et al. 2017, published code: 25, 500 and 100."""

    first: NonNegativeInt = 25  # steps
    every: PositiveInt = 500  # steps
    updates: PositiveInt = 100  # D updates in each of them

    def __contains__(self, step: int) -> bool:
        return step < self.first or step % self.every == 0


@dataclass(frozen=True)
class Alternating(Schedule):
    """``n_critic`` updates of D, each on fresh reals and latents, then ``generator_updates`` of G, each on fresh
    latents. Goodfellow et al. 2014, Algorithm 1, with one G update.

    ``discriminator_every`` k leaves D unchanged in all steps but 0, k, 2k, …. In the steps of a ``burst`` D has the
    burst's number of updates, whatever ``n_critic`` and ``discriminator_every`` are.
    ``pretrain_discriminator`` further D updates precede the first update of G. ``accumulation`` divides each batch into
    that many microbatches, which are processed one after the other, and sums their gradients (a layer that compares
    images, such as batch norm, then compares those of one microbatch).
    ``generator_batch_factor`` times ``batch_size`` is the number of images in a G update (Miyato et al. 2018: twice
    D's). ``top_k`` is the least share of them that G learns from: it falls from 1 to ``top_k`` over the share
    ``top_k_until`` of training (Sinha et al. 2020, section 3; they lower it by 1 % an epoch). A schedule of ``top_k``
    is used as it is, and ``top_k_until`` must be left alone then (ValueError).
    """

    n_critic: Literal["auto"] | PositiveInt = "auto"
    generator_updates: PositiveInt = 1
    discriminator_every: PositiveInt = 1  # steps
    burst: Burst | None = None
    pretrain_discriminator: NonNegativeInt = 0  # D updates
    accumulation: PositiveInt = 1  # microbatches
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
        # Each network's updates are numbered over the whole training, so that a regularizer with interval 16 is due
        # every 16 updates, whatever the number of updates in a step.
        first, end = self.discriminator_updates_before(step), self.discriminator_updates_before(step + 1)
        g_first = step * self.generator_updates
        return Plan(
            tuple(_due(update, regularizers) for update in range(first, end)),
            tuple(_due(update, regularizers) for update in range(g_first, g_first + self.generator_updates)),
            self.microbatches,
            self.generator_batch_factor,
        )

    def discriminator_updates_before(self, step: int) -> int:
        """Returns the number of D updates in the first ``step`` steps."""
        assert self.n_critic != "auto", "resolved by the configuration"
        burst = (self.burst.first, self.burst.every, self.burst.updates) if self.burst else None
        return discriminator_updates(step, self.n_critic, self.discriminator_every, self.pretrain_discriminator, burst)

    def top_share(self, progress: float) -> float:
        if isinstance(self.top_k, Scheduled):
            return self.top_k.at(progress)
        return Scheduled(1.0, self.top_k, until=self.top_k_until).at(progress)


def _due(update: int, regularizers: Mapping[str, Regularizer]) -> frozenset[str]:
    return frozenset(name for name, regularizer in regularizers.items() if update % regularizer.interval == 0)


SCHEDULES = Table[Schedule]("schedule", {"alternating": Alternating})
