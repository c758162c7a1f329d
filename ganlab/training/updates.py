"""The two updates of a GAN, as functions of their arguments. Nothing is read back from the device."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ganlab.input_gradient import without_float16
from ganlab.ranks import global_batch
from ganlab.scalars import at, scale
from ganlab.training.component_state import observed
from ganlab.training.gan import GAN, UpdateContext, augmented, needs_real, set_progress
from ganlab.training.learner import Learner
from ganlab.types import (
    Batch,
    Condition,
    DiscriminatorOutput,
    Generated,
    Need,
    Observation,
    RandomStreams,
    Regularizer,
    TargetPair,
    Update,
    Values,
    sample_means,
)


@dataclass(frozen=True)
class Microbatch:
    """One microbatch: its reals, and the latents and conditions of its fakes."""

    real: Batch
    latent: Tensor
    condition: Condition
    rngs: RandomStreams


def update_discriminator(gan: GAN, learner: Learner, real: Batch, context: UpdateContext) -> Values:
    """Updates D on reals (N, C, H, W) and as many new fakes. G's parameters and buffers stay unchanged."""
    regularizers, needs = _due(gan, context, lambda regularizer: regularizer.discriminator_needs)
    set_progress(gan, context.progress)
    gan.discriminator.advance()
    reports: list[Values] = []
    logits: list[tuple[Tensor, Tensor]] = []
    observations: list[Observation] = []
    for microbatch in _microbatches(gan, real, len(real.images), context):
        with gan.autocast():
            with torch.no_grad(), gan.generator.statistics_frozen():
                fakes = gan.generator(microbatch.latent, microbatch.condition)
            update = _forward(gan, microbatch, fakes, needs, context, use_real=True, smoothed=True)
            assert update.real_output is not None
            real_logits, fake_logits = update.real_output.logits.float(), update.fake_output.logits.float()
            targets = update.targets.over(fake_logits)
            adversarial = gan.loss.discriminator(real_logits, fake_logits, targets).mean()
            total, extra = _add(
                _weighted(gan, adversarial, context),
                regularizers,
                {name: one.discriminator(_with_state(gan, name, update)) for name, one in regularizers.items()},
                context.progress,
            )
        learner.backward(total / context.microbatches)
        observations.append(observed(update, gan.loss.boundary))
        logits.append((update.real_output.sample_logits.detach(), update.fake_output.sample_logits.detach()))
        reports.append(
            {
                "adversarial": adversarial,
                "loss": total,
                "real": real_logits.mean(),
                "fake": fake_logits.mean(),
                **extra,
            }
        )
    applied = learner.apply(context.progress)
    gan.states.finish_update(applied["discriminator/blocked"], observations)
    return {**_tagged("discriminator", reports), **_logit_signals(gan, logits), **applied}


def update_generator(
    gan: GAN,
    learner: Learner,
    discriminator_learner: Learner,
    real: Batch,
    context: UpdateContext,
    count: int | None = None,
) -> Values:
    """Updates G on ``count`` fakes (by default as many as there are reals) through D, whose learner is
    ``discriminator_learner``. D's parameters and buffers stay unchanged."""
    regularizers, needs = _due(gan, context, lambda regularizer: regularizer.generator_needs)
    use_real = needs_real(gan, context.due)
    set_progress(gan, context.progress)
    gan.generator.advance()
    reports: list[Values] = []
    with discriminator_learner.parameters_frozen(), gan.discriminator.statistics_frozen():
        for microbatch in _microbatches(gan, real, count or len(real.images), context):
            with gan.autocast():
                fakes = gan.generator(microbatch.latent, microbatch.condition)
                update = _forward(gan, microbatch, fakes, needs, context, use_real)
                real_logits = update.real_output.logits.float() if update.real_output else None
                fake_logits = update.fake_output.logits.float()
                adversarial = _top_mean(gan.loss.generator(fake_logits, real_logits), fake_logits, context.top_share)
                total, extra = _add(
                    _weighted(gan, adversarial, context),
                    regularizers,
                    {name: one.generator(_with_state(gan, name, update)) for name, one in regularizers.items()},
                    context.progress,
                )
            learner.backward(total / context.microbatches)
            reports.append({"adversarial": adversarial, "loss": total, **extra})
    applied = learner.apply(context.progress)
    gan.states.finish_update(applied["generator/blocked"])
    return {**_tagged("generator", reports), **applied}


@torch.no_grad()
def _logit_signals(gan: GAN, logits: Sequence[tuple[Tensor, Tensor]]) -> Values:
    """Returns the signals of D's logits on reals and on fakes, microbatch by microbatch, by tag. They are those of the
    whole batch, because the boundary between reals and fakes may depend on all its logits."""
    if gan.logit_signals is None:
        return {}
    real, fake = logits[0] if len(logits) == 1 else map(torch.cat, zip(*logits, strict=True))
    return _tagged("diagnosis", [gan.logit_signals.of_update(real, fake)])


@torch.no_grad()
def output_on(gan: GAN, real: Batch, context: UpdateContext) -> DiscriminatorOutput:
    """Returns D's output on reals, augmented and normalized as in D's update, which changes no state. Images that do
    not fill a pack are left out."""
    count = len(real.images) - len(real.images) % gan.pack
    condition = gan.condition.real_condition({key: value[:count] for key, value in real.condition.items()})
    batch = augmented(gan, Batch(real.images[:count], condition), "real", context.rngs, context.progress)
    set_progress(gan, context.progress)
    with gan.autocast(), gan.discriminator.statistics_frozen():
        (output,) = gan.discriminator.forward_all(batch)
    return output


