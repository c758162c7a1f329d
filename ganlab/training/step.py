"""One step of training: the D updates of its plan, then one G update."""

from __future__ import annotations

from functools import partial

import torch

from ganlab import random_numbers, random_streams
from ganlab.random_numbers import Shard
from ganlab.ranks import ALONE, Ranks
from ganlab.training.cuda_graph import StepInputs, graphs
from ganlab.training.device import Machine
from ganlab.training.feed import Feed
from ganlab.training.learner import Learner
from ganlab.training.schedule import Plan, Schedule
from ganlab.training.updates import GAN, UpdateContext, needs_real, update_discriminator, update_generator
from ganlab.types import Batch, Values


class Stepper:
    """Takes the steps of a training of ``steps``, each of which follows from (seed, step) and the weights alone.
    ``obstacles`` say why there are no CUDA graphs where somebody might expect them."""

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
    ) -> None:
        self.gan, self.generator, self.discriminator = gan, generator, discriminator
        self.schedule, self.feed, self.machine = schedule, feed, machine
        self.steps, self.seed = steps, seed
        self.ranks, self.shard = ranks, Shard(ranks.rank, ranks.count, gan.pack)
        self.graphs, self.obstacles = graphs(discriminator, generator, machine)

    def plan(self, step: int) -> Plan:
        """What is due in a step."""
        return self.schedule.plan(step, self.gan.regularizers)

    def take(self, step: int) -> list[Values]:
        """What each update of a step reports; on a GPU a step is recorded once for each plan, and then replayed."""
        plan, inputs = self.plan(step), self._outside(step)
        # Dropout draws from PyTorch's global stream; seeded here, it too follows from (seed, step) alone.
        torch.manual_seed(inputs.networks)
        if self.graphs:
            return self.graphs.step(plan, inputs, updates=self._updates)
        return self._updates(plan, inputs)

    def context(
        self, step: int, due: frozenset[str], network: str, number: int, microbatches: int = 1
    ) -> UpdateContext:
        """When an update happens that is no part of a step's own, or by itself."""
        return self._moment(self._outside(step), due, network, number, microbatches)

    def _updates(self, plan: Plan, inputs: StepInputs) -> list[Values]:
        """All that differs from step to step comes from ``outside``."""
        reports: list[Values] = []
        real: Batch | None = None
        for number, due in enumerate(plan.discriminator):
            context = self._moment(inputs, due, "discriminator", number, plan.microbatches)
            real = inputs.real(None)
            reports.append(update_discriminator(self.gan, self.discriminator, real, context))
        # G's update meets the reals of the last D update, or as many as it has fakes where it compares the two.
        count = self.feed.batch_size * plan.generator_factor
        own = count // self.ranks.count
        if real is None or (own != len(real.images) and needs_real(self.gan, plan.generator)):
            real = inputs.real(count)
        context = self._moment(inputs, plan.generator, "generator", 0, plan.microbatches)
        reports.append(update_generator(self.gan, self.generator, self.discriminator, real, context, own))
        return reports

    def _moment(
        self, inputs: StepInputs, due: frozenset[str], network: str, number: int, microbatches: int
    ) -> UpdateContext:
        rngs = partial(inputs.rngs, network, number)
        return UpdateContext(due, rngs, inputs.progress, microbatches, inputs.top_share)

    def _outside(self, step: int) -> StepInputs:
        def seed(network: str, number: int, stream: str) -> int:
            return random_streams.derive(self.seed, f"{network}/{stream}", step, number)

        def rngs(network: str, number: int, stream: str) -> torch.Generator:
            return random_numbers.generator(seed(network, number, stream), self.machine.device, self.shard)

        # Dropout alone is not drawn for the whole batch: each rank has a stream of its own, the first that of a run
        # without others.
        rank = [self.ranks.rank] if self.ranks.rank else []
        networks, progress = random_streams.derive(self.seed, "networks", step, *rank), step / self.steps
        return StepInputs(self.feed.next, seed, rngs, networks, progress, self.schedule.top_share(progress))
