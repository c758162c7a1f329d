"""W-Net: a generator that draws the content of one image in the style of another. Jiang, Yang, Huang & Zhang 2018
(ICONIP; arXiv 2406.06122)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from ganlab.networks.activations import ACTIVATIONS, Activate, Activation, LeakyReLU, ReLU, Tanh
from ganlab.networks.base import GeneratorModule, LatentInput
from ganlab.networks.layers import Chain, Dense, TransposedConvolution
from ganlab.networks.norms import Norm
from ganlab.networks.resampling import channels, cropped, full_size, halvings, padded
from ganlab.networks.wnet_encoder import Doubled, Encoder
from ganlab.table import NonNegativeInt, PositiveInt
from ganlab.types import Condition, Generated, Shapes

RESIDUAL_LEVELS = 3  # the finest maps, whose shortcuts have residual blocks


@dataclass(frozen=True)
class WNetGenerator:
    """Two encoders of convolutions 5×5 of stride 2 down to the coarsest map, which is an image's code, and a decoder of
    transposed convolutions 5×5 that begins with both codes and receives the encoders' maps of each size, concatenated.

    The first image of the condition is the content, the second one the style. With 64×64 pixels and ``width: 64`` the
    maps are 32²×64, 16²×128, 8²×256, 4²×512, 2²×512 and 1²×512. The content's shortcuts pass through M - 4, M - 2 and M
    residual blocks at the finest three maps, where M is ``residual``; the style's has M blocks at the third and none at
    the finest two; the coarser ones of both are plain. A residual block has two convolutions 3×3 (He et al. 2016). The
    last layer is a transposed convolution without norm, and tanh (a known reimplementation ends in batch norm and ReLU,
    which give no value below 0).

    The latent enters at the coarsest map, through a dense layer; the paper has none. With ``heads`` a dense layer on
    each code predicts the label that its image shares with the result: the character from the content's, the font from
    the style's (``regularizer=[encoder_classifier]`` trains them).
    """

    takes_sources: ClassVar[bool] = True
    has_codes: ClassVar[bool] = True
    width: PositiveInt = 64  # channels of the finest map, doubled with every halving of the image
    largest_width: PositiveInt = 512
    residual: NonNegativeInt = 5  # M, residual blocks of the longest shortcut
    heads: bool = False  # predict labels from codes
    down_activation: Annotated[Activation, ACTIVATIONS] = field(default_factory=LeakyReLU)
    up_activation: Annotated[Activation, ACTIVATIONS] = field(default_factory=ReLU)

    def build(self, shapes: Shapes, norm: Norm) -> GeneratorModule:
        return _Generator(self, shapes, norm)


class _Generator(GeneratorModule):
    def __init__(self, settings: WNetGenerator, shapes: Shapes, norm: Norm) -> None:
        super().__init__()
        image_channels, height, width = shapes.image
        self.names = _content_and_style(shapes)
        count = halvings(height, width, coarsest=1)
        self.image, self.full = (height, width), full_size(height, width, count)
        widths = channels(settings.width, settings.largest_width, count)
        sizes = [(self.full[0] >> level, self.full[1] >> level) for level in range(1, count + 1)]
        most, levels = settings.residual, min(RESIDUAL_LEVELS, count)
        blocks = {"content": [max(most - 4, 0), max(most - 2, 0), most][:levels], "style": [0, 0, most][:levels]}
        self.encoders = nn.ModuleDict(
            {
                part: Encoder(
                    shapes.sources[name][0], widths, sizes, settings.down_activation, norm, shapes.classes, blocks[part]
                )
                for part, name in zip(blocks, self.names, strict=True)
            }
        )
        # The style's maps of the finest two sizes are no input of the decoder.
        self.joined = [1 if level < min(2, count - 1) else 2 for level in range(count)]
        self.input = LatentInput(shapes)
        self.coarsest = (2 * widths[-1], *sizes[-1])
        self.project = Dense(self.input.length, math.prod(self.coarsest), follows=None) if self.input.length else None
        self.up = nn.ModuleList()
        inputs = 2 * widths[-1]
        for level in range(count - 1, 0, -1):
            outputs = widths[level - 1]
            self.up.append(
                Chain(
                    TransposedConvolution(
                        inputs, outputs, 5, stride=2, padding=1, follows=settings.up_activation,
                        bias=not norm.has_shift,
                    ),
                    Doubled(),
                    norm.build(outputs, sizes[level - 1], shapes.classes),
                    Activate(settings.up_activation),
                )
            )  # fmt: skip
            inputs = (1 + self.joined[level - 1]) * outputs
        self.output = Chain(
            TransposedConvolution(inputs, image_channels, 5, stride=2, padding=1, follows=Tanh(), role="output"),
            Doubled(),
        )
        length = widths[-1] * sizes[-1][0] * sizes[-1][1]
        self.shared = _shared(settings, shapes, self.names)
        self.heads = nn.ModuleDict(
            {label: Dense(length, shapes.heads[label], follows=None, role="output") for label in self.shared.values()}
        )

    def encode(self, condition: Condition, names: Sequence[str] | None = None) -> dict[str, list[Tensor]]:
        """Returns the encoder's maps of the condition's images by name, all or those of ``names``, from the finest
        (N, width, H / 2, W / 2) to the coarsest, which is the code."""
        encoded: dict[str, list[Tensor]] = {}
        for part, name in zip(self.encoders, self.names, strict=True):
            if name in condition and (names is None or name in names):
                x = padded(condition[name].to(next(self.parameters()).dtype), *self.full)
                encoded[name] = self.encoders[part](x, condition)
        return encoded

    def decode(self, latent: Tensor, encoded: Mapping[str, Sequence[Tensor]], condition: Condition) -> Tensor:
        """Returns images (N, C, H, W) in [-1, 1] from latents (N, latent) and the maps of ``encode``, such as the mean
        of those of several style images."""
        content, style = (
            self.encoders[part].connected(encoded[name], condition)  # type: ignore[operator]
            for part, name in zip(self.encoders, self.names, strict=True)
        )
        x = torch.cat([content[-1], style[-1]], dim=1)
        if self.project is not None:
            x = x + self.project(self.input(latent, condition)).unflatten(1, self.coarsest)
        for level, block in zip(range(len(content) - 2, -1, -1), self.up, strict=True):
            x = block(x, condition)
            joined = [content[level], style[level]][: self.joined[level]]
            x = torch.cat([x, *joined], dim=1)
        return torch.tanh(cropped(self.output(x), *self.image))

    def forward(self, latent: Tensor, condition: Condition) -> Generated:
        encoded = self.encode(condition)
        codes = {name: maps[-1].flatten(1) for name, maps in encoded.items()}
        heads = {label: self.heads[label](codes[name]) for name, label in self.shared.items()}
        return Generated(self.decode(latent, encoded, condition), codes, heads)

    def codes(self, condition: Condition) -> dict[str, Tensor]:
        return {name: maps[-1].flatten(1) for name, maps in self.encode(condition).items()}


def _content_and_style(shapes: Shapes) -> tuple[str, str]:
    """Returns the names of the content and of the style image. Raises ValueError if there are not two, or if they have
    not the image's size."""
    if len(shapes.sources) != 2:
        found = ", ".join(shapes.sources) or "none"
        raise ValueError(
            f"it needs two images as its condition, one for content and one for style, and there is {found}; type "
            "condition=content_style data=glyph_pairs, or generator=unet to translate a single image"
        )
    for name, shape in shapes.sources.items():
        if shape[1:] != shapes.image[1:]:
            height, width = shapes.image[1:]
            raise ValueError(
                f"{name} has {shape[1]}×{shape[2]} pixels and the image {height}×{width}; both must have one size"
            )
    content, style = shapes.sources
    return content, style


def _shared(settings: WNetGenerator, shapes: Shapes, names: Sequence[str]) -> dict[str, str]:
    """Returns the label that each image shares with the result, by the image's name. Raises ValueError if heads are
    wanted and there is none."""
    shared = {name: shapes.shared[name] for name in names if name in shapes.shared} if settings.heads else {}
    if settings.heads and not shared:
        raise ValueError(
            "generator.heads=true predicts labels, and the condition has none; type condition=content_style with "
            "data=glyph_pairs, or generator.heads=false"
        )
    return shared
