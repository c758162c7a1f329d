"""The W-Net and its discriminator: shapes as published, and what depends on what."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from ganlab.networks import DISCRIMINATORS, GENERATORS
from ganlab.networks.base import DiscriminatorModule, GeneratorModule
from ganlab.networks.layers import Convolution, Dense, TransposedConvolution
from ganlab.networks.norms import LayerNorm, NoNorm, Norm
from ganlab.networks.wnet_encoder import Residual
from ganlab.testing import check_discriminator, check_generator
from ganlab.types import Batch, Shapes


def shapes(size: int | tuple[int, int] = 64, latent: int = 5, **changes: Any) -> Shapes:
    height, width = (size, size) if isinstance(size, int) else size
    image = (1, height, width)
    facts: dict[str, Any] = {
        "sources": {"content": image, "style": image},
        "heads": {"font": 7, "character": 9},
        "shared": {"content": "character", "style": "font"},
    }
    return Shapes(image, latent, **{**facts, **changes})


def generator(size: int | tuple[int, int] = 64, norm: Norm | None = None, **settings: Any) -> GeneratorModule:
    torch.manual_seed(0)
    return GENERATORS["wnet"](**settings).build(shapes(size), norm or LayerNorm())


def glyphs(count: int, size: int) -> dict[str, torch.Tensor]:
    """Returns random content and style images (count, 1, size, size) in [-1, 1]."""
    return {name: torch.rand(count, 1, size, size) * 2 - 1 for name in ("content", "style")}


def output_shapes(network: nn.Module, run: Any) -> dict[str, tuple[int, ...]]:
    """The shape of each layer's output without the batch, by name, of a run on the meta device."""
    found: dict[str, tuple[int, ...]] = {}
    for name, module in network.named_modules():
        if isinstance(module, Convolution | TransposedConvolution | Dense):
            module.register_forward_hook(
                lambda module, args, output, name=name: found.__setitem__(name, tuple(output.shape[1:]))
            )
    run()
    return found


def at_full_width(network: nn.Module) -> nn.Module:
    for module in network.modules():
        if hasattr(module, "fast"):
            module.fast = False  # fused kernels do not run on the meta device
    return network


PUBLISHED = [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4), (512, 2, 2), (512, 1, 1)]


def test_the_table_of_the_generator_at_64_pixels_and_full_width() -> None:
    with torch.device("meta"):
        network = at_full_width(generator(heads=True))
        zeros = {name: torch.zeros(2, 1, 64, 64) for name in ("content", "style")}
        images: list[Any] = []
        found = output_shapes(network, lambda: images.append(network(torch.zeros(2, 5), zeros)))
    assert images[0].images.shape == (2, 1, 64, 64)
    for encoder in ("content", "style"):
        assert [found[f"encoders.{encoder}.down.{level}.0"] for level in range(6)] == PUBLISHED
        assert images[0].codes[encoder].shape == (2, 512)
        for level in range(6):
            convolution = network.get_submodule(f"encoders.{encoder}.down.{level}.0")
            assert (convolution.kernel_size, convolution.stride) == ((5, 5), (2, 2))
    blocks = {
        encoder: [
            sum(isinstance(one, Residual) for one in network.get_submodule(f"encoders.{encoder}.shortcuts.{level}"))
            for level in range(3)
        ]
        for encoder in ("content", "style")
    }
    assert blocks == {"content": [1, 3, 5], "style": [0, 0, 5]}
    # Both codes; then the decoder's map, the content's, and below 16 pixels the style's.
    inputs = [network.get_submodule(f"up.{number}.0").in_channels for number in range(5)]
    assert inputs == [512 + 512, 512 * 3, 512 * 3, 256 * 3, 128 * 2]
    assert network.output[0].in_channels == 64 * 2
    sizes = [found[f"up.{number}.0"] for number in range(5)]  # before the first row and column are removed
    assert sizes == [(512, 3, 3), (512, 5, 5), (256, 9, 9), (128, 17, 17), (64, 33, 33)]
    assert {name: tuple(head.shape[1:]) for name, head in images[0].heads.items()} == {"character": (9,), "font": (7,)}


