"""Inspects the networks of a GAN as they are: one batch of data and of latents passes through copies of them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import torch

from ganlab import random_streams
from ganlab.diagnosis.inspection.gradients import Pass, measured
from ganlab.diagnosis.inspection.losses import discriminator_loss, generator_loss
from ganlab.diagnosis.inspection.recorder import Recorder
from ganlab.diagnosis.inspection.results import Inspection, Logits, Spectrum
from ganlab.diagnosis.inspection.spectra import jacobian_spectra
from ganlab.errors import in_one_line
from ganlab.networks import use_fast_kernels
from ganlab.networks.base import NetworkModule
from ganlab.ranks import apart
from ganlab.training.gan import GAN, UpdateContext, needs_real
from ganlab.types import Batch

SAMPLES = 32  # images of each kind, at most
LATENTS = 3  # at which G's Jacobian is computed


def inspect(gan: GAN, real: Batch, seed: int, latents: int = LATENTS) -> Inspection:
    """Inspects both networks with the reals of ``real`` and as many fakes, in training mode and full precision, and
    computes G's Jacobian at so many ``latents``.

    Both losses are those that training would minimize in its first update, with all regularizers. The networks are
    copied, and random numbers come from streams of their own, so that nothing of the training changes. With several
    ranks one rank calls it, with its part of the batch.
    """
    device, notes = real.images.device, list[str]()
    with apart(), seeded(random_streams.derive(seed, "inspection/networks"), device), torch.enable_grad():
        copied = copied_gan(gan)
        of_d = _discriminator_pass(copied, real, _context(gan, seed, "discriminator", device))
        discriminator, logits = measured(of_d, "discriminator", notes)[0], _logits(of_d)
        del of_d  # its graph, which takes as much memory as an update
        of_g = _generator_pass(copied, real, _context(gan, seed, "generator", device))
        generator, path = measured(of_g, "generator", notes)
        del of_g
        spectra = _jacobian(copied, real, seed, latents, notes)
    return Inspection(generator, discriminator, logits, path, spectra, len(real.images), tuple(notes))


def copied_gan(gan: GAN) -> GAN:
    """Returns the GAN with copies of everything that an update changes, without fused kernels and mixed precision."""
    generator, discriminator = copy.deepcopy(gan.generator), copy.deepcopy(gan.discriminator)
    for network in (generator, discriminator):
        assert isinstance(network, NetworkModule)
        network.train()
        use_fast_kernels(network, False)
    return replace(
        gan,
        generator=generator,
        discriminator=discriminator,
        states=copy.deepcopy(gan.states),
        autocast=lambda: nullcontext(),
    )


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Returns a context in which PyTorch's global generators, from which dropout draws, have a seed of their own. They
    have their state back afterwards."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def _context(gan: GAN, seed: int, network: str, device: torch.device) -> UpdateContext:
    def rngs(stream: str) -> torch.Generator:
        return random_streams.generator(seed, f"inspection/{network}/{stream}", device=device)

    return UpdateContext(frozenset(gan.regularizers), rngs, 0.0)


def _discriminator_pass(gan: GAN, real: Batch, context: UpdateContext) -> Pass:
    assert isinstance(gan.discriminator, NetworkModule)
    with Recorder(gan.discriminator, 2 * len(real.images)) as recorder:
        loss = discriminator_loss(gan, real, context)
    outputs = [one.logits for one in recorder.outputs]
    return Pass(loss, recorder, outputs, _samples(outputs) // 2)


def _generator_pass(gan: GAN, real: Batch, context: UpdateContext) -> Pass:
    assert isinstance(gan.generator, NetworkModule)
    assert isinstance(gan.discriminator, NetworkModule)
    kinds = 2 if needs_real(gan, context.due) else 1
    with (
        Recorder(gan.generator, len(real.images)) as own,
        Recorder(gan.discriminator, kinds * len(real.images)) as of_d,
    ):
        loss = generator_loss(gan, real, context, list(gan.discriminator.parameters()))
    images, logits = [one.images for one in own.outputs], [one.logits for one in of_d.outputs]
    return Pass(loss, own, images, _samples(logits) // kinds, of_d, logits)


def _samples(logits: list[torch.Tensor]) -> int:
    return sum(len(one) for one in logits)


def _logits(of_d: Pass) -> Logits:
    values = torch.cat([one.sample_logits.detach().double() for one in of_d.own.outputs])
    parts = values.chunk(2)
    return Logits(*(float(one) for part in parts for one in (part.mean(), part.std(correction=0))))


def _jacobian(gan: GAN, real: Batch, seed: int, latents: int, notes: list[str]) -> tuple[Spectrum, ...]:
    count, device = len(real.images), real.images.device
    rng = random_streams.generator(seed, "inspection/jacobian", device=device)
    latent = gan.latent.draw(count, rng)
    condition = gan.condition.fake_condition(count, gan.classes, real.condition, rng)
    assert isinstance(gan.generator, NetworkModule)
    try:
        return jacobian_spectra(gan.generator, latent, condition, latents)
    except (RuntimeError, NotImplementedError) as error:  # a layer of a plugin without second derivatives
        notes.append(f"the Jacobian of the generator could not be computed ({in_one_line(error)[:200]})")
        return ()
