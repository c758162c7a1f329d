"""Residual networks, as in WGAN-GP (Gulrajani et al. 2017, appendix F and published code) and SNGAN (Miyato et al.
2018, appendix B.4): pre-activation blocks of two convolutions 3×3 and a shortcut.

Images of any size are cropped and padded as in ``dcgan``. The settings of the published networks are: CIFAR-10, G
``width: 256`` (WGAN-GP 128), ``largest_width`` the same, D ``width: 128, largest_width: 128, flat: 2, coarsest: 8``,
``pool: sum`` (WGAN-GP mean). STL-10 at 48×48, G ``width: 64, largest_width: 512``, D ``width: 64, largest_width: 1024,
flat: 1, coarsest: 3, pool: sum``. WGAN-GP at 64×64, both ``width: 64, largest_width: 512``, D ``stem: convolution,
flat: 0, coarsest: 4, pool: none``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor, nn

from ganlab.networks.activations import ACTIVATIONS, Activate, Activation, ReLU, Tanh
from ganlab.networks.base import DiscriminatorModule, GeneratorModule, LatentInput, TrunkDiscriminator
from ganlab.networks.dropout import DropoutRate, dropout
from ganlab.networks.kernels.pooling import NearestUpsampling
from ganlab.networks.layers import Chain, Convolution, Dense, WeightLayer
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
    pool,
    upsampled,
)
from ganlab.table import Moving, NonNegativeInt, PositiveInt
from ganlab.types import Condition, Generated, Shapes


@dataclass(frozen=True)
class ResNetGenerator:
    """A dense layer to the coarsest map, residual blocks that double it (``depth`` above 1 adds blocks that do not),
    norm, activation, convolution 3×3 and tanh."""

    width: PositiveInt = 64  # channels of the finest block's output, doubled with every halving of the image
    largest_width: PositiveInt = 256
    depth: PositiveInt = 1  # blocks at each size
    activation: Annotated[Activation, ACTIVATIONS] = field(default_factory=ReLU)
    upsampling: Upsampling = "nearest"  # as published

    def build(self, shapes: Shapes, norm: Norm) -> GeneratorModule:
        return _Generator(self, shapes, norm)


@dataclass(frozen=True)
class ResNetDiscriminator:
    """Residual blocks that halve the image as long as its shorter side stays at ``coarsest`` pixels or above, ``flat``
    blocks that do not, activation, ``pool`` over the pixels and a linear output. ``stem: block`` is the published first
    block without norm and activation before its first convolution; ``convolution`` is a convolution 3×3 before the
    first block. With ``pool: none`` the output layer takes the maps without an activation, as WGAN-GP's at 64×64."""

    preferred_norm: ClassVar[str | None] = None
    width: PositiveInt = 64  # channels of the stem's output, doubled with every halving of the image
    largest_width: PositiveInt = 256
    depth: PositiveInt = 1  # blocks at each size
    flat: NonNegativeInt = 1
    coarsest: PositiveInt = 4  # pixels
    stem: Literal["block", "convolution"] = "block"
    pool: Literal["sum", "mean", "none"] = "sum"
    activation: Annotated[Activation, ACTIVATIONS] = field(default_factory=ReLU)
    downsampling: Downsampling = "average"  # as published
    dropout: Moving[DropoutRate] = 0.0  # behind each block
    minibatch: Annotated[Minibatch, MINIBATCHES] = field(default_factory=NoMinibatch)
    pack: PositiveInt = 1

    def build(self, shapes: Shapes, norm: Norm) -> DiscriminatorModule:
        return _Discriminator(self, shapes, norm)


class _Block(nn.Module):
    """x → shortcut(x) + branch(x). The shortcut is the identity, or a convolution 1×1 if channels or size change. It is
    applied at the smaller of the two sizes, which gives the same result for less arithmetic."""

    fast: bool = True

    def __init__(self, branch: Chain, shortcut: nn.Module) -> None:
        super().__init__()
        self.branch, self.shortcut = branch, shortcut
        # For initializers that depend on depth (ganlab.layer.BranchPlace).
        self.branch_layers = [f"branch.{name}" for name, one in branch.named_modules() if isinstance(one, WeightLayer)]

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        y: Tensor = self.branch(x, condition)
        # The branch ends in a convolution or a pool. No gradient needs their result, so it can be overwritten.
        return y.add_(self.shortcut(x)) if self.fast else y + self.shortcut(x)


def _pointwise(inputs: int, outputs: int) -> Convolution:
    return Convolution(inputs, outputs, 1, follows=None)