def test_the_table_of_the_discriminator() -> None:
    with torch.device("meta"):
        network = at_full_width(DISCRIMINATORS["wnet"]().build(shapes(), LayerNorm()))
        assert isinstance(network, DiscriminatorModule)
        condition = {name: torch.zeros(2, 1, 64, 64) for name in ("content", "style")}
        outputs: list[Any] = []
        found = output_shapes(network, lambda: outputs.append(network(Batch(torch.zeros(2, 1, 64, 64), condition))))
    expected = [(32, 32, 32), (64, 16, 16), (128, 8, 8), (256, 4, 4), (512, 2, 2), (1024, 1, 1)]
    assert [found[f"blocks.{level}.0"] for level in range(6)] == expected
    assert network.blocks[0][0].in_channels == 3
    assert outputs[0].logits.shape == (2,)
    assert {name: tuple(head.shape) for name, head in outputs[0].heads.items()} == {"font": (2, 7), "character": (2, 9)}


def test_an_upsampling_is_a_transposed_convolution_that_doubles() -> None:
    network = generator(16, NoNorm(), width=4, residual=1)
    up = network.get_submodule("up.0")
    x = torch.randn(2, up[0].in_channels, 1, 1)
    expected = nn.functional.conv_transpose2d(x, up[0].weight, up[0].bias, stride=2, padding=2, output_padding=1)
    torch.testing.assert_close(up[1](up[0](x)), expected)


@pytest.mark.parametrize("size", [8, 32, (24, 40)])
def test_any_size_and_width_keeps_the_contract(size: int | tuple[int, int]) -> None:
    for settings in ({"width": 3, "largest_width": 7, "heads": True}, {"width": 4, "residual": 0}):
        check_generator(GENERATORS["wnet"](**settings), shapes(size))
    check_discriminator(DISCRIMINATORS["wnet"](width=3, largest_width=9), shapes(size))
    check_discriminator(DISCRIMINATORS["wnet"](width=3), shapes(size, heads={}, pack=2))


def test_each_image_has_an_encoder_of_its_own() -> None:
    network = generator(16, width=4)
    condition = glyphs(3, 16)
    latent = torch.randn(3, 5)
    with torch.no_grad():
        before = network(latent, condition)
        after = network(latent, {**condition, "style": -condition["style"]})
        assert torch.equal(before.codes["content"], after.codes["content"])
        assert (before.codes["style"] - after.codes["style"]).abs().max() > 1e-3
        assert (before.images - after.images).abs().max() > 1e-4
        codes = network.codes({"style": condition["style"]})
        assert list(codes) == ["style"]
        assert torch.equal(codes["style"], before.codes["style"])
        assert (before.images - network(2 * latent, condition).images).abs().max() > 1e-5


def test_every_map_reaches_the_image_where_the_design_says() -> None:
    """The content's map of each size is an input of the decoder, the style's below a quarter of the image's sides."""
    network = generator(32, width=4)
    condition = glyphs(3, 32)
    latent = torch.randn(3, 5)
    with torch.no_grad():
        encoded = network.encode(condition)
        before = network.decode(latent, encoded, {})
        reaching: dict[str, list[bool]] = {}
        for name, maps in encoded.items():
            reaching[name] = []
            for level in range(len(maps)):
                changed = [one + 1 if place == level else one for place, one in enumerate(maps)]
                after = network.decode(latent, {**encoded, name: changed}, {})
                reaching[name].append(not torch.equal(before, after))
    assert reaching == {"content": [True] * 5, "style": [False, False, True, True, True]}


