from __future__ import annotations

import pytest
import torch
from torch import nn

from ganlab.networks import DISCRIMINATORS, GENERATORS, NORMS, does_mix_samples
from ganlab.networks.activations import LeakyReLU
from ganlab.networks.backbone import TorchvisionDiscriminator
from ganlab.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from ganlab.networks.mlp import MLPDiscriminator, MLPGenerator
from ganlab.networks.norms import BatchNorm, InstanceNorm, LayerNorm, NoNorm
from ganlab.networks.resampling import cropped, full_size, halvings, padded
from ganlab.types import Batch, Shapes

SIZES = [
    (16, 16),
    (28, 28),
    (32, 32),
    (48, 48),
    (64, 64),
    (96, 96),
    (128, 128),
    (256, 256),
    (32, 48),
    (64, 28),
    (20, 40),
]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_dcgan_at_any_size_that_strides_reach(size: tuple[int, int], channels: int) -> None:
    shapes = Shapes((channels, *size), latent=5)
    generator = DCGANGenerator(width=2, largest_width=4).build(shapes, BatchNorm())
    images = generator(torch.randn(2, 5), {}).images
    assert images.shape == (2, channels, *size)
    assert images.abs().max() <= 1
    discriminator = DCGANDiscriminator(width=2, largest_width=4).build(shapes, NoNorm())
    assert discriminator.forward_all(Batch(images))[0].logits.shape == (2,)
    # every pixel counts: D sees the image's own, none cut off or resized away
    images = images.detach().requires_grad_()
    discriminator(Batch(images)).logits.sum().backward()
    assert (images.grad.abs().sum(dim=(0, 1)) > 0).all()


def test_published_width_and_depth() -> None:
    """Radford et al. 2016, figure 1: 1024 at 4×4, 512, 256, 128, and an image of 64×64."""
    network = DCGANGenerator(width=128, largest_width=1024).build(Shapes((3, 64, 64), 100), BatchNorm())
    transposed = [module for module in network.modules() if isinstance(module, nn.ConvTranspose2d)]
    assert [(layer.in_channels, layer.out_channels) for layer in transposed] == [
        (1024, 512),
        (512, 256),
        (256, 128),
        (128, 3),
    ]
    assert network.coarsest == (1024, 4, 4)


def test_norms_stand_where_the_paper_has_them() -> None:
    """None behind G's output layer and D's input layer (Radford et al. 2016, section 3)."""
    shapes = Shapes((3, 32, 32), 10)
    generator = DCGANGenerator(width=4).build(shapes, BatchNorm())
    discriminator = DCGANDiscriminator(width=4).build(shapes, BatchNorm())
    norm = type(BatchNorm().build(1, (2, 2)))
    assert sum(isinstance(module, norm) for module in generator.modules()) == 3
    assert sum(isinstance(module, norm) for module in discriminator.modules()) == 2
    assert not any(isinstance(module, norm) for module in discriminator.blocks[0].modules())


@pytest.mark.parametrize(
    ("size", "count"),
    [((16, 16), 2), ((28, 28), 2), ((32, 32), 3), ((48, 48), 3), ((64, 64), 4), ((96, 96), 4), ((256, 256), 6)],
)
def test_halvings(size: tuple[int, int], count: int) -> None:
    assert halvings(*size) == count


@pytest.mark.parametrize("side", [2, 4, 7, 1025, 3000])
def test_the_size_that_is_suggested_can_be_used(side: int) -> None:
    for other in (side, 100, 31):
        with pytest.raises(ValueError, match=r"8 to 1024 pixels") as raised:
            halvings(side, other)
        suggested = eval(str(raised.value).rpartition("data.size=")[2])
        halvings(*(suggested if isinstance(suggested, list) else [suggested, suggested]))


ANY_SIZES = [(8, 8), (10, 10), (17, 31), (48, 100), (100, 100), (200, 120)]
LARGE = [pytest.param(size, marks=pytest.mark.slow) for size in ((512, 512), (1024, 1024), (8, 1024))]


@pytest.mark.parametrize("size", [*ANY_SIZES, *LARGE], ids=str)
@pytest.mark.parametrize("name", ["dcgan", "resnet"])
def test_any_size_is_generated_and_discriminated(name: str, size: tuple[int, int]) -> None:
    shapes = Shapes((3, *size), 5)
    settings = {"width": 2, "largest_width": 4, "activation": LeakyReLU()}
    generator = GENERATORS[name](**settings).build(shapes, BatchNorm())  # type: ignore[call-arg]
    discriminator = DISCRIMINATORS[name](**settings).build(shapes, NoNorm())  # type: ignore[call-arg]
    images = generator(torch.randn(2, 5), {}).images
    assert images.shape == (2, 3, *size)
    images.retain_grad()
    output = discriminator(Batch(images))
    assert output.logits.shape == (2,)
    output.logits.sum().backward()
    assert images.grad is not None
    assert (images.grad.abs().sum(dim=1) > 0).float().mean() > 0.95, "every pixel counts"


