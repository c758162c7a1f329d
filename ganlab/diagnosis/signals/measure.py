"""One pass of a few images through both networks, with the gradients by the images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganlab.diagnosis.signals.activity import Activity
from ganlab.input_gradient import without_float16
from ganlab.ranks import apart
from ganlab.training.gan import GAN, augmented, set_progress
from ganlab.training.learner import Learner
from ganlab.types import Batch, Condition, RandomStreams


@dataclass(frozen=True, eq=False)
class Measured:
    """The result of a pass of N reals and N fakes, which D takes as n samples.

    ``real`` and ``fake`` are the images (N, C, H, W) before augmentation, ``*_logits`` D's logits (n,), ``*_features``
    its last features (n, …), None if it has none, ``input_gradients`` (n,) the norms of the gradients of D's logit on
    reals, ``output_gradients`` (n,) those of G's loss by each sample of fakes. ``generator`` and ``discriminator`` are
    the activity of their units.
    """

    real: Tensor
    fake: Tensor
    real_logits: Tensor
    fake_logits: Tensor
    real_features: Tensor | None
    fake_features: Tensor | None
    input_gradients: Tensor
    output_gradients: Tensor
    generator: Activity
    discriminator: Activity

    @property
    def logit_spread(self) -> Tensor:
        """The standard deviation of the logits around the mean of their kind, a scalar."""
        return torch.stack([self.real_logits, self.fake_logits]).var(dim=1, correction=0).mean().sqrt()


def measure(gan: GAN, discriminator: Learner, real: Batch, rngs: RandomStreams, progress: float) -> Measured:
    """Runs both networks as their updates do: in training mode, on augmented images, in the run's precision, with
    random numbers from ``rngs``. No buffer, gradient or random number of the training changes."""
    count = len(real.images)
    fake, condition, of_generator = _generated(gan, count, real.condition, rngs, progress)
    with (
        _alone(gan.discriminator, rngs),
        torch.enable_grad(),
        discriminator.parameters_frozen(),
        gan.discriminator.statistics_frozen(),
        Activity(_module(gan.discriminator)) as of_discriminator,
        gan.autocast(),
        without_float16(fake.device.type),  # whose range gradients of a trained D leave
    ):
        fake = fake.requires_grad_()
        reals = Batch(real.images, gan.condition.real_condition(real.condition))
        reals = augmented(gan, reals, "real", rngs, progress)
        reals = Batch(reals.images.detach().requires_grad_(), reals.condition)
        fakes = augmented(gan, Batch(fake, condition), "fake", rngs, progress)
        on_real, on_fake = gan.discriminator.forward_all(reals, fakes, features=True)
        real_logits, fake_logits = on_real.logits.float(), on_fake.logits.float()
        loss = gan.loss.generator(fake_logits, real_logits.detach() if gan.loss.needs_real else None).mean()
        # One backward pass for both: no fake reaches the logits of the reals, and no real that of the fakes.
        samples = len(fake_logits)
        by_real, by_fake = torch.autograd.grad(real_logits.sum() + samples * loss, [reals.images, fake])
    return Measured(
        real.images,
        fake.detach(),
        on_real.sample_logits.detach(),
        on_fake.sample_logits.detach(),
        on_real.features[-1].detach().float() if on_real.features else None,
        on_fake.features[-1].detach().float() if on_fake.features else None,
        by_real.float().reshape(samples, -1).norm(dim=1),
        by_fake.float().reshape(samples, -1).norm(dim=1),
        of_generator,
        of_discriminator,
    )


def generate(gan: GAN, count: int, real: Condition, rngs: RandomStreams) -> tuple[Tensor, Condition]:
    """Returns ``count`` images (count, C, H, W) of G in training mode, with float32 values and without a graph, and
    their condition, which is drawn as in an update with reals of the condition ``real``."""
    latent = gan.latent.draw(count, rngs("latent"))
    condition = gan.condition.fake_condition(count, gan.classes, real, rngs("condition"))
    with _alone(gan.generator, rngs), torch.no_grad(), gan.autocast(), gan.generator.statistics_frozen():
        return gan.generator(latent, condition).images.float(), condition


def _generated(
    gan: GAN, count: int, real: Condition, rngs: RandomStreams, progress: float
) -> tuple[Tensor, Condition, Activity]:
    set_progress(gan, progress)
    with Activity(_module(gan.generator)) as activity:
        images, condition = generate(gan, count, real, rngs)
    return images, condition, activity


@contextmanager
def _alone(network: object, rngs: Callable[[str], torch.Generator]) -> Iterator[None]:
    """Returns a context in which a network draws its dropout from a stream of its own, and exchanges nothing with
    other ranks."""
    device = next(_module(network).parameters()).device
    with apart(), torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(rngs("networks").initial_seed())
        yield


def _module(network: object) -> nn.Module:
    assert isinstance(network, nn.Module)
    return network
