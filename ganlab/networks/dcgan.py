"""DCGAN: networks of strided convolutions. Radford et al. 2016.

The number of channels doubles with every halving of the image. The strides halve an image until its shorter side is
below 8, and a dense layer connects the rest (64 → 4, 48 → 6, 28 → 7). A size that does not halve without a remainder
is rounded up: the generator crops its image, and the discriminator pads its input with zeros (100 → 112 = 7 · 2⁴).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from ganlab.networks.activations import ACTIVATIONS, Activate, Activation, LeakyReLU, ReLU, Tanh
from ganlab.networks.base import DiscriminatorModule, GeneratorModule, LatentInput, TrunkDiscriminator
from ganlab.networks.dropout import DropoutRate, dropout
from ganlab.networks.layers import Chain, Convolution, Dense
from ganlab.networks.minibatch import MINIBATCHES, Minibatch, NoMinibatch
from ganlab.networks.norms import Norm
from ganlab.networks.resampling import (
    Downsampling,
    Upsampling,
    channels,
    cropped,
    downsampled,
    full_size,
    halvings,
    padded,
    upsampled,
)
from ganlab.table import Moving, PositiveInt
from ganlab.types import Condition, Generated, Shapes


@dataclass(frozen=True)
class DCGANGenerator:
    """A dense layer to the coarsest map, then upsampling by 2 with norm and activation after each layer but the last,
    which ends in tanh. Radford et al. 2016, section 3 and figure 1 (transposed convolutions 4×4). ``depth`` above 1
    adds convolutions 3×3 at each size."""

    width: PositiveInt = 32  # channels of the finest hidden map
    largest_width: PositiveInt = 512
    depth: PositiveInt = 1
    activation: Annotated[Activation, ACTIVATIONS] = field(default_factory=ReLU)
    upsampling: Upsampling = "transposed"

    def build(self, shapes: Shapes, norm: Norm) -> GeneratorModule:
        return _Generator(self, shapes, norm)


@dataclass(frozen=True)
class DCGANDiscriminator:
    """Downsampling by 2 with norm (but for the first layer) and LeakyReLU, then a dense output. Radford et al. 2016
    (convolutions 4×4 of stride 2). ``depth`` above 1 adds convolutions 3×3 at each size; ``pack`` images are one
    sample."""

    preferred_norm: ClassVar[str | None] = None
    width: PositiveInt = 32  # channels of the finest hidden map
    largest_width: PositiveInt = 512
    depth: PositiveInt = 1
    activation: Annotated[Activation, ACTIVATIONS] = field(default_factory=LeakyReLU)
    downsampling: Downsampling = "strided"
    dropout: Moving[DropoutRate] = 0.0
    minibatch: Annotated[Minibatch, MINIBATCHES] = field(default_factory=NoMinibatch)
    pack: PositiveInt = 1

    def build(self, shapes: Shapes, norm: Norm) -> DiscriminatorModule:
        return _Discriminator(self, shapes, norm)


class _Generator(GeneratorModule):
    def __init__(self, settings: DCGANGenerator, shapes: Shapes, norm: Norm) -> None:
        super().__init__()
        image_channels, height, width = shapes.image
        count = halvings(height, width)
        widths = channels(settings.width, settings.largest_width, count)[::-1]
        activation, classes = settings.activation, shapes.classes
        self.input = LatentInput(shapes)
        full = full_size(height, width, count)
        size = (full[0] >> count, full[1] >> count)
        self.image, self.coarsest = (height, width), (widths[0], *size)
        self.project = Dense(
            self.input.length, widths[0] * size[0] * size[1], follows=activation, bias=not norm.has_shift
        )
        behind: list[nn.Module] = [norm.build(widths[0], size, classes), Activate(activation)]
        blocks: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            blocks += self._deeper(inputs, size, settings, norm, classes)
            size = (2 * size[0], 2 * size[1])
            blocks += [
                *upsampled(settings.upsampling, inputs, outputs, follows=activation, bias=not norm.has_shift),
                norm.build(outputs, size, classes),
                Activate(activation),
            ]
        self.project_norm = Chain(*behind)
        self.blocks = Chain(*blocks, *self._deeper(widths[-1], size, settings, norm, classes))
        last = upsampled(settings.upsampling, widths[-1], image_channels, follows=Tanh(), role="output")
        self.output = last[0] if len(last) == 1 else Chain(*last)

    @staticmethod
    def _deeper(
        width: int, size: tuple[int, int], settings: DCGANGenerator, norm: Norm, classes: int
    ) -> list[nn.Module]:
        layers: list[nn.Module] = []
        for _ in range(settings.depth - 1):
            layers += [
                Convolution(width, width, 3, padding=1, follows=settings.activation, bias=not norm.has_shift),
                norm.build(width, size, classes),
                Activate(settings.activation),
            ]
        return layers

    def forward(self, latent: Tensor, condition: Condition) -> Generated:
        x = self.project(self.input(latent, condition)).unflatten(1, self.coarsest)
        x = self.blocks(self.project_norm(x, condition), condition)
        return Generated(torch.tanh(cropped(self.output(x), *self.image)))


class _Discriminator(TrunkDiscriminator):
    def __init__(self, settings: DCGANDiscriminator, shapes: Shapes, norm: Norm) -> None:
        super().__init__(shapes, settings.minibatch)
        inputs, height, width = self.inputs
        count = halvings(height, width)
        activation, classes = settings.activation, shapes.classes
        height, width = self.full = full_size(height, width, count)
        self.blocks = nn.ModuleList()
        for level, outputs in enumerate(channels(settings.width, settings.largest_width, count)):
            size = (height >> level + 1, width >> level + 1)
            # The first layer has no norm (Radford et al. 2016, section 3).
            shift = bool(level) and norm.has_shift
            layers = [
                *downsampled(settings.downsampling, inputs, outputs, follows=activation, bias=not shift),
                *([norm.build(outputs, size, classes)] if level else []),
                Activate(activation),
            ]
            for _ in range(settings.depth - 1):
                layers += [
                    Convolution(outputs, outputs, 3, padding=1, follows=activation, bias=not norm.has_shift),
                    norm.build(outputs, size, classes),
                    Activate(activation),
                ]
            self.blocks.append(Chain(*layers, *dropout(settings.dropout)))
            inputs = outputs
        self.finish(inputs, *size)

    def trunk(self, x: Tensor, condition: Condition) -> list[Tensor]:
        return super().trunk(padded(x, *self.full), condition)