def _due(
    gan: GAN, context: UpdateContext, needs_of: Callable[[Regularizer], frozenset[Need]]
) -> tuple[dict[str, Regularizer], frozenset[Need]]:
    regularizers = {name: regularizer for name, regularizer in gan.regularizers.items() if name in context.due}
    return regularizers, frozenset[Need]().union(*map(needs_of, regularizers.values()))


def _microbatches(gan: GAN, real: Batch, count: int, context: UpdateContext) -> Iterator[Microbatch]:
    """Yields the microbatches of an update. Latents and conditions are drawn for the whole batch at once, so that they
    do not depend on the number of microbatches."""
    latent = gan.latent.draw(count, context.rngs("latent"))
    condition = gan.condition.fake_condition(count, gan.classes, real.condition, context.rngs("condition"))
    if context.microbatches == 1:
        yield Microbatch(real, latent, condition, context.rngs)
        return
    for number in range(context.microbatches):

        def rngs(stream: str, number: int = number) -> torch.Generator:
            return context.rngs(f"{stream}/part {number}")

        def cut(tensor: Tensor, number: int = number) -> Tensor:
            return tensor.chunk(context.microbatches)[number]

        yield Microbatch(
            Batch(cut(real.images), {key: cut(value) for key, value in real.condition.items()}),
            cut(latent),
            {key: cut(value) for key, value in condition.items()},
            rngs,
        )


def _forward(
    gan: GAN,
    microbatch: Microbatch,
    generated: Generated,
    needs: frozenset[Need],
    context: UpdateContext,
    use_real: bool,
    smoothed: bool = False,
) -> Update:
    """Augments reals and fakes, runs D on them, and returns all that the regularizers of the update use."""

    def augment(batch: Batch, view: str) -> Batch:
        batch = augmented(gan, batch, view, microbatch.rngs, context.progress)
        # A leaf if a regularizer differentiates D by its input, so that no second forward pass is needed.
        leaf = f"{view}_gradient" in needs and not batch.images.requires_grad
        return replace(batch, images=batch.images.detach().requires_grad_()) if leaf else batch

    fake = Batch(generated.images.float(), microbatch.condition)
    real = Batch(microbatch.real.images, gan.condition.real_condition(microbatch.real.condition))
    augmented_real = augment(real, "real") if use_real else real
    augmented_fake = augment(fake, "fake")
    batches = (augmented_real, augmented_fake) if use_real else (augmented_fake,)
    differentiated = needs & {"real_gradient", "fake_gradient"}
    with without_float16(fake.images.device.type) if differentiated else nullcontext():
        outputs = gan.discriminator.forward_all(*batches, features="features" in needs)
    fake_output = outputs[-1]
    return Update(
        generator=gan.generator,
        discriminator=gan.discriminator,
        real=microbatch.real,
        fake=fake,
        latent=microbatch.latent,
        generated=generated,
        augmented_real=augmented_real,
        augmented_fake=augmented_fake,
        real_output=outputs[0] if use_real else None,
        fake_output=fake_output,
        augment=augment,
        targets=gan.targets.draw(len(fake_output.logits), microbatch.rngs, context.progress)
        if smoothed
        else TargetPair(),
        rngs=lambda stream: microbatch.rngs(f"term/{stream}"),  # never a stream of the fakes themselves
        progress=context.progress,
    )


def _with_state(gan: GAN, name: str, update: Update) -> Update:
    """Returns ``update`` with the state and the feature maps of the regularizer ``name``, if it has some."""
    state, maps = gan.states.of("regularizer", name), gan.feature_maps.get(name)
    return replace(update, state=state, feature_maps=maps) if state or maps else update


def _top_mean(losses: Tensor, logits: Tensor, share: float | Tensor) -> Tensor:
    """Returns the mean of G's losses (n, …) over the ``share`` of samples with the largest logits. Sinha et al. 2020,
    Eq. 3; with a mask instead of a shorter batch, so that shapes stay constant. With several ranks the share is one of
    the global batch; the mean over the ranks of what they return is the result."""
    if not isinstance(share, Tensor) and share >= 1:
        return losses.mean()
    losses, logits = sample_means(losses), sample_means(logits)
    everyone, own = global_batch(logits)
    if isinstance(share, Tensor):
        count = (share * len(everyone)).ceil().to(losses.dtype)
    else:
        count = losses.new_full((), math.ceil(share * len(everyone)))
    place = torch.arange(len(everyone), dtype=losses.dtype, device=losses.device)
    order = everyone.argsort(descending=True, stable=True)
    kept = losses.new_zeros(len(everyone)).scatter(0, order, (place < count).to(losses.dtype))
    ranks = len(everyone) // len(losses)
    return (losses * kept[own]).sum() / count * ranks


def _weighted(gan: GAN, adversarial: Tensor, context: UpdateContext) -> Tensor:
    """Returns the adversarial loss times its weight."""
    return adversarial if gan.loss.weight == 1 else scale(adversarial, at(gan.loss.weight, context.progress))


def _add(
    adversarial: Tensor,
    regularizers: Mapping[str, Regularizer],
    values: Mapping[str, Tensor | None],
    progress: float | Tensor,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Returns the total loss, with each regularizer times weight × interval (lazy regularization), the weight being
    that at ``progress``, and the regularizers' unweighted values."""
    counted = {name: value for name, value in values.items() if value is not None}
    total = adversarial
    for name, value in counted.items():
        total = total + scale(value, at(regularizers[name].weight, progress) * regularizers[name].interval)
    return total, counted


def _tagged(network: str, reports: Sequence[Values]) -> dict[str, Tensor]:
    """Returns the reported values by tag, averaged over the microbatches."""
    if len(reports) == 1:
        return {f"{network}/{name}": value.detach() for name, value in reports[0].items()}
    return {
        f"{network}/{name}": torch.stack([report[name].detach() for report in reports]).mean() for name in reports[0]
    }
