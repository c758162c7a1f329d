"""What the networks compute by shorter ways, beside each layer by itself."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganlab.input_gradient import input_gradient
from ganlab.networks import (
    DCGANDiscriminator,
    DCGANGenerator,
    DiscriminatorModule,
    GeneratorModule,
    ResNetDiscriminator,
    ResNetGenerator,
    parametrize,
    use_fast_kernels,
)
from ganlab.networks.activations import ACTIVATIONS, Activate, LeakyReLU, ReLU
from ganlab.networks.kernels.pooling import AveragePool, NearestUpsampling
from ganlab.networks.layers import Chain, Convolution
from ganlab.networks.norms import BatchNorm, LayerNorm, NoNorm, Norm
from ganlab.networks.parametrizations import Plain, Spectral
from ganlab.types import Batch, Shapes
from tests.networks.calls import Calls

SHAPES = Shapes(image=(3, 16, 16), latent=8)
DISCRIMINATORS: dict[str, Any] = {
    "dcgan": DCGANDiscriminator(width=4),
    "dcgan, average": DCGANDiscriminator(width=4, downsampling="average", depth=2),
    "dcgan, max": DCGANDiscriminator(width=4, downsampling="max"),
    "resnet": ResNetDiscriminator(width=4, flat=2, coarsest=8, pool="mean"),
    "resnet, stem": ResNetDiscriminator(width=4, stem="convolution", flat=0, pool="none", activation=LeakyReLU()),
}
GENERATORS: dict[str, Any] = {
    "dcgan": DCGANGenerator(width=4),
    "dcgan, nearest": DCGANGenerator(width=4, upsampling="nearest", depth=2),
    "dcgan, shuffled": DCGANGenerator(width=4, upsampling="pixel_shuffle"),
    "resnet": ResNetGenerator(width=4),
    "resnet, bilinear": ResNetGenerator(width=4, upsampling="bilinear", depth=2),
}


def images(count: int = 4) -> Tensor:
    return torch.rand(count, *SHAPES.image, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 2 - 1


def penalized(network: DiscriminatorModule, fast: bool) -> list[Tensor]:
    """Logits, the gradient penalty, and its gradients by every weight."""
    use_fast_kernels(network, fast)
    x = images().requires_grad_()
    network.zero_grad()
    logits = network(Batch(x)).logits
    penalty = ((input_gradient(logits, x).norm(dim=1) - 1) ** 2).mean()
    (logits.sum() + penalty).backward()
    gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in network.parameters()]
    return [logits.detach(), penalty.detach(), *gradients]


@pytest.mark.parametrize("norm", [NoNorm(), BatchNorm(), LayerNorm()], ids=["none", "batch", "layer"])
@pytest.mark.parametrize("setting", DISCRIMINATORS.values(), ids=DISCRIMINATORS)
def test_a_discriminator_and_its_penalty_are_the_same(setting: Any, norm: Norm) -> None:
    network = setting.build(SHAPES, norm).double()
    # input_gradient is float32 on purpose.
    torch.testing.assert_close(penalized(network, True), penalized(network, False), rtol=1e-4, atol=1e-6)


def test_with_spectral_norm_too() -> None:
    network = DISCRIMINATORS["resnet"].build(SHAPES, NoNorm()).double()
    parametrize(network, Spectral())
    torch.testing.assert_close(penalized(network, True), penalized(network, False), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("setting", GENERATORS.values(), ids=GENERATORS)
def test_a_generator_is_the_same(setting: Any) -> None:
    network: GeneratorModule = setting.build(SHAPES, BatchNorm()).double()
    latent = torch.randn(4, 8, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    results = []
    for fast in (True, False):
        use_fast_kernels(network, fast)
        network.zero_grad()
        made = network(latent, {}).images
        made.square().sum().backward()
        with torch.no_grad():
            torch.testing.assert_close(network(latent, {}).images, made)
        results.append([made.detach(), *(one.grad for one in network.parameters())])
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("setting", [DISCRIMINATORS["dcgan"], DISCRIMINATORS["resnet"]], ids=["dcgan", "resnet"])
def test_a_penalty_costs_four_passes_and_no_dead_one(setting: Any) -> None:
    """Forward, gradient, and the gradient's two derivatives. Zeros handed back to the activations' inputs would be a
    fifth and sixth."""
    network: DiscriminatorModule = setting.build(SHAPES, NoNorm())
    use_fast_kernels(network, True)
    layers = sum(isinstance(module, Convolution) for module in network.modules())
    x = images().float().requires_grad_()
    with Calls() as calls:
        logits = network(Batch(x)).logits
        ((input_gradient(logits, x).norm(dim=1) - 1) ** 2).mean().backward()
    assert calls.convolutions == 4 * layers
    use_fast_kernels(network, False)
    with Calls() as calls:
        logits = network(Batch(x)).logits
        ((input_gradient(logits, x).norm(dim=1) - 1) ** 2).mean().backward()
    assert calls.convolutions > 5 * layers


def test_convolution_and_pool_are_one_convolution_and_upsampling_and_convolution_too() -> None:
    x = images()
    for layers in (
        [Convolution(3, 5, 3, padding=1, follows=None), AveragePool()],
        [NearestUpsampling(), Convolution(3, 5, 3, padding=1, follows=None)],
    ):
        chain = Chain(*layers).double()
        with Calls() as calls:
            folded = chain(x)
        assert calls.convolutions == 1
        torch.testing.assert_close(folded, nn.Sequential(*layers)(x))
        assert [len(args.shape) for args in chain.parameters()] == [4, 1]  # the stored weight is the paper's


def test_kernels_of_another_size_are_not_folded() -> None:
    x = images()
    for layers in (
        [Convolution(3, 5, 1, follows=None), AveragePool()],
        [Convolution(3, 5, 4, stride=2, padding=1, follows=None), AveragePool()],
        [NearestUpsampling(), Convolution(3, 5, 1, follows=None)],
        [NearestUpsampling(), Convolution(3, 5, 3, padding=1, follows=None), AveragePool()],
    ):
        chain = Chain(*layers).double()
        torch.testing.assert_close(chain(x), nn.Sequential(*layers)(x))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_has_its_own_derivatives(name: str) -> None:
    activation = ACTIVATIONS[name]()
    values = []
    for module in (Activate(activation), activation):
        x = torch.linspace(-2, 2, 41, dtype=torch.float64).requires_grad_()
        y = module(x)
        (first,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        (second,) = torch.autograd.grad((first**2).sum(), x)
        values.append([y.detach(), first.detach(), second])
    torch.testing.assert_close(*values)


def test_an_activation_overwrites_only_what_nobody_needs() -> None:
    """The input of a chain may be a residual block's shortcut, and an activation's result is kept for its gradient."""
    x = images()
    before = x.clone()
    Chain(Activate(ReLU()), Convolution(3, 5, 3, padding=1, follows=None).double())(x)
    Chain(nn.Identity(), Activate(ReLU()))(x)
    torch.testing.assert_close(x, before, rtol=0, atol=0)
    chain = Chain(Convolution(3, 5, 1, follows=None).double(), nn.Identity(), Activate(ReLU()), Activate(LeakyReLU()))
    own, theirs = chain(x), F.leaky_relu(F.relu(nn.Sequential(*list(chain)[:1])(x)), 0.2)
    torch.testing.assert_close(own, theirs)
    own.sum().backward()  # and autograd finds all that it has kept unchanged


def test_a_pool_hands_on_its_derivatives() -> None:
    values = []
    for pool in (AveragePool(), nn.AvgPool2d(2)):
        x = images().requires_grad_()
        (first,) = torch.autograd.grad((pool(x) ** 3).sum(), x, create_graph=True)
        (second,) = torch.autograd.grad((first**2).sum(), x)
        values.append([first.detach(), second])
    torch.testing.assert_close(*values)


def test_it_can_be_switched_off() -> None:
    network = DISCRIMINATORS["resnet"].build(SHAPES, NoNorm())
    parametrize(network, Plain())
    assert any(getattr(module, "fast", False) for module in network.modules())
    use_fast_kernels(network, False)
    assert not any(getattr(module, "fast", False) for module in network.modules())
