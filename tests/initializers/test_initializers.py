"""What all schemes have in common."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
import yaml
from torch import nn

from ganlab.config.compose import config_folder
from ganlab.initializers import INITIALIZERS
from ganlab.networks.activations import LeakyReLU, Tanh
from ganlab.networks.layers import Dense, NormLayer
from ganlab.networks.norms import BatchNorm, ConditionalBatchNorm
from tests.initializers.modules import KINDS, fill, kurtosis, layer, notes_of

SCHEMES = [name for name in INITIALIZERS if name != "pretrained"]  # that one reads a file


def mixed() -> nn.Module:
    """Layers of all kinds and roles: what tells any two schemes apart is in here."""
    return nn.Sequential(
        layer("convolution", LeakyReLU(0.2), kernel=3, inputs=4, outputs=8),
        layer("transposed", inputs=4, outputs=8),
        layer("embedding", inputs=4, outputs=8),
        Dense(8, 8, follows=None, role="residual"),
        Dense(8, 8, follows=None, role="residual"),
        Dense(8, 8, follows=Tanh(), role="output"),
    )


@pytest.mark.parametrize("conditional", [False, True], ids=["norm", "conditional norm"])
@pytest.mark.parametrize("name", [name for name in SCHEMES if name != "normal"])
def test_norms_start_at_scale_one(name: str, conditional: bool) -> None:
    norm = (ConditionalBatchNorm() if conditional else BatchNorm()).build(8, (4, 4), classes=5)
    assert isinstance(norm, NormLayer)
    with torch.no_grad():
        norm.weight.fill_(7)
        norm.bias.fill_(7)
    notes_of(INITIALIZERS[name](), norm)
    assert torch.equal(norm.weight, torch.ones((5, 8) if conditional else (8,)))
    assert not norm.bias.any()


@pytest.mark.parametrize("name", [name for name in SCHEMES if name != "default"])
@pytest.mark.parametrize("kind", KINDS)
def test_biases_are_zero(name: str, kind: str) -> None:
    module = layer(kind, inputs=2, outputs=2)
    fill(INITIALIZERS[name](), module)
    assert not module.bias.any()


@pytest.mark.parametrize("name", SCHEMES)
def test_the_weights_follow_from_the_random_numbers_if_it_says_so(name: str) -> None:
    def filled(seed: int) -> list[torch.Tensor]:
        module = mixed()
        fill(INITIALIZERS[name](), module, seed)
        return list(module.parameters())

    assert all(map(torch.equal, filled(0), filled(0)))
    weights = [weight.dim() > 1 for weight in filled(0)]
    changed = [
        not torch.equal(one, other)
        for one, other, is_weight in zip(filled(0), filled(1), weights, strict=True)
        if is_weight
    ]
    random, zeroes = INITIALIZERS[name].is_random, INITIALIZERS[name].zeroes_layers
    assert any(changed) if random and zeroes else all(changed) if random else not any(changed)


@pytest.mark.parametrize(("one", "other"), list(combinations(SCHEMES, 2)))
def test_no_two_schemes_are_the_same(one: str, other: str) -> None:
    """Of the same draws, so that a difference is the scheme's. ``lsuv`` without data is its start, ``orthogonal`` with
    another gain; its own test tells it from that start."""
    differing = []
    for name in (one, other):
        module = mixed()
        fill(INITIALIZERS[name](), module)
        differing.append([parameter.detach() for parameter in module.parameters()])
    assert not all(torch.allclose(a, b) for a, b in zip(*differing, strict=True))


@pytest.mark.parametrize(
    ("shape", "names"),
    [
        (3.0, ["normal", "xavier_normal", "he", "equalized"]),
        (1.8, ["uniform", "xavier", "he_uniform", "default"]),
        (1.0, ["constant"]),
    ],
    ids=["normal", "uniform", "constant"],
)
def test_the_shape_of_the_distribution(shape: float, names: list[str]) -> None:
    for name in names:
        assert kurtosis(fill(INITIALIZERS[name](), layer("dense")).weight) == pytest.approx(shape, rel=0.01), name


@pytest.mark.parametrize("name", SCHEMES)
def test_an_option_file_names_it_for_both_networks(name: str) -> None:
    content = yaml.safe_load((config_folder() / "init" / f"{name}.yaml").read_text())
    assert content["generator"] == content["discriminator"]
    assert content["generator"]["name"] == name
