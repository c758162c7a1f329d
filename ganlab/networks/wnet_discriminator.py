"""The discriminator of the W-Net. Jiang, Yang, Huang & Zhang 2018 (ICONIP; arXiv 2406.06122)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from torch import Tensor, nn

from ganlab.networks.activations import ACTIVATIONS, Activate, Activation, LeakyReLU
from ganlab.networks.base import DiscriminatorModule, TrunkDiscriminator
from ganlab.networks.dropout import DropoutRate, dropout
from ganlab.networks.layers import Chain, Convolution
from ganlab.networks.norms import NoNorm, Norm
from ganlab.networks.resampling import NO_PIXELS, channels, full_size, halvings, padded
from ganlab.table import Moving, PositiveInt
from ganlab.types import Condition, Shapes


@dataclass(frozen=True)
class WNetDiscriminator:
    """Convolutions 5×5 of stride 2 down to a map of one pixel, each with norm (but the first) and activation, and a
    linear output; it receives the image together with all images of the condition. With 64×64 pixels six convolutions
    have 32 to 1024 channels."""

    preferred_norm: ClassVar[str | None] = "layer"
    width: PositiveInt = 32  # channels of the first layer, doubled with every halving of the image
    largest_width: PositiveInt = 1024
    activation: Annotated[Activation, ACTIVATIONS] = field(default_factory=LeakyReLU)
    dropout: Moving[DropoutRate] = 0.0  # behind each layer
    pack: PositiveInt = 1

    def build(self, shapes: Shapes, norm: Norm) -> DiscriminatorModule:
        return _Discriminator(self, shapes, norm)


class _Discriminator(TrunkDiscriminator):
    def __init__(self, settings: WNetDiscriminator, shapes: Shapes, norm: Norm) -> None:
        super().__init__(shapes)
        inputs, height, width = self.inputs
        if (height, width) == (1, 1):
            raise ValueError(NO_PIXELS)
        count = halvings(height, width, coarsest=1)
        size = self.full = full_size(height, width, count)
        self.blocks = nn.ModuleList()
        for level, outputs in enumerate(channels(settings.width, settings.largest_width, count)):
            size = (size[0] // 2, size[1] // 2)
            with_norm = norm if level else NoNorm()
            self.blocks.append(
                Chain(
                    Convolution(
                        inputs, outputs, 5, stride=2, padding=2, follows=settings.activation,
                        bias=not with_norm.has_shift,
                    ),
                    with_norm.build(outputs, size, shapes.classes),
                    Activate(settings.activation),
                    *dropout(settings.dropout),
                )
            )  # fmt: skip
            inputs = outputs
        self.finish(inputs, *size)

    def trunk(self, x: Tensor, condition: Condition) -> list[Tensor]:
        return super().trunk(padded(x, *self.full), condition)
