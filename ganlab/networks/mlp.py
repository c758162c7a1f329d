"""Multilayer perceptrons, as in the first GANs. Goodfellow et al. 2014."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from ganlab.networks.activations import ACTIVATIONS, Activate, Activation, LeakyReLU, ReLU, Tanh
from ganlab.networks.base import DiscriminatorModule, GeneratorModule, LatentInput, TrunkDiscriminator
from ganlab.networks.dropout import DropoutRate, dropout
from ganlab.networks.layers import Chain, Dense
from ganlab.networks.minibatch import MINIBATCHES, Minibatch, NoMinibatch
from ganlab.networks.norms import Norm
from ganlab.table import Moving, PositiveInt
from ganlab.types import Condition, Generated, Shapes


@dataclass(frozen=True)
class MLPGenerator:
    """Dense layers with norm (batch norm by default) and ReLU, then a dense layer and tanh. ``hidden`` lists the
    layers' widths. Goodfellow et al. 2014."""

    hidden: tuple[PositiveInt, ...] = (256, 512, 1024)
    activation: Annotated[Activation, ACTIVATIONS] = field(default_factory=ReLU)

    def build(self, shapes: Shapes, norm: Norm) -> GeneratorModule:
        return _Generator(self, shapes, norm)


@dataclass(frozen=True)
class MLPDiscriminator:
    """Dense layers with LeakyReLU and dropout, then a dense output. ``hidden`` lists the layers' widths; ``pack``
    images are one sample."""

    preferred_norm: ClassVar[str | None] = "none"  # dropout regularizes this D, and batch norm is not its default
    hidden: tuple[PositiveInt, ...] = (512, 256)
    activation: Annotated[Activation, ACTIVATIONS] = field(default_factory=LeakyReLU)
    dropout: Moving[DropoutRate] = 0.3
    minibatch: Annotated[Minibatch, MINIBATCHES] = field(default_factory=NoMinibatch)
    pack: PositiveInt = 1

    def build(self, shapes: Shapes, norm: Norm) -> DiscriminatorModule:
        return _Discriminator(self, shapes, norm)


class _Generator(GeneratorModule):
    def __init__(self, settings: MLPGenerator, shapes: Shapes, norm: Norm) -> None:
        super().__init__()
        self.image = shapes.image
        activation = settings.activation
        self.input = LatentInput(shapes)
        widths = (self.input.length, *settings.hidden)
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [
                Dense(inputs, outputs, follows=activation, bias=not norm.has_shift),
                norm.build(outputs, None, shapes.classes),
                Activate(activation),
            ]
        self.hidden = Chain(*layers)
        self.output = Dense(widths[-1], math.prod(self.image), follows=Tanh(), role="output")

    def forward(self, latent: Tensor, condition: Condition) -> Generated:
        x = self.hidden(self.input(latent, condition), condition)
        return Generated(torch.tanh(self.output(x)).unflatten(1, self.image))


class _Discriminator(TrunkDiscriminator):
    def __init__(self, settings: MLPDiscriminator, shapes: Shapes, norm: Norm) -> None:
        super().__init__(shapes, settings.minibatch)
        activation = settings.activation
        widths = (math.prod(self.inputs), *settings.hidden)
        self.blocks = nn.ModuleList()
        for level, (inputs, outputs) in enumerate(pairwise(widths)):
            # As in DCGAN's discriminator, the first layer has no norm.
            layer_norm = [norm.build(outputs, None, shapes.classes)] if level else []
            dense = Dense(inputs, outputs, follows=activation, bias=level == 0 or not norm.has_shift)
            self.blocks.append(Chain(dense, *layer_norm, Activate(activation), *dropout(settings.dropout)))
        self.finish(widths[-1])

    def trunk(self, x: Tensor, condition: Condition) -> list[Tensor]:
        x = x.flatten(1)
        return super().trunk(x, condition) or [x]
