"""One step of training: the D updates of its plan, then one G update."""

from __future__ import annotations

from functools import partial

import torch

from ganlab import draws, streams
from ganlab.draws import Shard
from ganlab.ranks import ALONE, Ranks
from ganlab.training.cuda_graph import Outside, graphs
from ganlab.training.device import Machine
from ganlab.training.feed import Feed
from ganlab.training.learner import Learner
from ganlab.training.schedule import Plan, Schedule
from ganlab.training.updates import Game, Moment, needs_real, update_discriminator, update_generator
from ganlab.types import Batch, Values


class Stepper:
    """Takes the steps of a training of ``steps``, each of which follows from (seed, step) and the weights alone.
    ``obstacles`` say why there are no CUDA graphs where somebody might expect them."""

    def __init__(
        self,
        game: Game,
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
        self.game, self.generator, self.discriminator = game, generator, discriminator
        self.schedule, self.feed, self.machine = schedule, feed, machine
        self.steps, self.seed = steps, seed
        self.ranks, self.shard = ranks, Shard(ranks.rank, ranks.count, game.pack)
        self.graphs, self.obstacles = graphs(discriminator, generator, machine)

    def plan(self, step: int) -> Plan:
        """What is due in a step."""
        return self.schedule.plan(step, self.game.terms)

    def take(self, step: int) -> list[Values]:
        """What each update of a step reports; on a GPU a step is recorded once for each plan, and then replayed."""
        plan, outside = self.plan(step), self._outside(step)
        # Dropout draws from PyTorch's global stream; seeded here, it too follows from (seed, step) alone.
        torch.manual_seed(outside.networks)
        if self.graphs:
            return self.graphs.step(plan, outside, updates=self._updates)
        return self._updates(plan, outside)

    def moment(self, step: int, due: frozenset[str], network: str, number: int, parts: int = 1) -> Moment:
        """When an update happens that is no part of a step's own, or by itself."""
        return self._moment(self._outside(step), due, network, number, parts)

    def _updates(self, plan: Plan, outside: Outside) -> list[Values]:
        """All that differs from step to step comes from ``outside``."""
        reports: list[Values] = []
        real: Batch | None = None
        for number, due in enumerate(plan.discriminator):
            moment = self._moment(outside, due, "discriminator", number, plan.parts)
            real = outside.real(None)
            reports.append(update_discriminator(self.game, self.discriminator, real, moment))
        # G's update meets the reals of the last D update, or as many as it has fakes where it compares the two.
        count = self.feed.batch_size * plan.generator_factor
        own = count // self.ranks.count
        if real is None or (own != len(real.images) and needs_real(self.game, plan.generator)):
            real = outside.real(count)
        moment = self._moment(outside, plan.generator, "generator", 0, plan.parts)
        reports.append(update_generator(self.game, self.generator, self.discriminator, real, moment, own))
        return reports

    def _moment(self, outside: Outside, due: frozenset[str], network: str, number: int, parts: int) -> Moment:
        draw = partial(outside.draw, network, number)
        return Moment(due, draw, outside.progress, parts, outside.top_share)

    def _outside(self, step: int) -> Outside:
        def seed(network: str, number: int, stream: str) -> int:
            return streams.derive(self.seed, f"{network}/{stream}", step, number)

        def draw(network: str, number: int, stream: str) -> torch.Generator:
            return draws.generator(seed(network, number, stream), self.machine.device, self.shard)

        # Dropout alone is not drawn for the whole batch: each rank has a stream of its own, the first that of a run
        # without others.
        rank = [self.ranks.rank] if self.ranks.rank else []
        networks, progress = streams.derive(self.seed, "networks", step, *rank), step / self.steps
        return Outside(self.feed.next, seed, draw, networks, progress, self.schedule.top_share(progress))
