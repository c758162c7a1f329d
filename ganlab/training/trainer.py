"""The loop: plans, updates, and what happens between steps."""

from __future__ import annotations

import logging as loggers
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, Protocol

import torch
from torch import Tensor, nn

from ganlab import streams
from ganlab.errors import TrainingFailed, UserError
from ganlab.points import POINT
from ganlab.table import Count, Range
from ganlab.training.checkpoint import Checkpoints
from ganlab.training.cuda_graph import Outside, graphs
from ganlab.training.device import Machine
from ganlab.training.learner import Learner
from ganlab.training.observer import Observer, Samples, Scores
from ganlab.training.schedule import Plan, Schedule
from ganlab.training.updates import (
    Game,
    Moment,
    judge_apart,
    needs_real,
    update_discriminator,
    update_generator,
)
from ganlab.types import Batch, Values

log = loggers.getLogger("ganlab")

LATTICE = 100  # points a side, for a picture of D over the plane
FAKES = 64  # images that are generated at once to be scored
PATIENCE = 10  # steps without a finite gradient before training ends


@dataclass(frozen=True)
class Logging:
    """How often a run reports, in steps, and how many samples it shows."""

    every: Count = 50  # steps between rows of numbers
    samples_every: Count = 250  # steps between sample grids
    samples: Literal["auto"] | Annotated[int, Range(least=1, most=4096)] = "auto"  # 64 images, or 2,048 points
    progress: bool = True  # a bar, where the output is a terminal


class Feed(Protocol):
    """Batches of reals, forever; ``drawn`` counts the images, and setting it goes on from there."""

    drawn: int
    batch_size: int

    def next(self, count: int | None = None) -> Batch:
        """``count`` images, or a batch."""

    def first(self, count: int) -> Batch:
        """The same few images at every call, to show what the data looks like."""

    def held_out(self, count: int, step: int) -> Batch | None:
        """``count`` images that are never trained on, others at another step; None where none are kept."""

    def trained_on(self, count: int, step: int) -> Batch:
        """As many that are trained on, apart from the walk through them."""

    def position(self) -> dict[str, Any]:
        """What a checkpoint says of ``drawn``: epoch, offset, and which images they count."""

    def first_of_classes(self, count: int, classes: int) -> Batch:
        """``count`` of each class, class by class; grey where the data has fewer."""


class Judge(Protocol):
    """Scores batches of images (n, C, H, W) in [-1, 1]; ``facts`` say how they were made. Raises UserError."""

    def score(self, fakes: Iterable[Tensor], seed: int = 0, **facts: Any) -> Scores: ...


class ScoreSettings(Protocol):
    """How often a run is scored, on how many images, by which score (the lower, the better) its best checkpoint is
    kept, and how many times worse than its best it may get before that is told."""

    @property
    def every(self) -> int: ...
    @property
    def images(self) -> int: ...
    @property
    def best(self) -> str: ...
    @property
    def diverged(self) -> float: ...


class Evaluator(Protocol):
    """A judge, and when and of what it is asked."""

    @property
    def judge(self) -> Judge: ...
    @property
    def settings(self) -> ScoreSettings: ...


