from __future__ import annotations

from typing import get_args

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ganlab.networks.activations import ACTIVATIONS, ReLU
from ganlab.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from ganlab.networks.norms import BatchNorm
from ganlab.networks.resampling import Downsampling, Upsampling, downsampled, upsampled
from ganlab.types import Batch, Shapes

X = torch.randn(2, 3, 8, 6, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("way", get_args(Upsampling))
def test_upsampling_doubles(way: Upsampling) -> None:
    layers = nn.Sequential(*upsampled(way, 3, 5, follows=ReLU()))
    weight = next(layer.weight for layer in layers if hasattr(layer, "weight"))
    bias = next(layer.bias for layer in layers if hasattr(layer, "bias"))
    by_hand = {
        "transposed": lambda: F.conv_transpose2d(X, weight, bias, 2, 1),
        "nearest": lambda: F.conv2d(X.repeat_interleave(2, 2).repeat_interleave(2, 3), weight, bias, 1, 1),
        "bilinear": lambda: F.conv2d(F.interpolate(X, scale_factor=2, mode="bilinear"), weight, bias, 1, 1),
        "pixel_shuffle": lambda: F.pixel_shuffle(F.conv2d(X, weight, bias, 1, 1), 2),
    }[way]()
    assert by_hand.shape == (2, 5, 16, 12)
    torch.testing.assert_close(layers(X), by_hand)


@pytest.mark.parametrize("way", get_args(Downsampling))
def test_downsampling_halves(way: Downsampling) -> None:
    layers = nn.Sequential(*downsampled(way, 3, 5, follows=ReLU()))
    weight, bias = layers[0].weight, layers[0].bias
    by_hand = {
        "strided": lambda: F.conv2d(X, weight, bias, 2, 1),
        "average": lambda: F.conv2d(X, weight, bias, 1, 1).unflatten(3, (3, 2)).unflatten(2, (4, 2)).mean((3, 5)),
        "max": lambda: F.conv2d(X, weight, bias, 1, 1).unflatten(3, (3, 2)).unflatten(2, (4, 2)).amax((3, 5)),
    }[way]()
    assert by_hand.shape == (2, 5, 4, 3)
    torch.testing.assert_close(layers(X), by_hand)


def test_max_pooling_makes_gradients_sparse_and_the_others_do_not() -> None:
    """What it is there to show: three of four values of a map get no gradient."""
    share = {}
    for way in get_args(Downsampling):
        layers = downsampled(way, 3, 5, follows=ReLU())
        x = X.clone().requires_grad_()
        y = layers[0](x)
        y.retain_grad()
        nn.Sequential(*layers[1:])(y).sum().backward()
        share[way] = (y.grad != 0).float().mean().item()
    assert share == {"strided": 1.0, "average": 1.0, "max": 0.25}


@pytest.mark.parametrize("way", get_args(Upsampling))
@pytest.mark.parametrize("depth", [1, 2])
def test_dcgan_generates_its_size_by_any_way(way: Upsampling, depth: int) -> None:
    network = DCGANGenerator(width=4, depth=depth, upsampling=way).build(Shapes((3, 28, 28), 5), BatchNorm())
    assert network(torch.randn(2, 5), {}).images.shape == (2, 3, 28, 28)


@pytest.mark.parametrize("way", get_args(Downsampling))
@pytest.mark.parametrize("depth", [1, 2])
def test_dcgan_judges_by_any_way(way: Downsampling, depth: int) -> None:
    network = DCGANDiscriminator(width=4, depth=depth, downsampling=way, dropout=0.5).build(
        Shapes((3, 28, 28), 5), BatchNorm()
    )
    assert network(Batch(torch.randn(2, 3, 28, 28))).logits.shape == (2,)
    assert sum(isinstance(layer, nn.Conv2d) for layer in network.modules()) == 2 * depth
    assert sum(isinstance(layer, nn.Dropout) for layer in network.modules()) == 2


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_gains_keep_the_second_moment(name: str) -> None:
    """Measured on a million normal numbers; tanh is taken as linear around 0, Glorot & Bengio 2010."""
    activation = ACTIVATIONS[name]()
    z = torch.randn(1_000_000, generator=torch.Generator().manual_seed(0))
    expected = 1.0 if name == "tanh" else 1 / (activation(z) ** 2).mean().sqrt().item()
    assert activation.gain == pytest.approx(expected, rel=5e-3)
