"""DCGAN: strided convolutions only. Radford et al. 2016.

Widths double with every halving of the image. Each network works at the image's own size: the strides halve it as
often as it takes until its shorter side is below 8, and the rest is one dense layer (64 -> 4, 48 -> 6, 28 -> 7).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from ganlab.networks.activations import ACTIVATIONS, Activate, Activation, LeakyReLU, ReLU, Tanh
from ganlab.networks.base import DiscriminatorModule, GeneratorModule
from ganlab.networks.layers import Convolution, Dense, TransposedConvolution
from ganlab.networks.norms import Norm
from ganlab.table import Count
from ganlab.types import Batch, Condition, Generated, Judgement, Shapes

SMALLEST, LARGEST = 16, 256  # sides of images, in pixels
COARSEST = 8  # the strides halve until the shorter side is below this


def halvings(height: int, width: int) -> int:
    """How often strides of 2 halve an image until its shorter side is below 8 pixels.

    Raises ValueError, with the nearest sizes that can be reached, where a side becomes odd before that.
    """
    if min(height, width) < SMALLEST or max(height, width) > LARGEST:
        near = tuple(min(max(side, SMALLEST), LARGEST) for side in (height, width))
        raise ValueError(
            f"images of {height}×{width} are outside its {SMALLEST} to {LARGEST} pixels a side; "
            f"type data.size={near[0] if near[0] == near[1] else list(near)}"
        )
    count, sides = 0, (height, width)
    while min(sides) >= COARSEST:
        if sides[0] % 2 or sides[1] % 2:
            near = _reachable_near(height), _reachable_near(width)
            raise ValueError(
                f"strides of 2 halve images of {height}×{width} to {sides[0]}×{sides[1]}, where a side is odd; "
                f"type data.size={near[0] if near[0] == near[1] else list(near)}"
            )
        sides = (sides[0] // 2, sides[1] // 2)
        count += 1
    return count


def _reachable_near(side: int) -> int:
    """A side near ``side`` that halves down to below 8: a multiple of 4 below 32, of 8 below 64, and so on."""
    step = 4 if side < 32 else 8 if side < 64 else 16 if side < 128 else 32
    return min(max(round(side / step) * step, SMALLEST), LARGEST)


def _widths(width: int, largest: int, count: int) -> list[int]:
    """Channels from the finest feature map to the coarsest."""
    return [min(width * 2**level, largest) for level in range(count)]


@dataclass(frozen=True)
class DCGANGenerator:
    """Dense layer to the coarsest map, then transposed convolutions 4×4 of stride 2, norm and activation behind each
    but the last, tanh at the end. Radford et al. 2016, section 3 and figure 1."""

    width: Count = 32  # channels of the finest hidden map
    largest_width: Count = 512
    activation: Annotated[Activation, ACTIVATIONS] = field(default_factory=ReLU)

    def build(self, shapes: Shapes, norm: Norm) -> GeneratorModule:
        return _Generator(self, shapes, norm)


@dataclass(frozen=True)
class DCGANDiscriminator:
    """Convolutions 4×4 of stride 2, LeakyReLU, norm behind each but the first, one dense output. Radford et al.
    2016."""

    preferred_norm: ClassVar[str | None] = None
    width: Count = 32  # channels of the finest hidden map
    largest_width: Count = 512
    activation: Annotated[Activation, ACTIVATIONS] = field(default_factory=LeakyReLU)

    def build(self, shapes: Shapes, norm: Norm) -> DiscriminatorModule:
        return _Discriminator(self, shapes, norm)


class _Generator(GeneratorModule):
    def __init__(self, settings: DCGANGenerator, shapes: Shapes, norm: Norm) -> None:
        super().__init__()
        channels, height, width = shapes.image
        count = halvings(height, width)
        widths = _widths(settings.width, settings.largest_width, count)[::-1]
        activation = settings.activation
        self.coarsest = (widths[0], height >> count, width >> count)
        self.project = Dense(
            shapes.latent,
            self.coarsest[0] * self.coarsest[1] * self.coarsest[2],
            follows=activation,
            bias=not norm.has_shift,
        )
        self.project_norm = nn.Sequential(norm.build(widths[0], spatial=True), Activate(activation))
        blocks: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            blocks += [
                TransposedConvolution(
                    inputs, outputs, 4, stride=2, padding=1, follows=activation, bias=not norm.has_shift
                ),
                norm.build(outputs, spatial=True),
                Activate(activation),
            ]
        self.blocks = nn.Sequential(*blocks)
        self.output = TransposedConvolution(widths[-1], channels, 4, stride=2, padding=1, follows=Tanh(), role="output")

    def forward(self, latent: Tensor, condition: Condition) -> Generated:
        x = self.project(latent).unflatten(1, self.coarsest)
        x = self.blocks(self.project_norm(x))
        return Generated(torch.tanh(self.output(x)))


class _Discriminator(DiscriminatorModule):
    def __init__(self, settings: DCGANDiscriminator, shapes: Shapes, norm: Norm) -> None:
        super().__init__()
        channels, height, width = shapes.image
        count = halvings(height, width)
        widths = _widths(settings.width, settings.largest_width, count)
        activation = settings.activation
        self.pack = shapes.pack
        first = Convolution(channels * shapes.pack, widths[0], 4, stride=2, padding=1, follows=activation)
        self.blocks = nn.ModuleList([nn.Sequential(first, Activate(activation))])
        for inputs, outputs in pairwise(widths):
            convolution = Convolution(
                inputs, outputs, 4, stride=2, padding=1, follows=activation, bias=not norm.has_shift
            )
            self.blocks.append(nn.Sequential(convolution, norm.build(outputs, spatial=True), Activate(activation)))
        self.output = Dense(widths[-1] * (height >> count) * (width >> count), 1, follows=None, role="output")

    def forward(self, batch: Batch, features: bool = False) -> Judgement:
        # m images that are judged together are stacked along the channels (Lin et al. 2018, PacGAN, section 3).
        x = batch.images if self.pack == 1 else batch.images.unflatten(0, (-1, self.pack)).flatten(1, 2)
        maps: list[Tensor] = []
        for block in self.blocks:
            x = block(x)
            maps.append(x)
        return Judgement(self.output(x.flatten(1)).squeeze(1), features=maps if features else ())