def _up_block(
    inputs: int, outputs: int, size: tuple[int, int], settings: ResNetGenerator, norm: Norm, classes: int, up: bool
) -> _Block:
    """Builds norm, activation, convolution (after upsampling if ``up``), norm, activation, convolution; ``size`` (H, W)
    is that of the input."""
    activation, bias = settings.activation, not norm.has_shift
    if up:
        first = upsampled(settings.upsampling, inputs, outputs, follows=activation, bias=bias)
        after = (2 * size[0], 2 * size[1])
    else:
        first, after = [Convolution(inputs, outputs, 3, padding=1, follows=activation, bias=bias)], size
    branch = Chain(
        norm.build(inputs, size, classes),
        Activate(activation),
        *first,
        norm.build(outputs, after, classes),
        Activate(activation),
        Convolution(outputs, outputs, 3, padding=1, follows=None, role="residual"),
    )
    if up:
        return _Block(branch, nn.Sequential(_pointwise(inputs, outputs), NearestUpsampling()))
    return _Block(branch, _pointwise(inputs, outputs) if inputs != outputs else nn.Identity())


class _Generator(GeneratorModule):
    def __init__(self, settings: ResNetGenerator, shapes: Shapes, norm: Norm) -> None:
        super().__init__()
        image_channels, height, width = shapes.image
        count = halvings(height, width)
        widths = channels(settings.width, settings.largest_width, count + 1)[::-1]
        classes = shapes.classes
        full = full_size(height, width, count)
        size = (full[0] >> count, full[1] >> count)
        self.input, self.image = LatentInput(shapes), (height, width)
        self.coarsest = (widths[0], *size)
        self.project = Dense(self.input.length, widths[0] * size[0] * size[1], follows=None)
        blocks: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            blocks.append(_up_block(inputs, outputs, size, settings, norm, classes, up=True))
            size = (2 * size[0], 2 * size[1])
            for _ in range(settings.depth - 1):
                blocks.append(_up_block(outputs, outputs, size, settings, norm, classes, up=False))
        self.blocks = nn.ModuleList(blocks)
        self.norm = Chain(norm.build(widths[-1], size, classes), Activate(settings.activation))
        self.output = Convolution(widths[-1], image_channels, 3, padding=1, follows=Tanh(), role="output")

    def forward(self, latent: Tensor, condition: Condition) -> Generated:
        x = self.project(self.input(latent, condition)).unflatten(1, self.coarsest)
        for block in self.blocks:
            x = block(x, condition)
        return Generated(torch.tanh(cropped(self.output(self.norm(x, condition)), *self.image)))


def _down_block(
    inputs: int,
    outputs: int,
    size: tuple[int, int],
    settings: ResNetDiscriminator,
    norm: Norm,
    classes: int,
    down: bool,
    first: bool,
) -> _Block:
    """Builds norm and activation (but not if ``first``), convolution, norm, activation and convolution (with
    downsampling if ``down``); ``size`` (H, W) is that of the input."""
    activation, bias = settings.activation, not norm.has_shift
    hidden = outputs if first else inputs  # as published
    before = [] if first else [norm.build(inputs, size, classes), Activate(activation)]
    if down:
        second = downsampled(settings.downsampling, hidden, outputs, follows=None, role="residual")
    else:
        second = [Convolution(hidden, outputs, 3, padding=1, follows=None, role="residual")]
    branch = Chain(
        *before,
        Convolution(inputs, hidden, 3, padding=1, follows=activation, bias=bias),
        norm.build(hidden, size, classes),
        Activate(activation),
        *second,
    )
    if down:
        return _Block(branch, nn.Sequential(pool(settings.downsampling), _pointwise(inputs, outputs)))
    return _Block(branch, _pointwise(inputs, outputs) if inputs != outputs else nn.Identity())


class _Discriminator(TrunkDiscriminator):
    def __init__(self, settings: ResNetDiscriminator, shapes: Shapes, norm: Norm) -> None:
        super().__init__(shapes, settings.minibatch)
        inputs, height, width = self.inputs
        count = halvings(height, width, settings.coarsest)
        with_block = settings.stem == "block"
        total = count + settings.flat + (0 if with_block else 1)
        widths = channels(settings.width, settings.largest_width, total)
        if not with_block:
            self.stem: nn.Module = Convolution(inputs, widths[0], 3, padding=1, follows=settings.activation)
            inputs, widths = widths[0], widths[1:]
        else:
            self.stem = nn.Identity()
        size = self.full = full_size(height, width, count)
        self.blocks = nn.ModuleList()
        for level, outputs in enumerate(widths):
            down, first = level < count, level == 0 and with_block
            self.blocks.append(_down_block(inputs, outputs, size, settings, norm, shapes.classes, down, first))
            size = (size[0] // 2, size[1] // 2) if down else size
            for _ in range(settings.depth - 1):
                self.blocks.append(_down_block(outputs, outputs, size, settings, norm, shapes.classes, False, False))
            inputs = outputs
        self.dropout = nn.Sequential(*dropout(settings.dropout))
        self.activation, self.pool = Activate(settings.activation), settings.pool
        self.finish(inputs, *(size if settings.pool == "none" else ()))

    def trunk(self, x: Tensor, condition: Condition) -> list[Tensor]:
        x = self.stem(padded(x, *self.full))
        maps: list[Tensor] = []
        for block in self.blocks:
            x = self.dropout(block(x, condition))
            maps.append(x)
        if self.pool != "none":
            x = self.activation(x)
            maps.append(x.sum(dim=(2, 3)) if self.pool == "sum" else x.mean(dim=(2, 3)))
        return maps