@pytest.mark.parametrize(
    ("size", "count", "full"), [((100, 100), 4, (112, 112)), ((48, 100), 3, (48, 104)), ((28, 28), 2, (28, 28))]
)
def test_the_size_that_networks_work_at(size: tuple[int, int], count: int, full: tuple[int, int]) -> None:
    assert halvings(*size) == count
    assert full_size(*size, count) == full


def test_padding_is_the_inverse_of_cropping() -> None:
    x = torch.randn(2, 3, 7, 10)
    wide = padded(x, 8, 16)
    assert wide.shape == (2, 3, 8, 16)
    assert torch.equal(cropped(wide, 7, 10), x)
    assert wide.sum() == pytest.approx(x.sum().item(), abs=1e-4)
    assert cropped(x, 7, 10) is x
    assert padded(x, 7, 10) is x


def test_mlp_is_what_it_says() -> None:
    shapes = Shapes((1, 16, 16), 10)
    generator = MLPGenerator(hidden=(8, 12)).build(shapes, BatchNorm())
    assert generator(torch.randn(3, 10), {}).images.shape == (3, 1, 16, 16)
    assert [(layer.in_features, layer.out_features) for layer in generator.modules() if isinstance(layer, nn.Linear)] == [
        (10, 8), (8, 12), (12, 256),
    ]  # fmt: skip
    discriminator = MLPDiscriminator(hidden=(8, 4), dropout=0.5).build(shapes, NoNorm())
    dropouts = [module.p for module in discriminator.modules() if isinstance(module, nn.Dropout)]
    assert dropouts == [0.5, 0.5]


@pytest.mark.parametrize("architecture", DISCRIMINATORS.values())
@pytest.mark.parametrize(
    ("norm", "mixes"), [(NoNorm(), False), (LayerNorm(), False), (BatchNorm(), True), (InstanceNorm(), False)], ids=str
)
def test_mixing_is_asked(architecture: type, norm: object, mixes: bool) -> None:
    shapes = Shapes((1, 32, 32), 4, pack=2)
    if architecture is MLPDiscriminator and isinstance(norm, InstanceNorm):
        pytest.skip("an MLP has no height and width")
    if architecture in (TorchvisionDiscriminator, DISCRIMINATORS["wnet"]) and isinstance(norm, InstanceNorm):
        pytest.skip("its last maps have one pixel")
    network = architecture().build(shapes, norm)
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    assert does_mix_samples(network, shapes) is mixes
    assert all(torch.equal(buffer, buffers[name]) for name, buffer in network.named_buffers())
    assert network.training


@pytest.mark.parametrize("architecture", DISCRIMINATORS.values())
def test_one_pass_judges_as_two_do(architecture: type) -> None:
    shapes = Shapes((1, 32, 32), 4, pack=2)
    network = architecture().build(shapes, LayerNorm()).eval()
    parts = [Batch(torch.randn(4, 1, 32, 32)), Batch(torch.randn(6, 1, 32, 32))]
    together = network.forward_all(*parts, features=True)
    alone = [network(part, True) for part in parts]
    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(one.logits, other.logits)
        for a, b in zip(one.features, other.features, strict=True):
            torch.testing.assert_close(a, b)
    assert [len(judgement.logits) for judgement in together] == [2, 3]


def test_batch_statistics_are_kept_apart_per_part() -> None:
    """With batch norm, what D says of reals must not depend on the fakes of the same update."""
    network = DCGANDiscriminator(width=4).build(Shapes((1, 16, 16), 4), BatchNorm())
    network.mixes_samples = True
    real = Batch(torch.randn(4, 1, 16, 16))
    with network.statistics_frozen():
        first, second = (network.forward_all(real, Batch(torch.randn(4, 1, 16, 16) * 9))[0].logits for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("table", [GENERATORS, DISCRIMINATORS], ids=lambda table: table.kind)
def test_stored_names_do_not_depend_on_the_parametrization(table: object) -> None:
    from ganlab.networks import PARAMETRIZATIONS, parametrize

    for name, architecture in table.items():  # type: ignore[attr-defined]
        images = ("content", "style") if name == "wnet" else ("source",)
        shapes = Shapes((1, 32, 32), 4, sources=dict.fromkeys(images, (1, 32, 32)))
        network = architecture().build(shapes, NORMS["batch"]())
        before = set(dict(network.named_parameters()))
        parametrize(network, PARAMETRIZATIONS["spectral"]())
        assert set(dict(network.named_parameters())) == before
