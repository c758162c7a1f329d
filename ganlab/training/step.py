"""One step of training: the D updates of its plan, then its G updates."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch

from ganlab import random_numbers, random_streams
from ganlab.random_numbers import Shard
from ganlab.ranks import ALONE, Ranks
from ganlab.scalars import Scheduled
from ganlab.training.cuda_graph import StepInputs, graphs
from ganlab.training.device import Machine
from ganlab.training.feed import Feed
from ganlab.training.gan import GAN, UpdateContext, needs_real
from ganlab.training.held_out import held_out_logits
from ganlab.training.learner import Learner
from ganlab.training.schedule import Plan, Schedule
from ganlab.training.updates import update_discriminator, update_generator
from ganlab.types import Batch, Values


class Stepper:
    """Runs single steps of a training of ``steps`` steps. A step depends on (seed, step) and the weights alone.
    ``moving`` holds the settings that are schedules, by key. ``obstacles`` holds notes that explain why CUDA graphs are
    not used."""

    def __init__(
        self,
        gan: GAN,
        generator: Learner,
        discriminator: Learner,
        schedule: Schedule,
        feed: Feed,
        machine: Machine,
        *,
        steps: int,
        seed: int,
        ranks: Ranks = ALONE,
        moving: Mapping[str, Scheduled] | None = None,
    ) -> None:
        self.gan, self.generator, self.discriminator = gan, generator, discriminator
        self.schedule, self.feed, self.machine = schedule, feed, machine
        self.steps, self.seed, self.moving = steps, seed, dict(moving or {})
        self.ranks, self.shard = ranks, Shard(ranks.rank, ranks.count, gan.pack)
        self.graphs, self.obstacles = graphs(discriminator, generator, machine)

    def plan(self, step: int) -> Plan:
        """Returns the plan of a step."""
        return self.schedule.plan(step, self.gan.regularizers)

    def scheduled_values(self, step: int) -> dict[str, float]:
        """Returns the value in a step of each setting that is a schedule, by tag."""
        return {f"schedule/{key}": value.at(step / self.steps) for key, value in self.moving.items()}

    def run(self, step: int) -> list[Values]:
        """Runs one step, and returns what each of its updates reports. On a GPU the step is recorded once for each
        plan, and replayed afterwards."""
        plan, inputs = self.plan(step), self._inputs(step)
        # Dropout draws from PyTorch's global generator; seeded here, it too depends on (seed, step) alone.
        torch.manual_seed(inputs.networks)
        if self.graphs:
            return self.graphs.step(plan, inputs, updates=self._updates)
        return self._updates(plan, inputs)

    def report(self, step: int, updates: Mapping[str, float]) -> dict[str, float]:
        """Returns the values to log after ``step`` steps besides those of the ``updates`` since the last report: what
        the networks and the components with state report, D's logits on held-out images, learning rates and schedules.
        All ranks call it together."""
        values: dict[str, float] = {}
        for name, network in (("generator", self.gan.generator), ("discriminator", self.gan.discriminator)):
            values |= {f"{name}/{tag}": float(value) for tag, value in network.report().items()}
        batch = self.feed.batch_size // self.plan(step - 1).microbatches
        context = self.context(step, frozenset(), "held_out", 0)
        middle = (updates.get("discriminator/real", 0.0) + updates.get("discriminator/fake", 0.0)) / 2
        values |= held_out_logits(self.gan, self.feed, step, batch, context, self.ranks, middle)
        # Of the networks that had an update since the last report: the rate of the last one.
        updated = [one for one in (self.generator, self.discriminator) if f"{one.name}/loss" in updates]
        values |= {f"{one.name}/learning_rate": one.learning_rate for one in updated}
        return values | self.scheduled_values(step - 1) | self.gan.states.report()

    def context(
        self, step: int, due: frozenset[str], network: str, number: int, microbatches: int = 1
    ) -> UpdateContext:
        """Returns the context of an update outside the steps of training, such as for held-out images."""
        return self._context(self._inputs(step), due, network, number, microbatches)

    def _updates(self, plan: Plan, inputs: StepInputs) -> list[Values]:
        """Runs the updates of a plan. All that differs from step to step comes from ``inputs``."""
        reports: list[Values] = []
        real: Batch | None = None
        for number, due in enumerate(plan.discriminator):
            context = self._context(inputs, due, "discriminator", number, plan.microbatches)
            real = inputs.real(None)
            reports.append(update_discriminator(self.gan, self.discriminator, real, context))
        # G's updates use the reals of the last D update, or as many as they have fakes if they compare the two.
        count = self.feed.batch_size * plan.generator_factor
        own = count // self.ranks.count
        for number, due in enumerate(plan.generator):
            if real is None or (own != len(real.images) and needs_real(self.gan, due)):
                real = inputs.real(count)
            context = self._context(inputs, due, "generator", number, plan.microbatches)
            reports.append(update_generator(self.gan, self.generator, self.discriminator, real, context, own))
        return reports

    def _context(
        self, inputs: StepInputs, due: frozenset[str], network: str, number: int, microbatches: int
    ) -> UpdateContext:
        rngs = partial(inputs.rngs, network, number)
        return UpdateContext(due, rngs, inputs.progress, microbatches, inputs.top_share)

    def _inputs(self, step: int) -> StepInputs:
        def seed(network: str, number: int, stream: str) -> int:
            return random_streams.derive(self.seed, f"{network}/{stream}", step, number)

        def rngs(network: str, number: int, stream: str) -> torch.Generator:
            return random_numbers.generator(seed(network, number, stream), self.machine.device, self.shard)

        # Dropout alone is not drawn for the global batch: each rank has its own stream, and rank 0 that of one process.
        rank = [self.ranks.rank] if self.ranks.rank else []
        networks, progress = random_streams.derive(self.seed, "networks", step, *rank), step / self.steps
        return StepInputs(self.feed.next, seed, rngs, networks, progress, self.schedule.top_share(progress))
