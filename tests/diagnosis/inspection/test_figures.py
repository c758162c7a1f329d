"""Each figure of an inspection against an independent calculation."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganlab import random_streams
from ganlab.diagnosis.inspection import Inspector, inspect
from ganlab.diagnosis.inspection.quotient import EPSILON, gradient_quotient
from ganlab.diagnosis.inspection.recorder import Recorder
from ganlab.diagnosis.inspection.spectra import jacobian_spectra, singular_values, weight_spectrum
from ganlab.layer import as_matrix
from ganlab.networks.activations import Activate, LeakyReLU, ReLU
from ganlab.networks.base import GeneratorModule
from ganlab.networks.layers import Chain, Convolution, Dense
from ganlab.networks.norms import BatchNorm
from ganlab.networks.parametrizations import Spectral
from ganlab.networks.traversal import parametrize
from ganlab.training.gan import GAN
from ganlab.training.trainer import Trainer
from ganlab.types import Batch, Condition, Generated

Make = Callable[..., Trainer]


class LinearGenerator(GeneratorModule):
    """z ↦ W z as an image (1, 2, 3)."""

    def __init__(self, weight: Tensor, norm: bool = False) -> None:
        super().__init__()
        self.dense = Dense(weight.shape[1], weight.shape[0], follows=None, bias=False)
        self.dense.weight.data.copy_(weight)
        self.norm = BatchNorm().build(weight.shape[0], None) if norm else nn.Identity()

    def forward(self, latent: Tensor, condition: Condition) -> Generated:
        return Generated(self.norm(self.dense(latent)).unflatten(1, (1, 2, 3)))


def orthonormal(rows: int, columns: int) -> Tensor:
    return torch.linalg.qr(torch.randn(rows, columns, generator=torch.Generator().manual_seed(rows)))[0]


def test_singular_values_of_a_matrix_that_has_known_ones() -> None:
    known = torch.tensor([5.0, 2.0, 0.5, 0.0])
    matrix = orthonormal(6, 4) @ known.diag() @ orthonormal(4, 4).T
    for one in (matrix, matrix.T):
        assert torch.allclose(singular_values(one), known.double(), atol=1e-6)
        assert singular_values(one)[-1] == 0  # not a rounding error, so that the condition number is infinite


@pytest.mark.parametrize("weight", [Dense(5, 3, follows=None), Convolution(2, 4, 3, follows=None)])
def test_the_spectrum_is_that_of_the_applied_weight(weight: Any) -> None:
    plain = torch.linalg.svdvals(as_matrix(weight.weight.detach(), weight.kind))
    found = weight_spectrum(weight)
    assert found is not None
    assert (found.largest, found.smallest) == pytest.approx((plain[0].item(), plain[-1].item()), rel=1e-5)
    parametrize(weight, Spectral(iterations=100))
    found = weight_spectrum(weight)
    assert found is not None
    assert found.largest == pytest.approx(1, rel=1e-3)
    assert found.condition == pytest.approx((plain[0] / plain[-1]).item(), rel=1e-3)


def test_the_jacobian_of_a_linear_generator_is_its_weight() -> None:
    known = torch.tensor([3.0, 1.0, 0.25, 0.01])
    generator = LinearGenerator(orthonormal(6, 4) @ known.diag() @ orthonormal(4, 4).T)
    found = jacobian_spectra(generator, torch.randn(5, 4), {}, 2)
    assert len(found) == 2
    for one in found:
        assert one.largest == pytest.approx(3, rel=1e-5)
        assert one.condition == pytest.approx(300, rel=1e-4)


def test_the_jacobian_behind_batch_norm_has_the_statistics_of_the_batch() -> None:
    weight, latents = torch.randn(6, 4), torch.randn(50, 4)
    std = (latents @ weight.T).var(0).sqrt()
    (found,) = jacobian_spectra(LinearGenerator(weight, norm=True), latents, {}, 1)
    assert found.largest == pytest.approx(torch.linalg.svdvals(weight / std[:, None])[0].item(), rel=1e-3)


def test_the_jacobian_of_a_network_is_autograds(make_trainer: Make) -> None:
    trainer = make_trainer(norm={"generator": {"layer": "none"}}, init={"generator": "he", "discriminator": "he"})
    generator, latents = trainer.gan.generator, torch.randn(3, 6)
    assert isinstance(generator, nn.Module)
    (found,) = jacobian_spectra(generator, latents, {}, 1)
    generator.eval()
    jacobian = torch.autograd.functional.jacobian(lambda z: generator(z[None], {}).images.flatten(), latents[0])
    expected = torch.linalg.svdvals(jacobian)
    assert (found.largest, found.smallest) == pytest.approx((expected[0].item(), expected[-1].item()), rel=1e-3)


def test_the_gradient_quotient_of_a_quadratic() -> None:
    """L = ½ θᵀAθ has g = Aθ and H = A."""
    a, theta = torch.tensor([[2.0, 0.5], [0.5, 1.0]]), torch.tensor([1.0, -3.0], requires_grad=True)
    (g,) = torch.autograd.grad(0.5 * theta @ a @ theta, theta, create_graph=True)
    by_hand = a @ theta.detach()
    signs = torch.where(by_hand >= 0, 1.0, -1.0)
    expected = ((by_hand - a @ by_hand) / (by_hand + EPSILON * signs) - 1).abs().mean()
    assert gradient_quotient([g], [theta]) == pytest.approx(expected.item(), rel=1e-5)


def test_the_gradient_quotient_of_a_linear_loss_is_0_and_of_no_gradient_1() -> None:
    weight, unused = torch.ones(4, requires_grad=True), torch.ones(4, requires_grad=True)
    (g,) = torch.autograd.grad((3 * weight).sum(), weight, create_graph=True)
    assert gradient_quotient([g], [weight]) == pytest.approx(0, abs=1e-4)
    assert gradient_quotient([g, None], [weight, unused]) == pytest.approx(0.5, abs=1e-4)


def test_dead_units_are_counted() -> None:
    """Of four channels, one is negative everywhere, one at all but one pixel; LeakyReLU has none."""
    x = torch.ones(3, 1, 2, 2)
    x[1, 0, 0, 0] = -1
    for activation, share in ((ReLU(), 0.25), (LeakyReLU(), 0.0)):
        layer = Convolution(1, 4, 1, follows=activation)
        layer.weight.data.copy_(torch.tensor([1.0, -1.0, 0.0, 0.0]).view(4, 1, 1, 1))
        assert layer.bias is not None
        layer.bias.data.copy_(torch.tensor([0.0, 0.0, -1.0, 1.0]))
        network = Chain(layer, Activate(activation))
        network.fast = network[1].fast = False  # type: ignore[assignment]
        with Recorder(network, 3) as recorder:
            network(x)
        assert recorder.layers["0"].dead == share


def test_dead_units_must_be_dead_in_every_pass() -> None:
    layer = Dense(1, 2, follows=ReLU(), bias=False)
    layer.weight.data.copy_(torch.tensor([[1.0], [-1.0]]))
    network = Chain(layer, Activate(ReLU()))
    network.fast = network[1].fast = False  # type: ignore[assignment]
    with Recorder(network, 2) as recorder:
        network(torch.tensor([[1.0]]))
        assert recorder.layers["0"].dead == 0.5
        network(torch.tensor([[-1.0]]))
        assert recorder.layers["0"].dead == 0
        network(torch.tensor([[5.0]]))  # more than was to be recorded
    assert recorder.layers["0"].received.count == 2


@pytest.fixture
def plain_gan(make_trainer: Make) -> tuple[GAN, Batch]:
    """A GAN without anything random in D's or G's update but the latents."""
    trainer = make_trainer(
        norm={name: {"layer": "none"} for name in ("generator", "discriminator")},
        init={"generator": "he", "discriminator": "he"},
    )
    return trainer.gan, Batch(trainer.feed.first(8).images)


def drawn(gan: GAN, network: str, count: int) -> Tensor:
    return gan.latent.draw(count, random_streams.generator(0, f"inspection/{network}/latent"))


def test_moments_gain_and_gradients_of_the_discriminator(plain_gan: tuple[GAN, Batch]) -> None:
    """The first and the second layer, by hand and with ``autograd.grad``."""
    gan, real = plain_gan
    found = inspect(gan, real, seed=0).discriminator
    d: Any = gan.discriminator
    fake = gan.generator(drawn(gan, "discriminator", 8), {}).images.detach()
    x = torch.cat([real.images, fake]).requires_grad_()
    first = F.conv2d(x, d.blocks[0][0].weight, d.blocks[0][0].bias, 2, 1)
    second_input = F.leaky_relu(first, 0.2)
    logits = d.output(F.leaky_relu(d.blocks[1][0](second_input), 0.2).flatten(1)).squeeze(1)
    loss = (F.softplus(-logits[:8]) + F.softplus(logits[8:])).mean()
    by_x, by_second, by_logits, by_weight = torch.autograd.grad(loss, [x, second_input, logits, d.blocks[0][0].weight])
    layer, second = found.layers[0], found.layers[1]
    assert layer.name == "blocks.0.0"
    assert layer.mean == pytest.approx(first.mean().item(), rel=1e-4)
    assert layer.std == pytest.approx(first.std(correction=0).item(), rel=1e-4)
    assert layer.second_moment == pytest.approx(first.square().mean().item(), rel=1e-4)
    assert layer.input_rms == pytest.approx(x.square().mean().sqrt().item(), rel=1e-4)
    assert layer.gain == pytest.approx((first.square().mean() / x.square().mean()).sqrt().item(), rel=1e-4)
    assert layer.weight_gradient == pytest.approx(by_weight.norm().item(), rel=1e-4)

    def per_sample(gradient: Tensor) -> float:
        return float((8 * gradient.flatten(1)).norm(dim=1).square().mean().sqrt())

    assert layer.input_gradient == pytest.approx(per_sample(by_x), rel=1e-4)
    assert second.input_gradient == pytest.approx(per_sample(by_second), rel=1e-4)
    assert found.output_gradient == pytest.approx(per_sample(by_logits[:, None]), rel=1e-4)
    assert found.loss == pytest.approx(loss.item(), rel=1e-5)
    assert found.output_rms == pytest.approx(logits.square().mean().sqrt().item(), rel=1e-4)


def test_the_gradient_of_the_generator_comes_through_the_discriminator(plain_gan: tuple[GAN, Batch]) -> None:
    gan, real = plain_gan
    found = inspect(gan, real, seed=0)
    g: Any = gan.generator
    latent = drawn(gan, "generator", 8).requires_grad_()
    images = g(latent, {}).images
    (output,) = gan.discriminator.forward_all(Batch(images))
    loss = F.softplus(-output.logits).mean()
    by_z, by_image, by_weight = torch.autograd.grad(loss, [latent, images, g.project.weight])
    expected = [float((8 * one.flatten(1)).norm(dim=1).square().mean().sqrt()) for one in (by_z, by_image)]
    assert found.generator.layers[0].input_gradient == pytest.approx(expected[0], rel=1e-4)
    assert found.generator.output_gradient == pytest.approx(expected[1], rel=1e-4)
    assert found.generator.layers[0].weight_gradient == pytest.approx(by_weight.norm().item(), rel=1e-4)
    way = {(point.network, point.name): point for point in found.path}
    assert way["generator", "project"].gradient == pytest.approx(expected[0], rel=1e-4)
    assert way["discriminator", "blocks.0.0"].gradient == pytest.approx(expected[1], rel=1e-4)
    assert way["discriminator", "blocks.0.0"].signal == pytest.approx(images.square().mean().sqrt().item(), rel=1e-4)
    assert found.path[-1].signal == pytest.approx(output.logits.square().mean().sqrt().item(), rel=1e-4)


def test_logits_on_reals_and_fakes(plain_gan: tuple[GAN, Batch]) -> None:
    gan, real = plain_gan
    found = inspect(gan, real, seed=0).logits
    fake = gan.generator(drawn(gan, "discriminator", 8), {})
    of_real, of_fake = gan.discriminator.forward_all(real, Batch(fake.images))
    assert found.real_mean == pytest.approx(of_real.logits.mean().item(), abs=1e-5)
    assert found.fake_std == pytest.approx(of_fake.logits.std(correction=0).item(), rel=1e-3)
    assert found.gap == pytest.approx((of_real.logits.mean() - of_fake.logits.mean()).item(), abs=1e-5)


def test_a_penalty_is_part_of_the_loss_and_not_of_the_signals(make_trainer: Make) -> None:
    """WGAN-GP's D takes interpolates too: they are no part of what is recorded of reals and fakes."""
    facts: dict[str, Any] = {"norm": {"discriminator": {"layer": "none"}}, "loss": "wasserstein"}
    penalty = {"regularizer": {"gradient_penalty": {"weight": 10.0}}}
    without, with_it = (
        Inspector(0).inspection(one.gan, one.feed)
        for one in (make_trainer(**facts, rules="warn"), make_trainer(**facts, **penalty))
    )
    assert with_it.discriminator.loss > without.discriminator.loss + 1
    one, other = with_it.discriminator.layers[1], without.discriminator.layers[1]
    assert (one.mean, one.input_rms, one.input_gradient) == (other.mean, other.input_rms, other.input_gradient)
    assert one.weight_gradient is not None
    assert other.weight_gradient is not None
    assert one.weight_gradient > 2 * other.weight_gradient