def test_both_codes_begin_the_decoder() -> None:
    """At the coarsest size the content's code comes before the style's; each map is used in the place of its image."""
    network = generator(16, NoNorm(), width=4, residual=0)
    condition = glyphs(2, 16)
    begun: list[torch.Tensor] = []
    joined: list[torch.Tensor] = []
    network.get_submodule("up.0").register_forward_pre_hook(lambda module, args: begun.append(args[0]))
    network.get_submodule("up.1").register_forward_pre_hook(lambda module, args: joined.append(args[0]))
    with torch.no_grad():
        encoded = network.encode(condition)
        network.decode(torch.randn(2, 5), encoded, {})
        network.project.weight.zero_()
        network.project.bias.zero_()
        network.decode(torch.randn(2, 5), encoded, {})
    torch.testing.assert_close(begun[1], torch.cat([encoded["content"][-1], encoded["style"][-1]], dim=1))
    assert not torch.equal(begun[0], begun[1]), "the latent is added"
    width = encoded["content"][-2].shape[1]
    torch.testing.assert_close(joined[0][:, -2 * width : -width], encoded["content"][-2])
    torch.testing.assert_close(joined[0][:, -width:], encoded["style"][-2])


def test_shortcuts_pass_through_their_residual_blocks() -> None:
    """A block without weights returns its input; with weights the map behind the shortcut is another one."""
    network = generator(16, NoNorm(), width=4, residual=5)
    encoder = network.get_submodule("encoders.content")
    maps = [torch.randn(2, width, size, size) for width, size in ((4, 8), (8, 4), (16, 2), (32, 1))]
    with torch.no_grad():
        after = encoder.connected(maps, {})
        assert [torch.equal(one, other) for one, other in zip(maps, after, strict=True)] == [False] * 3 + [True]
        for block in encoder.shortcuts.modules():
            if isinstance(block, Convolution):
                block.weight.zero_()
                if block.bias is not None:
                    block.bias.zero_()
        for one, other in zip(maps, encoder.connected(maps, {}), strict=True):
            assert torch.equal(one, other)


def test_heads_read_the_code_of_the_image_that_shares_the_label() -> None:
    network = generator(16, width=4, heads=True)
    condition = glyphs(3, 16)
    with torch.no_grad():
        before = network(torch.zeros(3, 5), condition).heads
        after = network(torch.zeros(3, 5), {**condition, "style": -condition["style"]}).heads
    assert torch.equal(before["character"], after["character"])
    assert not torch.equal(before["font"], after["font"])


def test_the_first_layer_of_the_discriminator_has_no_norm() -> None:
    network = DISCRIMINATORS["wnet"](width=4).build(shapes(16), LayerNorm())
    norms = [any("norm" in type(one).__name__.lower() for one in block.modules()) for block in network.blocks]
    assert norms == [False] + [True] * (len(norms) - 1)


def test_means_of_several_style_images_are_decoded() -> None:
    """The maps of several styles can be averaged between encoder and decoder; those of one image give its image."""
    network = generator(16, width=4)
    condition = glyphs(3, 16)
    latent = torch.randn(3, 5)
    with torch.no_grad():
        encoded = network.encode(condition)
        assert torch.equal(network.decode(latent, encoded, {}), network(latent, condition).images)
        mean = [one.mean(dim=0, keepdim=True).expand_as(one) for one in encoded["style"]]
        assert network.decode(latent, {**encoded, "style": mean}, {}).shape == (3, 1, 16, 16)


@pytest.mark.parametrize(
    ("changes", "settings", "sentence"),
    [
        ({"sources": {}}, {}, "needs two images as its condition, .* there is none; type condition=content_style"),
        ({"sources": {"source": (1, 64, 64)}}, {}, "there is source; .* or generator=unet"),
        ({"sources": {"content": (1, 64, 64), "style": (1, 32, 32)}}, {}, "style has 32×32 pixels and the image 64×64"),
        ({"heads": {}, "shared": {}}, {"heads": True}, "predicts labels, and the condition has none"),
    ],
)
def test_what_it_cannot_be_built_for(changes: dict[str, Any], settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        GENERATORS["wnet"](**settings).build(shapes(**changes), LayerNorm())
