"""U-Net: a generator that translates an image. Ronneberger et al. 2015; Isola et al. 2017, section 3.2.1."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from ganlab.networks.activations import ACTIVATIONS, Activate, Activation, LeakyReLU, ReLU, Tanh
from ganlab.networks.base import GeneratorModule, LatentInput
from ganlab.networks.dropout import DropoutRate, dropout
from ganlab.networks.layers import Chain, Convolution, Dense, TransposedConvolution
from ganlab.networks.norms import Norm
from ganlab.networks.resampling import channels, cropped, full_size, halvings, padded
from ganlab.table import Moving, PositiveInt
from ganlab.types import Condition, Generated, Shapes


@dataclass(frozen=True)
class UNetGenerator:
    """Convolutions 4×4 of stride 2 down to a map of 2 to 4 pixels, and transposed convolutions 4×4 back up, each of
    which also receives the map of its size from the way down. Isola et al. 2017, appendix 6.1.1: ``width: 64``.

    Its input is all images of the condition, concatenated along their channels. The latent enters at the coarsest map,
    through a dense layer; the paper has none, and uses dropout for variety (``dropout: 0.5``).
    """

    takes_sources: ClassVar[bool] = True
    width: PositiveInt = 32  # channels of the finest map, doubled with every halving of the image
    largest_width: PositiveInt = 512
    down_activation: Annotated[Activation, ACTIVATIONS] = field(default_factory=LeakyReLU)
    up_activation: Annotated[Activation, ACTIVATIONS] = field(default_factory=ReLU)
    dropout: Moving[DropoutRate] = 0.0  # behind each layer on the way up but the last

    def build(self, shapes: Shapes, norm: Norm) -> GeneratorModule:
        return _Generator(self, shapes, norm)


class _Generator(GeneratorModule):
    def __init__(self, settings: UNetGenerator, shapes: Shapes, norm: Norm) -> None:
        super().__init__()
        image_channels, height, width = shapes.image
        self.sources = _checked_sources(shapes)
        count = halvings(height, width, coarsest=2)
        self.image, self.full = (height, width), full_size(height, width, count)
        widths = channels(settings.width, settings.largest_width, count)
        sizes = [(self.full[0] >> level, self.full[1] >> level) for level in range(1, count + 1)]
        inputs = [sum(shape[0] for shape in shapes.sources.values()), *widths]
        self.down = nn.ModuleList(
            Chain(
                Convolution(
                    inputs[level], outputs, 4, stride=2, padding=1, follows=settings.down_activation,
                    bias=level == 0 or not norm.has_shift,
                ),
                *([norm.build(outputs, sizes[level], shapes.classes)] if level else []),
                Activate(settings.down_activation),
            )
            for level, outputs in enumerate(widths)
        )  # fmt: skip
        self.input = LatentInput(shapes)
        self.coarsest = (widths[-1], *sizes[-1])
        self.project = Dense(self.input.length, math.prod(self.coarsest), follows=settings.up_activation)
        self.up = nn.ModuleList(
            Chain(
                TransposedConvolution(
                    2 * widths[level], widths[level - 1], 4, stride=2, padding=1, follows=settings.up_activation,
                    bias=not norm.has_shift,
                ),
                norm.build(widths[level - 1], sizes[level - 1], shapes.classes),
                Activate(settings.up_activation),
                *dropout(settings.dropout),
            )
            for level in range(count - 1, 0, -1)
        )  # fmt: skip
        self.output = TransposedConvolution(
            2 * widths[0], image_channels, 4, stride=2, padding=1, follows=Tanh(), role="output"
        )

    def forward(self, latent: Tensor, condition: Condition) -> Generated:
        x = torch.cat([condition[name] for name in self.sources], dim=1)
        x = padded(x.to(latent.dtype), *self.full)
        maps: list[Tensor] = []
        for block in self.down:
            x = block(x, condition)
            maps.append(x)
        x = self.project(self.input(latent, condition)).unflatten(1, self.coarsest)
        for block, from_down in zip(self.up, reversed(maps[1:]), strict=True):
            x = block(torch.cat([x, from_down], dim=1), condition)
        x = self.output(torch.cat([x, maps[0]], dim=1))
        return Generated(torch.tanh(cropped(x, *self.image)))


def _checked_sources(shapes: Shapes) -> tuple[str, ...]:
    """Returns the names of the condition's images. Raises ValueError if there are none, or not of the image's size."""
    if not shapes.sources:
        raise ValueError(
            "it translates an image and needs one as its condition; type condition=image with data that has aligned "
            "images, such as data=digit_pairs, or generator=dcgan"
        )
    height, width = shapes.image[1:]
    for name, shape in shapes.sources.items():
        if shape[1:] != (height, width):
            raise ValueError(
                f"{name} has {shape[1]}×{shape[2]} pixels and the image {height}×{width}; both must have one size"
            )
    return tuple(shapes.sources)