class Meter:
    """Sums values on the device until they are asked for."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def add(self, values: Values) -> None:
        for tag, value in values.items():
            self.sums[tag] = self.sums[tag] + value if tag in self.sums else value.clone()
            self.counts[tag] = self.counts.get(tag, 0) + 1

    def read(self) -> dict[str, float]:
        """The means, read back from the device at once; then it starts afresh."""
        tags = list(self.sums)
        sums = torch.stack([self.sums[tag].float() for tag in tags]).tolist() if tags else []
        means = {tag: total / self.counts[tag] for tag, total in zip(tags, sums, strict=True)}
        self.sums, self.counts = {}, {}
        return means

    def state(self) -> dict[str, Any]:
        return {"sums": self.sums, "counts": self.counts}

    def restore(self, state: Mapping[str, Any], device: torch.device) -> None:
        self.sums = {tag: value.to(device) for tag, value in state["sums"].items()}
        self.counts = dict(state["counts"])


class Trainer:
    """Trains to ``steps`` G updates. ``header`` is stored with every checkpoint: the settings that rebuild all this."""

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
        logging: Logging,
        checkpoints: Checkpoints,
        observers: Sequence[Observer] = (),
        header: Mapping[str, Any] | None = None,
        notes: Sequence[str] = (),
        evaluator: Evaluator | None = None,
    ) -> None:
        self.evaluator = evaluator
        self.best: dict[str, Any] | None = None
        """The leading score, its step and its fingerprint's id, the last score, and the step where it was left."""
        self.game, self.generator, self.discriminator = game, generator, discriminator
        self.schedule, self.feed, self.machine = schedule, feed, machine
        self.steps, self.seed, self.logging = steps, seed, logging
        self.checkpoints, self.observers, self.header = checkpoints, observers, dict(header or {})
        self.step = 0
        self.meter = Meter()
        self.stop_requested = False
        self.saved_step: int | None = None
        self._stuck_steps: dict[str, int] = {}
        self.graphs, obstacles = graphs(discriminator, generator, machine)
        self.notes = [*notes, *obstacles]

    # ------------------------------------------------------------------------------------------------------- one step

    def train_step(self) -> None:
        """The D updates of the plan, then one G update; on a GPU recorded once for each plan, and then replayed."""
        plan: Plan = self.schedule.plan(self.step, self.game.terms)
        outside = self._outside()
        # Dropout draws from PyTorch's global stream; seeded here, it too follows from (seed, step) alone.
        torch.manual_seed(outside.networks)
        step = partial(self.graphs.step, updates=self._updates) if self.graphs else self._updates
        for values in step(plan, outside):
            self.meter.add(values)
        self.step += 1

    def _updates(self, plan: Plan, outside: Outside) -> list[Values]:
        """What each update of one step reports. All that differs from step to step comes from ``outside``."""
        reports: list[Values] = []
        real: Batch | None = None
        for number, due in enumerate(plan.discriminator):
            moment = self._moment(due, "discriminator", number, plan.parts, outside)
            real = outside.real(None)
            reports.append(update_discriminator(self.game, self.discriminator, real, moment))
        # G's update meets the reals of the last D update, or as many as it has fakes where it compares the two.
        count = self.feed.batch_size * plan.generator_factor
        if real is None or (count != len(real.images) and needs_real(self.game, plan.generator)):
            real = outside.real(count)
        moment = self._moment(plan.generator, "generator", 0, plan.parts, outside)
        reports.append(update_generator(self.game, self.generator, self.discriminator, real, moment, count))
        return reports

    def _outside(self) -> Outside:
        def seed(network: str, number: int, stream: str) -> int:
            return streams.derive(self.seed, f"{network}/{stream}", self.step, number)

        def draw(network: str, number: int, stream: str) -> torch.Generator:
            return torch.Generator(self.machine.device).manual_seed(seed(network, number, stream))

        networks, progress = streams.derive(self.seed, "networks", self.step), self.step / self.steps
        return Outside(self.feed.next, seed, draw, networks, progress, self.schedule.top_share(progress))

    def _moment(
        self, due: frozenset[str], network: str, number: int, parts: int = 1, outside: Outside | None = None
    ) -> Moment:
        outside = outside or self._outside()
        draw = partial(outside.draw, network, number)
        return Moment(due, draw, outside.progress, parts, outside.top_share)

    # ------------------------------------------------------------------------------------------------------- the loop

    def run(self) -> None:
        """Trains until ``steps`` are done or ``stop_requested`` is set, and saves. Raises TrainingFailed where
        gradients are no longer finite; the weights are those of the last finite update then, and the checkpoints
        stay."""
        try:
            for observer in self.observers:
                observer.started(self.step, self.steps)
            self._loop()
        finally:
            for observer in self.observers:
                observer.closed()

    def _loop(self) -> None:
        if self.step == 0:
            self._tell_samples(self.samples(with_real=True))
        began, images, reported = time.perf_counter(), self.feed.drawn, self.step
        while self.step < self.steps and not self.stop_requested:
            self.train_step()
            for observer in self.observers:
                observer.stepped(self.step)
            done = self.step == self.steps
            report, sample, save = (
                done or self.step % every == 0
                for every in (self.logging.every, self.logging.samples_every, self.checkpoints.settings.every)
            )
            if report:
                values = self.meter.read()  # waits for the device, so the clock is read after it
                speed = (self.feed.drawn - images) / max(time.perf_counter() - began, 1e-9)
                self._tell_values(values, speed, self.step - reported)
                reported = self.step
            if sample:
                self._tell_samples(self.samples())
            if self.evaluator is not None and (done or self.step % self.evaluator.settings.every == 0):
                self._evaluate(self.evaluator)
            if save:
                self.save()
            if report:  # what samples and checkpoints take is not counted as training
                began, images = time.perf_counter(), self.feed.drawn
        if self.stop_requested and self.saved_step != self.step:
            self.save()

    def _tell_values(self, values: dict[str, float], images_per_second: float, steps: int) -> None:
        learners = (self.generator, self.discriminator)
        for one, network in ((self.generator, self.game.generator), (self.discriminator, self.game.discriminator)):
            values |= {f"{one.name}/{tag}": float(value) for tag, value in network.report().items()}
        values |= self._held_out()
        values |= {f"{learner.name}/learning_rate": learner.learning_rate for learner in learners}
        values |= {"progress/images": self.feed.drawn, "progress/images_per_second": images_per_second}
        for observer in self.observers:
            observer.logged(self.step, values)
        for learner in learners:
            stuck = self._stuck_steps.get(learner.name, 0) + steps if values[f"{learner.name}/blocked"] == 1 else 0
            self._stuck_steps[learner.name] = stuck
            # float16's loss scale is found by overflowing now and then; that is not the training's failure.
            if stuck >= PATIENCE and learner.scaler is None:
                self.save()
                raise TrainingFailed(
                    f"At step {self.step} the gradients of the {learner.name} had been infinite or not a number for "
                    f"{stuck} steps. Its weights were kept as they were, and saved. A lower rate often helps: "
                    f"optimizer.{learner.name}.lr={learner.learning_rate / 2:g}"
                )

    def _held_out(self) -> dict[str, float]:
        """What D says of images that it never trains on, and of as many that it does: less of the former where it knows
        the latter by heart."""
        parts = self.schedule.plan(max(self.step - 1, 0), self.game.terms).parts
        unseen = self.feed.held_out(self.feed.batch_size // parts, self.step)
        if unseen is None or len(unseen.images) < self.game.pack:
            return {}
        if self.game.discriminator.mixes_samples and len(unseen.images) < self.feed.batch_size // parts:
            return {}  # a smaller batch looks different to a D that compares its samples
        moment = self._moment(frozenset(), "held_out", 0)
        # At the same moment and in as large a batch: what D says moves from step to step, and with it both.
        known = self.feed.trained_on(len(unseen.images), self.step)
        return {
            "discriminator/held_out": float(judge_apart(self.game, unseen, moment)),
            "discriminator/trained_on": float(judge_apart(self.game, known, moment)),
        }

    def _tell_samples(self, samples: Samples) -> None:
        for observer in self.observers:
            observer.sampled(self.step, samples)

    # -------------------------------------------------------------------------------------------------------- samples

    def _evaluate(self, evaluator: Evaluator) -> None:
        """Scores the average where one is kept, otherwise G; the checkpoint with the best score stays."""
        network = self.generator.average.network if self.generator.average else self.generator.network
        facts: dict[str, Any] = {
            "weights": "average" if self.generator.average else "network",
            "batch_norm": "running statistics",
            "dtype": str(torch.float32).removeprefix("torch."),
        }
        try:
            scores = evaluator.judge.score(self._fakes(network, evaluator.settings.images), **facts)
        except UserError as error:  # images that are no numbers; whether training can go on shows elsewhere
            log.warning("note: step %d was not scored: %s", self.step, error)
            return
        value = scores.values[evaluator.settings.best]
        before = self.best if self.best and self.best["id"] == scores.id else None
        if before is None or value < before["score"]:
            self.best = {"score": value, "step": self.step, "id": scores.id, "last": value, "left": None}
            self.checkpoints.save_best(self.state())
        else:
            left = before["left"]
            if left is None and value > evaluator.settings.diverged * before["score"] > 0:
                left = self.step
            self.best = {**before, "last": value, "left": left}
        for observer in self.observers:
            observer.scored(self.step, scores, self.best)

    @torch.no_grad()
    def _fakes(self, network: nn.Module, count: int) -> Iterator[Tensor]:
        """``count`` images of a network in evaluation mode, in parts, from latents that are the same in the whole run;
        labels as they are drawn in training."""
        with _evaluating(network):
            for number, start in enumerate(range(0, count, FAKES)):
                size = min(FAKES, count - start)
                draw = streams.generator(self.seed, "evaluation", number)
                latent = self.game.latent.draw(size, draw)
                known = self.feed.trained_on(size, number).condition  # other labels in each part
                known = {key: value.cpu() for key, value in known.items()}
                told = self.game.condition.of_fake(size, self.game.classes, known, draw)
                told = {key: value.to(self.machine.device) for key, value in told.items()}
                yield network(latent.to(self.machine.device), told).images

    @torch.no_grad()
    def samples(self, with_real: bool = False) -> Samples:
        """Images from a latent that is the same in the whole run: of G, and of its average where one is kept. With
        classes, one row a class, and one latent a column."""
        assert self.logging.samples != "auto", "resolved by the configuration"
        count, columns = self.logging.samples, None
        draw = streams.generator(self.seed, "samples")
        if 1 < self.game.classes <= count:
            columns = count // self.game.classes
            latent = self.game.latent.sample(columns, draw).repeat(self.game.classes, 1)
        else:
            latent = self.game.latent.sample(count, draw)
        shown = self.feed.first(count)
        condition = self.game.condition.of_grid(len(latent), self.game.classes, shown.condition)
        condition = {key: value.to(self.machine.device) for key, value in condition.items()}
        networks = {"generator": self.generator.network}
        if self.generator.average:
            networks["average"] = self.generator.average.network
        points = tuple(shown.images.shape[1:]) == POINT
        # Points are drawn over the reals in one picture, which needs them every time, also after a resume.
        if with_real and columns and not points:
            shown = self.feed.first_of_classes(columns, self.game.classes)
        images = {"real": shown.images.float().cpu()} if with_real or points else {}
        for name, network in networks.items():
            with _evaluating(network):
                images[name] = network(latent.to(self.machine.device), condition).images.float().cpu()
        return Samples(images, columns, self._levels() if points and not condition else None)

    def _levels(self) -> Tensor | None:
        """D's logits over the plane, where images are its points; of one point repeated, where it judges several
        together. None for a D that compares its samples: to it the lattice would be a batch that nobody makes."""

        def judge(points: Tensor) -> Tensor:
            (judgement,) = self.game.discriminator.judge(Batch(points.repeat_interleave(self.game.pack, 0)))
            return judgement.logits.float()

        side = torch.linspace(-1.5, 1.5, LATTICE, device=self.machine.device)
        lattice = torch.stack(torch.meshgrid(side, side, indexing="xy"), dim=-1).reshape(-1, 2, 1, 1)
        some = lattice[:: len(lattice) // 8]
        with _evaluating(self.discriminator.network):
            alone, among = judge(some[:4]), judge(some)
            if (among[:4] - alone).abs().max() > 1e-3 * (among.max() - among.min()):
                return None
            return judge(lattice).reshape(LATTICE, LATTICE).cpu()

    # ---------------------------------------------------------------------------------------------------- checkpoints

    def save(self) -> None:
        for observer in self.observers:
            observer.flush()
        self.checkpoints.save(self.step, self.state(), final=self.step == self.steps)
        self.saved_step = self.step

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs beside its settings, which are in ``header``."""
        return {
            **self.header,
            "step": self.step,
            "drawn": self.feed.drawn,
            "data": self.feed.position(),
            "best": self.best,
            "meter": self.meter.state(),
            "generator": self.generator.state(),
            "discriminator": self.discriminator.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up a saved ``state``. Raises RuntimeError where the weights' names or shapes do not fit."""
        if self.graphs:
            self.graphs.forget()
        self.step, self.feed.drawn = state["step"], state["drawn"]
        self.best = state.get("best")
        self.meter.restore(state["meter"], self.machine.device)
        self.generator.restore(state["generator"])
        self.discriminator.restore(state["discriminator"])


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(training)
