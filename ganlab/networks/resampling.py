"""Doubling and halving of feature maps, each a convolution with or without resampling beside it."""

from __future__ import annotations

from typing import Literal

from torch import nn

from ganlab.layer import Role
from ganlab.networks.activations import Activation
from ganlab.networks.kernels.pooling import AveragePool, NearestUpsampling
from ganlab.networks.layers import Convolution, TransposedConvolution

Upsampling = Literal["transposed", "nearest", "bilinear", "pixel_shuffle"]
"""A transposed convolution 4×4 of stride 2 (Radford et al. 2016); interpolation and a convolution 3×3, which leaves no
checkerboard (Odena et al. 2016); or a convolution 3×3 to four times the channels, shuffled (Shi et al. 2016)."""

Downsampling = Literal["strided", "average", "max"]
"""A convolution 4×4 of stride 2 (Radford et al. 2016), or a convolution 3×3 and a pool 2×2. Max pooling makes three of
four gradients 0: it is there to show what that does to G."""

NO_PIXELS = (
    "points have no height and width to convolve over; type generator=mlp discriminator=mlp, or start from "
    "experiment=ring"
)
SMALLEST, LARGEST = 16, 256  # sides of images, in pixels


def halvings(height: int, width: int, coarsest: int = 4) -> int:
    """How often an image's sides can be halved so that the shorter one stays at ``coarsest`` pixels or more.

    Raises ValueError, with the nearest sizes that can be reached, where a side becomes odd before that.
    """
    if (height, width) == (1, 1):
        raise ValueError(NO_PIXELS)
    if min(height, width) < SMALLEST or max(height, width) > LARGEST:
        near = tuple(min(max(side, SMALLEST), LARGEST) for side in (height, width))
        raise ValueError(
            f"images of {height}×{width} are outside its {SMALLEST} to {LARGEST} pixels a side; "
            f"type data.size={near[0] if near[0] == near[1] else list(near)}"
        )
    count, sides = 0, (height, width)
    while min(sides) >= 2 * coarsest:
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


def channels(width: int, largest: int, count: int) -> list[int]:
    """Channels of ``count`` maps from the finest to the coarsest, doubled with every halving up to ``largest``."""
    return [min(width * 2**level, largest) for level in range(count)]


def upsampled(
    way: Upsampling, inputs: int, outputs: int, *, follows: Activation | None, bias: bool = True, role: Role = "hidden"
) -> list[nn.Module]:
    """Layers from maps (N, inputs, H, W) to (N, outputs, 2H, 2W)."""
    if way == "transposed":
        return [TransposedConvolution(inputs, outputs, 4, stride=2, padding=1, follows=follows, bias=bias, role=role)]
    if way == "pixel_shuffle":
        return [
            Convolution(inputs, 4 * outputs, 3, padding=1, follows=follows, bias=bias, role=role),
            nn.PixelShuffle(2),
        ]
    return [
        NearestUpsampling() if way == "nearest" else nn.Upsample(scale_factor=2, mode=way, align_corners=False),
        Convolution(inputs, outputs, 3, padding=1, follows=follows, bias=bias, role=role),
    ]


def downsampled(
    way: Downsampling,
    inputs: int,
    outputs: int,
    *,
    follows: Activation | None,
    bias: bool = True,
    role: Role = "hidden",
) -> list[nn.Module]:
    """Layers from maps (N, inputs, H, W) to (N, outputs, H / 2, W / 2)."""
    if way == "strided":
        return [Convolution(inputs, outputs, 4, stride=2, padding=1, follows=follows, bias=bias, role=role)]
    return [Convolution(inputs, outputs, 3, padding=1, follows=follows, bias=bias, role=role), pool(way)]


def pool(way: Downsampling) -> nn.Module:
    """A 2×2 pool; the average where strides would do the work elsewhere."""
    return nn.MaxPool2d(2) if way == "max" else AveragePool()
