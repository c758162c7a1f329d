"""The two updates of a GAN. Everything comes in as an argument, and nothing is read back from the device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ganlab.training.learner import Learner
from ganlab.types import (
    Augment,
    Batch,
    Conditioning,
    Discriminator,
    Draw,
    Generated,
    Generator,
    Latent,
    Loss,
    Need,
    Network,
    Regularizer,
    TargetPair,
    Update,
    Values,
)


class GeneratorNetwork(Generator, Network, Protocol): ...


class DiscriminatorNetwork(Discriminator, Network, Protocol): ...


class TargetSetting(Protocol):
    def draw(self, judged: int, draw: Draw) -> TargetPair: ...


@dataclass(frozen=True)
class Game:
    """What both updates are played with; it stays the same for a whole run."""

    generator: GeneratorNetwork
    discriminator: DiscriminatorNetwork
    loss: Loss
    targets: TargetSetting
    latent: Latent
    condition: Conditioning
    terms: Mapping[str, Regularizer]
    augments: Mapping[str, Augment]
    autocast: Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True)
class Moment:
    """When an update happens: which terms are due, its random streams, and the share of training that is done."""

    due: frozenset[str]
    draw: Draw
    progress: float


def update_discriminator(game: Game, learner: Learner, real: Batch, moment: Moment) -> Values:
    """One update of D on reals (N, C, H, W) and as many fresh fakes; G stays as it is, buffers too."""
    terms = {name: term for name, term in game.terms.items() if name in moment.due}
    needs = frozenset[Need]().union(*(term.discriminator_needs for term in terms.values()))
    game.discriminator.advance()
    with game.autocast():
        with torch.no_grad(), game.generator.statistics_frozen():
            fakes = _generate(game, real, moment)
        update = _judge(game, real, fakes, needs, moment, judge_real=True)
        assert update.judged_real is not None
        real_logits, fake_logits = update.judged_real.logits.float(), update.judged_fake.logits.float()
        targets = game.targets.draw(len(real_logits), moment.draw)
        adversarial = game.loss.discriminator(real_logits, fake_logits, targets).mean()
        total, extra = _add(adversarial, terms, {name: term.discriminator(update) for name, term in terms.items()})
    learner.backward(total)
    values = {
        "adversarial": adversarial,
        "loss": total,
        "real": real_logits.mean(),
        "fake": fake_logits.mean(),
        **extra,
    }
    return {**_tagged("discriminator", values), **learner.apply()}


def update_generator(game: Game, learner: Learner, judge: Learner, real: Batch, moment: Moment) -> Values:
    """One update of G through D (whose learner is ``judge``); D's parameters and buffers stay as they are."""
    terms = {name: term for name, term in game.terms.items() if name in moment.due}
    needs = frozenset[Need]().union(*(term.generator_needs for term in terms.values()))
    game.generator.advance()
    with judge.held(), game.discriminator.statistics_frozen():
        with game.autocast():
            fakes = _generate(game, real, moment)
            update = _judge(game, real, fakes, needs, moment, judge_real=game.loss.needs_real or "real" in needs)
            real_logits = update.judged_real.logits.float() if update.judged_real else None
            adversarial = game.loss.generator(update.judged_fake.logits.float(), real_logits).mean()
            total, extra = _add(adversarial, terms, {name: term.generator(update) for name, term in terms.items()})
        learner.backward(total)
    values = {"adversarial": adversarial, "loss": total, **extra}
    return {**_tagged("generator", values), **learner.apply()}


def _generate(game: Game, real: Batch, moment: Moment) -> tuple[Tensor, Batch, Generated]:
    """As many fakes as there are reals, from fresh latents and conditions; with the latents and all that G returned."""
    count = len(real.images)
    latent = game.latent.draw(count, moment.draw("latent"))
    condition = game.condition.of_fake(count, real.condition, moment.draw("condition"))
    generated = game.generator(latent, condition)
    return latent, Batch(generated.images.float(), condition), generated


def _judge(
    game: Game,
    real: Batch,
    fakes: tuple[Tensor, Batch, Generated],
    needs: frozenset[Need],
    moment: Moment,
    judge_real: bool,
) -> Update:
    """What D sees of reals and fakes, what it says of them, and all that the terms may ask about."""

    def see(batch: Batch, view: str) -> Batch:
        images = batch.images
        for name, augment in game.augments.items():
            images = augment(images, moment.draw(f"{name}/{view}"), moment.progress)
        # A leaf where a term differentiates D by what it saw, so that no second pass is needed.
        leaf = f"{view}_gradient" in needs and not images.requires_grad
        return Batch(images.detach().requires_grad_() if leaf else images, batch.condition)

    latent, fake, generated = fakes
    seen_real = see(Batch(real.images, game.condition.of_real(real.condition)), "real")
    seen_fake = see(fake, "fake")
    parts = (seen_real, seen_fake) if judge_real else (seen_fake,)
    judgements = game.discriminator.judge(*parts, features="features" in needs)
    return Update(
        generator=game.generator,
        discriminator=game.discriminator,
        real=real,
        fake=fake,
        latent=latent,
        codes=generated.codes,
        seen_real=seen_real,
        seen_fake=seen_fake,
        judged_real=judgements[0] if judge_real else None,
        judged_fake=judgements[-1],
        see=see,
        draw=lambda stream: moment.draw(f"term/{stream}"),  # never the stream of the fakes themselves
        progress=moment.progress,
    )


def _add(
    adversarial: Tensor, terms: Mapping[str, Regularizer], values: Mapping[str, Tensor | None]
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss with its terms, each weight × interval (a lazy term makes up for the updates it was not due in), and the
    terms' own values."""
    counted = {name: value for name, value in values.items() if value is not None}
    total = adversarial
    for name, value in counted.items():
        total = total + terms[name].weight * terms[name].interval * value
    return total, counted


def _tagged(network: str, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{network}/{name}": value.detach() for name, value in values.items()}
