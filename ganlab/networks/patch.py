"""PatchGAN: a discriminator with one logit for each patch of the image. Isola et al. 2017, section 3.2.2."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from torch import Tensor, nn

from ganlab.networks.activations import ACTIVATIONS, Activate, Activation, LeakyReLU
from ganlab.networks.base import DiscriminatorModule, TrunkDiscriminator
from ganlab.networks.dropout import DropoutRate, dropout
from ganlab.networks.layers import Chain, Convolution
from ganlab.networks.norms import Norm
from ganlab.networks.resampling import NO_PIXELS
from ganlab.table import Moving, PositiveInt
from ganlab.types import Shapes

LARGEST_FACTOR = 8  # of the width, as published


@dataclass(frozen=True)
class PatchDiscriminator:
    """``layers`` convolutions 4×4 of stride 2, one more of stride 1, each with norm (but the first) and activation, and
    an output convolution 4×4 of stride 1. Isola et al. 2017, appendix 6.1.2: C64-C128-C256-C512 for 3 layers.

    Each logit depends on a square patch of the image: 16×16 pixels for 1 layer, 34×34 for 2, 70×70 for 3, 142×142 for
    4. A patch at the border is completed with zeros. The loss is averaged over the patches. ``pack`` images are
    concatenated along their channels.

    ``build`` raises ValueError if the image's shorter side, divided by 2 for each of ``layers``, is below 3 pixels.
    """

    preferred_norm: ClassVar[str | None] = None
    width: PositiveInt = 64  # channels of the first layer, doubled with each further one up to 8 times
    layers: PositiveInt = 3  # of stride 2
    activation: Annotated[Activation, ACTIVATIONS] = field(default_factory=LeakyReLU)
    dropout: Moving[DropoutRate] = 0.0  # behind each layer
    pack: PositiveInt = 1

    def build(self, shapes: Shapes, norm: Norm) -> DiscriminatorModule:
        return _Discriminator(self, shapes, norm)


class _Discriminator(TrunkDiscriminator):
    output: Convolution

    def __init__(self, settings: PatchDiscriminator, shapes: Shapes, norm: Norm) -> None:
        super().__init__(shapes)
        inputs, *sides = self.inputs
        if tuple(sides) == (1, 1):
            raise ValueError(NO_PIXELS)
        _need_a_patch(settings.layers, min(sides))
        self.blocks = nn.ModuleList()
        size = (sides[0], sides[1])
        for level in range(settings.layers + 1):
            stride = 2 if level < settings.layers else 1
            size = (size[0] // 2, size[1] // 2) if stride == 2 else (size[0] - 1, size[1] - 1)
            outputs = settings.width * min(2**level, LARGEST_FACTOR)
            shift = bool(level) and norm.has_shift
            follows = settings.activation
            self.blocks.append(
                Chain(
                    Convolution(inputs, outputs, 4, stride=stride, padding=1, follows=follows, bias=not shift),
                    *([norm.build(outputs, size, shapes.classes)] if level else []),
                    Activate(follows),
                    *dropout(settings.dropout),
                )
            )
            inputs = outputs
        self.output = Convolution(inputs, 1, 4, padding=1, follows=None, role="output")
        self.finish_heads(inputs)

    def logits(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Returns logits (n, h, w), one per patch, and the mean features (n, channels)."""
        return self.output(features).squeeze(1), features.mean(dim=(2, 3))


def _need_a_patch(layers: int, side: int) -> None:
    """Raises ValueError if an image whose shorter side has ``side`` pixels leaves no patch after so many layers."""
    if side >> layers >= 3:  # the two layers of stride 1 take a pixel each
        return
    fit = max((count for count in range(1, layers) if side >> count >= 3), default=0)
    advice = f"type discriminator.layers={fit}" if fit else "type data.size=8 or more, or discriminator=mlp"
    raise ValueError(
        f"{layers} layers of stride 2 and two of stride 1 leave no patch of images with a side of {side} pixels; "
        f"{advice}"
    )
