"""The plain loops that speed is measured against do ganlab's arithmetic: same losses, same gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import _SpectralNorm

from benchmarks.baselines import Critics, batches, take_weights
from benchmarks.train_step import Counter, build_ours, build_plain, make_images, models
from ganlab.training.gan import UpdateContext
from ganlab.training.learner import Learner
from ganlab.training.updates import update_discriminator, update_generator

TINY = models(narrower=16)


def gradients_of(network: nn.Module) -> list[Tensor]:
    """By layer: its weight's, then its bias's."""
    found = []
    for module in network.modules():
        if isinstance(getattr(module, "weight", None), Tensor):
            stored = getattr(module, "parametrizations", None)
            weight: Any = stored.weight.original if stored is not None else module.weight
            found += [weight.grad, *([module.bias.grad] if module.bias is not None else [])]
    return found


def close(ours: list[Tensor], plain: list[Tensor], share: float = 1e-4) -> None:
    """All together to ``share``, and each tensor to ten times that, unless it is but rounding, as of a bias before a
    norm."""
    whole, theirs = (torch.cat([one.flatten() for one in ones]) for ones in (ours, plain))
    assert (whole - theirs).norm() <= share * theirs.norm()
    for one, two in zip(ours, plain, strict=True):
        assert (one - two).norm() <= 10 * share * max(two.norm(), 0.01 * theirs.norm())


@pytest.mark.parametrize("name", TINY)
def test_the_first_updates_have_the_same_losses_and_gradients(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = TINY[name]
    make_images(tmp_path, {model.size})
    trainer = build_ours(model, tmp_path, batch_size=16)
    plain = build_plain(model, tmp_path, torch.device("cpu"))
    # The gradients stay, and so do the weights.
    monkeypatch.setattr(Learner, "apply", lambda self, progress=0.0: {f"{self.name}/blocked": torch.zeros(())})
    gan, generator, discriminator = trainer.gan, trainer.generator, trainer.discriminator
    context = UpdateContext(frozenset(gan.regularizers), lambda stream: torch.Generator().manual_seed(len(stream)), 0.0)
    real = trainer.feed.next()
    latent = gan.latent.draw(16, context.rngs("latent"))
    position = 1 - torch.rand(16, 1, 1, 1, generator=context.rngs("term/gradient_penalty"))  # from the other end

    values = update_discriminator(gan, discriminator, real, context)
    take_weights(plain.generator, generator.network)
    take_weights(plain.discriminator, discriminator.network)  # after the update, which moves spectral norm's vectors
    for module in plain.discriminator.modules():
        if isinstance(module, _SpectralNorm):
            module.eval()  # and moves them once, where this would at every pass
    plain.discriminator_optimizer = plain.generator_optimizer = type("Still", (), {"step": lambda self: None})()
    if isinstance(plain, Critics):
        loss = plain.update_discriminator(real.images, latent, position)
    else:
        loss = plain.update_discriminator(real.images, plain.generator(latent))
    assert float(values["discriminator/loss"]) == pytest.approx(loss, rel=1e-4)
    close(gradients_of(discriminator.network), gradients_of(plain.discriminator))

    discriminator.network.zero_grad()
    values = update_generator(gan, generator, discriminator, real, context)
    given = latent if isinstance(plain, Critics) else plain.generator(latent)
    assert float(values["generator/loss"]) == pytest.approx(plain.update_generator(given), rel=1e-4)
    # Through two residual networks rounding alone, the same with every layer by itself, moves G's gradient by 1 to 4e-4;
    # in float64 it is below 1e-4.
    close(gradients_of(generator.network), gradients_of(plain.generator), 1e-3 if "resnet" in name else 1e-4)
    assert all(one is None for one in gradients_of(discriminator.network))


def test_operations_are_counted() -> None:
    x, weight = torch.randn(2, 3, 8, 8), torch.randn(5, 3, 3, 3)
    with Counter() as counter:
        torch.conv2d(x, weight, padding=1)
        torch.randn(4, 6) @ torch.randn(6, 7)
    assert counter.total == 2 * (2 * 8 * 8 * 5 * 27 + 4 * 6 * 7)


@pytest.mark.parametrize("name", ["wgan_gp_resnet", "sngan_resnet"])
def test_a_third_of_a_residual_networks_arithmetic_is_folded_away(name: str, tmp_path: Path) -> None:
    model, counted = TINY[name], {}
    make_images(tmp_path, {model.size})
    for side, step in {
        "ganlab": build_ours(model, tmp_path).train_step,
        "plain": build_plain(model, tmp_path, torch.device("cpu")).step,
    }.items():
        with Counter() as counter:
            step()
        counted[side] = counter.total
    assert counted["ganlab"] < 0.7 * counted["plain"]


def test_batches_are_images_in_minus_one_to_one(tmp_path: Path) -> None:
    make_images(tmp_path, {8})
    pixels = np.load(tmp_path / "8.npy")
    batch = next(batches(pixels, 4, torch.device("cpu")))
    assert batch.shape == (4, 3, 8, 8)
    assert -1 <= batch.min() < -0.9
    assert 0.9 < batch.max() <= 1
