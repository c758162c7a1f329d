"""The two updates of a GAN. Everything comes in as an argument, and nothing is read back from the device."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ganlab.precision import not_in_half
from ganlab.ranks import whole_batch
from ganlab.training.learner import Learner
from ganlab.types import (
    Augment,
    Batch,
    Condition,
    Conditioning,
    Discriminator,
    Draw,
    Generated,
    Generator,
    Latent,
    Loss,
    Need,
    Regularizer,
    TargetPair,
    Update,
    Values,
)


class TargetSetting(Protocol):
    def draw(self, judged: int, draw: Draw) -> TargetPair: ...


@dataclass(frozen=True)
class Game:
    """What both updates are played with; it stays the same for a whole run."""

    generator: Generator
    discriminator: Discriminator
    loss: Loss
    targets: TargetSetting
    latent: Latent
    condition: Conditioning
    classes: int
    terms: Mapping[str, Regularizer]
    augments: Mapping[str, Augment]
    autocast: Callable[[], AbstractContextManager[None]]
    pack: int = 1


@dataclass(frozen=True)
class Moment:
    """When an update happens: which terms are due, its random streams, the share of training that is done, in how many
    parts the batch is taken, and the share of its images that G learns from. Shares that move are scalar tensors in a
    CUDA graph, which is recorded once and replayed at other moments."""

    due: frozenset[str]
    draw: Draw
    progress: float | Tensor
    parts: int = 1
    top_share: float | Tensor = 1.0


@dataclass(frozen=True)
class _Part:
    """A part of a batch: its reals, and what its fakes are made from."""

    real: Batch
    latent: Tensor
    condition: Condition
    draw: Draw


def update_discriminator(game: Game, learner: Learner, real: Batch, moment: Moment) -> Values:
    """One update of D on reals (N, C, H, W) and as many fresh fakes; G stays as it is, buffers too."""
    terms, needs = _due(game, moment, lambda term: term.discriminator_needs)
    game.discriminator.advance()
    reports: list[Values] = []
    for part in _parts(game, real, len(real.images), moment):
        with game.autocast():
            with torch.no_grad(), game.generator.statistics_frozen():
                fakes = game.generator(part.latent, part.condition)
            update = _judge(game, part, fakes, needs, moment, judge_real=True, smoothed=True)
            assert update.judged_real is not None
            real_logits, fake_logits = update.judged_real.logits.float(), update.judged_fake.logits.float()
            adversarial = game.loss.discriminator(real_logits, fake_logits, update.targets).mean()
            total, extra = _add(adversarial, terms, {name: term.discriminator(update) for name, term in terms.items()})
        learner.backward(total / moment.parts)
        reports.append(
            {
                "adversarial": adversarial,
                "loss": total,
                "real": real_logits.mean(),
                "fake": fake_logits.mean(),
                **extra,
            }
        )
    return {**_tagged("discriminator", reports), **learner.apply(moment.progress)}


def update_generator(
    game: Game, learner: Learner, judge: Learner, real: Batch, moment: Moment, count: int | None = None
) -> Values:
    """One update of G on ``count`` fakes (as many as there are reals, unless told) through D, whose learner is
    ``judge``; D's parameters and buffers stay as they are."""
    terms, needs = _due(game, moment, lambda term: term.generator_needs)
    judge_real = needs_real(game, moment.due)
    game.generator.advance()
    reports: list[Values] = []
    with judge.held(), game.discriminator.statistics_frozen():
        for part in _parts(game, real, count or len(real.images), moment):
            with game.autocast():
                fakes = game.generator(part.latent, part.condition)
                update = _judge(game, part, fakes, needs, moment, judge_real)
                real_logits = update.judged_real.logits.float() if update.judged_real else None
                fake_logits = update.judged_fake.logits.float()
                adversarial = _top_mean(game.loss.generator(fake_logits, real_logits), fake_logits, moment.top_share)
                total, extra = _add(adversarial, terms, {name: term.generator(update) for name, term in terms.items()})
            learner.backward(total / moment.parts)
            reports.append({"adversarial": adversarial, "loss": total, **extra})
    return {**_tagged("generator", reports), **learner.apply(moment.progress)}


@torch.no_grad()
def judge_apart(game: Game, real: Batch, moment: Moment) -> Tensor:
    """D's mean logit, a scalar, on reals apart from its update, seen and normalized as in it; nothing is changed by it.
    As many are judged as are whole packs."""
    count = len(real.images) - len(real.images) % game.pack
    images = real.images[:count]
    for name, augment in game.augments.items():
        images = augment(images, moment.draw(f"{name}/real"), moment.progress)
    told = game.condition.of_real({key: value[:count] for key, value in real.condition.items()})
    with game.autocast(), game.discriminator.statistics_frozen():
        (judged,) = game.discriminator.judge(Batch(images, told))
    return judged.logits.float().mean()


