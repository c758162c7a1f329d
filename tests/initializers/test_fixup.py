from __future__ import annotations

import pytest
import torch

from ganlab.initializers.fixup import Fixup
from ganlab.initializers.he import He
from ganlab.layer import Layer
from ganlab.networks import walk
from ganlab.networks.mlp import MLPDiscriminator
from ganlab.networks.norms import NoNorm
from ganlab.networks.resnet import ResNetDiscriminator, ResNetGenerator
from ganlab.types import Batch, Shapes
from tests.initializers.modules import notes_of

SHAPES = Shapes((3, 16, 16), 8)


def filled(initializer: He | Fixup, depth: int = 3) -> list[Layer]:
    network = ResNetGenerator(width=4, largest_width=8, depth=depth).build(SHAPES, NoNorm())
    assert notes_of(initializer, network) == []
    return list(walk(network))


def test_weights_on_branches_are_he_times_the_papers_power_of_the_number_of_branches() -> None:
    he, fixup = filled(He()), filled(Fixup())
    branches = 6  # two sizes of three blocks, each with two convolutions on its branch: L^(-1 / (2 * 2 - 2))
    assert {layer.branch.count for layer in fixup if layer.branch} == {branches}
    for one, other in zip(he, fixup, strict=True):
        if other.role in ("output", "residual"):
            assert not other.weight.any(), other.name
        else:
            scale = branches**-0.5 if other.branch else 1.0
            assert torch.allclose(other.weight, scale * one.weight), other.name


def test_every_block_starts_as_its_shortcut() -> None:
    """So two networks of different depth compute the same, whatever the number of blocks that change no size."""
    outputs = []
    for depth in (1, 4):
        network = ResNetDiscriminator(width=4, largest_width=4, depth=depth).build(SHAPES, NoNorm())
        notes_of(Fixup(zero_output=False), network)
        with torch.no_grad():  # the same shortcuts and output layer in both
            for layer in walk(network):
                if layer.branch is None:
                    layer.weight.fill_(0.1)
        images = torch.randn(5, 3, 16, 16, generator=torch.Generator().manual_seed(1))
        outputs.append(network(Batch(images)).logits)
    assert torch.allclose(*outputs, rtol=1e-5)
    assert outputs[0].std() > 0


def test_the_output_layer_starts_at_zero_unless_set_otherwise() -> None:
    assert not filled(Fixup())[-1].weight.any()
    assert filled(Fixup(zero_output=False))[-1].weight.any()


def test_without_branches_it_says_so() -> None:
    network = MLPDiscriminator().build(SHAPES, NoNorm())
    (note,) = notes_of(Fixup(), network)
    assert "no residual branches" in note


@pytest.mark.parametrize("backbone", ["resnet18", "resnet50"])
def test_the_branches_of_torchvisions_networks(backbone: str) -> None:
    from ganlab.networks.backbone import TorchvisionDiscriminator

    network = TorchvisionDiscriminator(backbone=backbone).build(Shapes((3, 32, 32), 8), NoNorm())  # type: ignore[arg-type]
    places = {layer.name: layer.branch for layer in walk(network)}
    count, length = (8, 2) if backbone == "resnet18" else (16, 3)
    own = [place for place in places.values() if place]
    assert {place.count for place in own} == {count}
    assert {place.length for place in own} == {length}
    assert len(own) == count * length
    last = places["layer2.0.conv2" if length == 2 else "layer2.0.conv3"]
    assert last is not None
    assert last.is_last
    assert places["layer2.0.downsample.0"] is None