@pytest.mark.parametrize(
    "changes",
    [
        {"discriminator": {"name": "dcgan", "width": 4, "pack": 2}},
        {"discriminator": {"name": "patch", "width": 4, "layers": 1}},
        {"discriminator": {"name": "dcgan", "width": 4, "minibatch": "stddev"}},
        {"generator": {"name": "resnet", "width": 4}, "discriminator": {"name": "resnet", "width": 4}},
        {"condition": "projection", "norm": {"generator": {"layer": "conditional_batch"}}},
        {"loss": "relativistic"},
        {"generator": {"name": "mlp", "hidden": [32]}, "discriminator": {"name": "mlp", "hidden": [8]}},
        {
            "data": {"name": "digit_pairs", "size": 16, "limit": 64},
            "condition": "image",
            "generator": {"name": "unet", "width": 4},
        },
        {"augment": {"ada": {}}, "regularizer": {"lecam": {}, "r1": {"weight": 1.0}}},
    ],
    ids=lambda one: "-".join(one),
)
def test_all_kinds_of_networks_have_all_figures(make_trainer: Make, changes: dict[str, Any]) -> None:
    trainer = make_trainer(**changes)
    found = Inspector(0).inspection(trainer.gan, trainer.feed)
    # PyTorch 2.6 and 2.7 cannot differentiate the gradients of ADA's geometric transformations.
    beyond = "could not be computed (derivative for aten::grid_sampler_2d_backward is not implemented)"
    left_out = "ada" in changes.get("augment", {}) and bool(found.notes)
    assert all(left_out and beyond in note for note in found.notes)
    assert len(found.jacobian) == 3
    assert found.log_condition is not None
    assert math.isfinite(found.log_condition)
    for network in (found.generator, found.discriminator):
        assert len(network.layers) >= 2
        assert network.quotient is not None or (left_out and network is found.generator)
        assert all(layer.input_gradient and layer.weight_gradient and layer.weights for layer in network.layers)
    assert all(point.gradient for point in found.path)


def test_a_network_that_gives_nan_is_reported_and_not_an_error(make_trainer: Make) -> None:
    trainer = make_trainer()
    with torch.no_grad():
        next(iter(trainer.generator.parameters)).fill_(math.nan)
    found = Inspector(0)(trainer.gan, trainer.feed)
    assert next(iter(found.sentences.values())).startswith("Not finite")
    assert '"nan"' in json.dumps(found.plain(), allow_nan=False)