def needs_real(game: Game, due: frozenset[str]) -> bool:
    """Whether G's update looks at reals when these terms are due."""
    return game.loss.needs_real or any("real" in game.terms[name].generator_needs for name in due)


def _due(
    game: Game, moment: Moment, needs_of: Callable[[Regularizer], frozenset[Need]]
) -> tuple[dict[str, Regularizer], frozenset[Need]]:
    terms = {name: term for name, term in game.terms.items() if name in moment.due}
    return terms, frozenset[Need]().union(*map(needs_of, terms.values()))


def _parts(game: Game, real: Batch, count: int, moment: Moment) -> Iterator[_Part]:
    """What the parts of an update are made from. Latents and conditions are drawn for all of it at once, so that they
    do not depend on the number of parts."""
    latent = game.latent.draw(count, moment.draw("latent"))
    condition = game.condition.of_fake(count, game.classes, real.condition, moment.draw("condition"))
    if moment.parts == 1:
        yield _Part(real, latent, condition, moment.draw)
        return
    for number in range(moment.parts):

        def draw(stream: str, number: int = number) -> torch.Generator:
            return moment.draw(f"{stream}/part {number}")

        def cut(tensor: Tensor, number: int = number) -> Tensor:
            return tensor.chunk(moment.parts)[number]

        yield _Part(
            Batch(cut(real.images), {key: cut(value) for key, value in real.condition.items()}),
            cut(latent),
            {key: cut(value) for key, value in condition.items()},
            draw,
        )


def _judge(
    game: Game,
    part: _Part,
    generated: Generated,
    needs: frozenset[Need],
    moment: Moment,
    judge_real: bool,
    smoothed: bool = False,
) -> Update:
    """What D sees of reals and fakes, what it says of them, and all that the terms may ask about."""

    def see(batch: Batch, view: str) -> Batch:
        images = batch.images
        for name, augment in game.augments.items():
            images = augment(images, part.draw(f"{name}/{view}"), moment.progress)
        # A leaf where a term differentiates D by what it saw, so that no second pass is needed.
        leaf = f"{view}_gradient" in needs and not images.requires_grad
        return Batch(images.detach().requires_grad_() if leaf else images, batch.condition)

    fake = Batch(generated.images.float(), part.condition)
    real = Batch(part.real.images, game.condition.of_real(part.real.condition))
    seen_real = see(real, "real") if judge_real else real
    seen_fake = see(fake, "fake")
    parts = (seen_real, seen_fake) if judge_real else (seen_fake,)
    differentiated = needs & {"real_gradient", "fake_gradient"}
    with not_in_half(fake.images.device.type) if differentiated else nullcontext():
        judgements = game.discriminator.judge(*parts, features="features" in needs)
    judged_fake = judgements[-1]
    return Update(
        generator=game.generator,
        discriminator=game.discriminator,
        real=part.real,
        fake=fake,
        latent=part.latent,
        codes=generated.codes,
        seen_real=seen_real,
        seen_fake=seen_fake,
        judged_real=judgements[0] if judge_real else None,
        judged_fake=judged_fake,
        see=see,
        targets=game.targets.draw(len(judged_fake.logits), part.draw) if smoothed else TargetPair(),
        draw=lambda stream: part.draw(f"term/{stream}"),  # never the stream of the fakes themselves
        progress=moment.progress,
    )


def _top_mean(losses: Tensor, logits: Tensor, share: float | Tensor) -> Tensor:
    """Mean of G's losses (n,) over the ``share`` of samples that D takes for the most real. Sinha et al. 2020, Eq. 3;
    a mask and not a shorter batch, so that the shapes stay. Of several ranks, over that share of all their samples, if
    the ranks' results are averaged."""
    if not isinstance(share, Tensor) and share >= 1:
        return losses.mean()
    everyone, own = whole_batch(logits)
    if isinstance(share, Tensor):
        count = (share * len(everyone)).ceil().to(losses.dtype)
    else:
        count = losses.new_full((), math.ceil(share * len(everyone)))
    place = torch.arange(len(everyone), dtype=losses.dtype, device=losses.device)
    order = everyone.argsort(descending=True, stable=True)
    kept = losses.new_zeros(len(everyone)).scatter(0, order, (place < count).to(losses.dtype))
    ranks = len(everyone) // len(losses)
    return (losses * kept[own]).sum() / count * ranks


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


def _tagged(network: str, reports: Sequence[Values]) -> dict[str, Tensor]:
    """The means over the parts of a batch."""
    if len(reports) == 1:
        return {f"{network}/{name}": value.detach() for name, value in reports[0].items()}
    return {
        f"{network}/{name}": torch.stack([report[name].detach() for report in reports]).mean() for name in reports[0]
    }
