"""Multilayer perceptrons, as in the first GANs. Goodfellow et al. 2014."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from ganlab.networks.activations import ACTIVATIONS, Activate, Activation, LeakyReLU, ReLU, Tanh
from ganlab.networks.base import DiscriminatorModule, GeneratorModule
from ganlab.networks.layers import Dense
from ganlab.networks.norms import Norm
from ganlab.table import Count, Range
from ganlab.types import Batch, Condition, Generated, Judgement, Shapes


@dataclass(frozen=True)
class MLPGenerator:
    """Dense layers with norm (BatchNorm1d by default) and ReLU, tanh at the end. ``hidden`` lists the layers'
    widths."""

    hidden: tuple[Count, ...] = (256, 512, 1024)
    activation: Annotated[Activation, ACTIVATIONS] = field(default_factory=ReLU)

    def build(self, shapes: Shapes, norm: Norm) -> GeneratorModule:
        return _Generator(self, shapes, norm)


@dataclass(frozen=True)
class MLPDiscriminator:
    """Dense layers with LeakyReLU and dropout. ``hidden`` lists the layers' widths."""

    preferred_norm: ClassVar[str | None] = (
        "none"  # dropout regularizes this D; batch norm in it is a choice, not the default
    )
    hidden: tuple[Count, ...] = (512, 256)
    activation: Annotated[Activation, ACTIVATIONS] = field(default_factory=LeakyReLU)
    dropout: Annotated[float, Range(least=0, below=1)] = 0.3

    def build(self, shapes: Shapes, norm: Norm) -> DiscriminatorModule:
        return _Discriminator(self, shapes, norm)


class _Generator(GeneratorModule):
    def __init__(self, settings: MLPGenerator, shapes: Shapes, norm: Norm) -> None:
        super().__init__()
        self.image = shapes.image
        activation = settings.activation
        widths = (shapes.latent, *settings.hidden)
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [
                Dense(inputs, outputs, follows=activation, bias=not norm.has_shift),
                norm.build(outputs, spatial=False),
                Activate(activation),
            ]
        self.hidden = nn.Sequential(*layers)
        self.output = Dense(widths[-1], math.prod(self.image), follows=Tanh(), role="output")

    def forward(self, latent: Tensor, condition: Condition) -> Generated:
        return Generated(torch.tanh(self.output(self.hidden(latent))).unflatten(1, self.image))


class _Discriminator(DiscriminatorModule):
    def __init__(self, settings: MLPDiscriminator, shapes: Shapes, norm: Norm) -> None:
        super().__init__()
        self.pack = shapes.pack
        activation = settings.activation
        widths = (math.prod(shapes.image) * shapes.pack, *settings.hidden)
        self.blocks = nn.ModuleList()
        for level, (inputs, outputs) in enumerate(pairwise(widths)):
            # As in DCGAN's discriminator, the layer that sees the pixels has no norm.
            layer_norm = norm.build(outputs, spatial=False) if level else nn.Identity()
            dense = Dense(inputs, outputs, follows=activation, bias=level == 0 or not norm.has_shift)
            self.blocks.append(nn.Sequential(dense, layer_norm, Activate(activation), nn.Dropout(settings.dropout)))
        self.output = Dense(widths[-1], 1, follows=None, role="output")

    def forward(self, batch: Batch, features: bool = False) -> Judgement:
        x = batch.images.unflatten(0, (-1, self.pack)).flatten(1)
        maps: list[Tensor] = []
        for block in self.blocks:
            x = block(x)
            maps.append(x)
        return Judgement(self.output(x).squeeze(1), features=maps if features else ())
