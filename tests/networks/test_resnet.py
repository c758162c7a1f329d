"""The published networks, counted by hand from the papers' layer tables."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganlab.networks import walk
from ganlab.networks.activations import LeakyReLU
from ganlab.networks.norms import BatchNorm, LayerNorm, NoNorm
from ganlab.networks.resnet import ResNetDiscriminator, ResNetGenerator
from ganlab.types import Batch, Shapes


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def convolution(inputs: int, outputs: int, kernel: int = 3, bias: bool = True) -> int:
    return inputs * outputs * kernel**2 + (outputs if bias else 0)


def norm(channels: int) -> int:
    return 2 * channels


def generator_block(inputs: int, outputs: int) -> int:
    """Norm, 3×3, norm, 3×3, and a shortcut 1×1. The first convolution has no bias: the norm behind it has a shift."""
    return (
        norm(inputs) + convolution(inputs, outputs, bias=False) + norm(outputs) + convolution(outputs, outputs)
        + convolution(inputs, outputs, 1)
    )  # fmt: skip


def discriminator_block(inputs: int, outputs: int, first: bool = False, shortcut: bool = True) -> int:
    hidden = outputs if first else inputs
    return (
        convolution(inputs, hidden)
        + convolution(hidden, outputs)
        + (convolution(inputs, outputs, 1) if shortcut else 0)
    )


GENERATORS = {
    # Miyato et al. 2018, table 3: dense to 4×4×256, three up blocks of 256, norm, convolution 3×3.
    "sngan cifar": (
        ResNetGenerator(width=256, largest_width=256), 32, 128,
        128 * 4096 + 4096 + 3 * generator_block(256, 256) + norm(256) + convolution(256, 3),
    ),
    # Gulrajani et al. 2017, appendix F: the same with 128.
    "wgan-gp cifar": (
        ResNetGenerator(width=128, largest_width=128), 32, 128,
        128 * 2048 + 2048 + 3 * generator_block(128, 128) + norm(128) + convolution(128, 3),
    ),
    # Miyato et al. 2018, table 5: dense to 6×6×512, blocks of 256, 128, 64.
    "sngan stl": (
        ResNetGenerator(width=64, largest_width=512), 48, 128,
        128 * 36 * 512 + 36 * 512 + generator_block(512, 256) + generator_block(256, 128) + generator_block(128, 64)
        + norm(64) + convolution(64, 3),
    ),
    # WGAN-GP's published code at 64×64: dense to 4×4×512, blocks of 512, 256, 128, 64.
    "wgan-gp 64": (
        ResNetGenerator(width=64, largest_width=512), 64, 128,
        128 * 16 * 512 + 16 * 512 + generator_block(512, 512) + generator_block(512, 256) + generator_block(256, 128)
        + generator_block(128, 64) + norm(64) + convolution(64, 3),
    ),
}  # fmt: skip

DISCRIMINATORS = {
    # Miyato et al. 2018, table 3: two down blocks of 128, two more without, sum, dense 1.
    "sngan cifar": (
        ResNetDiscriminator(width=128, largest_width=128, flat=2, coarsest=8), 32,
        discriminator_block(3, 128, first=True) + discriminator_block(128, 128)
        + 2 * discriminator_block(128, 128, shortcut=False) + 128 + 1,
    ),
    "wgan-gp cifar": (
        ResNetDiscriminator(width=128, largest_width=128, flat=2, coarsest=8, pool="mean"), 32,
        discriminator_block(3, 128, first=True) + discriminator_block(128, 128)
        + 2 * discriminator_block(128, 128, shortcut=False) + 128 + 1,
    ),
    # Miyato et al. 2018, table 5: down blocks of 64, 128, 256, 512, one of 1024 without.
    "sngan stl": (
        ResNetDiscriminator(width=64, largest_width=1024, flat=1, coarsest=3), 48,
        discriminator_block(3, 64, first=True) + discriminator_block(64, 128) + discriminator_block(128, 256)
        + discriminator_block(256, 512) + discriminator_block(512, 1024) + 1024 + 1,
    ),
    # WGAN-GP's published code at 64×64: convolution to 64, down blocks of 128, 256, 512, 512, dense from 4×4×512.
    "wgan-gp 64": (
        ResNetDiscriminator(width=64, largest_width=512, flat=0, coarsest=4, stem="convolution", pool="none"), 64,
        convolution(3, 64) + discriminator_block(64, 128) + discriminator_block(128, 256)
        + discriminator_block(256, 512) + discriminator_block(512, 512) + 16 * 512 + 1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GENERATORS)
def test_published_generators(name: str) -> None:
    settings, side, latent, expected = GENERATORS[name]
    network = settings.build(Shapes((3, side, side), latent), BatchNorm())
    assert parameters(network) == expected
    with torch.no_grad():
        assert network(torch.randn(2, latent), {}).images.shape == (2, 3, side, side)


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_published_discriminators(name: str) -> None:
    settings, side, expected = DISCRIMINATORS[name]
    network = settings.build(Shapes((3, side, side), 128), NoNorm())
    assert parameters(network) == expected
    with torch.no_grad():
        assert network(Batch(torch.randn(2, 3, side, side))).logits.shape == (2,)


def test_totals_as_others_count_them() -> None:
    """4,276,739 and 1,053,... are what re-implementations of SNGAN at 32×32 report, with a bias in every convolution."""
    generator, *_ = GENERATORS["sngan cifar"]
    network = generator.build(Shapes((3, 32, 32), 128), BatchNorm())
    assert parameters(network) + 3 * 256 == 4_276_739


def feature_sides(settings: ResNetDiscriminator, side: int) -> list[int]:
    network = settings.build(Shapes((3, side, side), 4), NoNorm())
    features = network(Batch(torch.randn(1, 3, side, side)), features=True).features
    return [feature.shape[2] for feature in features if feature.dim() == 4]


def test_sizes_of_the_published_maps() -> None:
    narrow = {"width": 2, "largest_width": 2}
    assert feature_sides(ResNetDiscriminator(**narrow, flat=2, coarsest=8), 32) == [16, 8, 8, 8]
    assert feature_sides(ResNetDiscriminator(**narrow, flat=1, coarsest=3), 48) == [24, 12, 6, 3, 3]
    assert feature_sides(ResNetDiscriminator(**narrow, flat=0, coarsest=4, stem="convolution"), 64) == [32, 16, 8, 4]
    assert feature_sides(ResNetDiscriminator(**narrow, depth=2), 32) == [16, 16, 8, 8, 4, 4, 4, 4]


@pytest.mark.parametrize(("pool", "factor"), [("sum", 16.0), ("mean", 1.0)])
def test_pooling(pool: str, factor: float) -> None:
    network = ResNetDiscriminator(width=2, largest_width=2, pool=pool).build(Shapes((1, 32, 32), 4), NoNorm())
    *_, last, pooled = network(Batch(torch.randn(3, 1, 32, 32)), features=True).features
    torch.testing.assert_close(pooled, torch.relu(last).mean((2, 3)) * factor)


def test_a_block_is_its_shortcut_plus_its_branch() -> None:
    """By hand for the first block, and for one that halves nothing: there the shortcut is the input itself."""
    network = ResNetDiscriminator(width=4, largest_width=4, flat=1, activation=LeakyReLU(0.1)).build(
        Shapes((1, 16, 16), 4), NoNorm()
    )
    x = torch.randn(2, 1, 16, 16)
    first = network.blocks[0]
    convolutions = [layer for layer in first.modules() if isinstance(layer, nn.Conv2d)]
    inner, outer, shortcut = convolutions
    act, half = nn.LeakyReLU(0.1), nn.AvgPool2d(2)
    torch.testing.assert_close(first(x, {}), half(outer(act(inner(x)))) + shortcut(half(x)))
    last = network.blocks[-1]
    inner, outer = [layer for layer in last.modules() if isinstance(layer, nn.Conv2d)]
    y = torch.randn(2, 4, 4, 4)
    torch.testing.assert_close(last(y, {}), y + outer(act(inner(act(y)))))


def test_a_generators_block_doubles_before_its_first_convolution() -> None:
    network = ResNetGenerator(width=4, largest_width=4).build(Shapes((1, 16, 16), 4), NoNorm())
    block = network.blocks[0]
    inner, outer, shortcut = [layer for layer in block.modules() if isinstance(layer, nn.Conv2d)]
    x, up = torch.randn(2, 4, 4, 4), nn.Upsample(scale_factor=2)
    torch.testing.assert_close(block(x, {}), outer(torch.relu(inner(up(torch.relu(x))))) + shortcut(up(x)))


def test_roles_tell_where_branches_end() -> None:
    network = ResNetGenerator(width=4, largest_width=4).build(Shapes((1, 32, 32), 4), LayerNorm())
    roles = [layer.role for layer in walk(network)]
    assert roles.count("residual") == 3
    assert roles.count("output") == 1
    assert all(layer.activation == "linear" for layer in walk(network) if layer.role == "residual")
