"""Upsampling and downsampling of feature maps by 2, and the sizes that networks work at."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

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
SMALLEST, LARGEST = 8, 1024  # sides of images, in pixels


def halvings(height: int, width: int, coarsest: int = 4) -> int:
    """Returns how often an image is halved: the largest k with min(height, width) / 2ᵏ ≥ ``coarsest``. The sides need
    not be even: networks work at ``full_size`` and crop or pad.

    Raises ValueError, with the nearest size that is possible, if a side is below 8 or above 1024 pixels.
    """
    if (height, width) == (1, 1):
        raise ValueError(NO_PIXELS)
    if min(height, width) < SMALLEST or max(height, width) > LARGEST:
        near = tuple(min(max(side, SMALLEST), LARGEST) for side in (height, width))
        raise ValueError(
            f"images of {height}×{width} are outside the {SMALLEST} to {LARGEST} pixels a side that it can have; "
            f"type data.size={near[0] if near[0] == near[1] else list(near)}"
        )
    count, shorter = 0, min(height, width)
    while shorter >= 2 ** (count + 1) * coarsest:
        count += 1
    return count


def full_size(height: int, width: int, count: int) -> tuple[int, int]:
    """Returns the smallest size (H, W) that holds the image and can be halved ``count`` times without a remainder."""
    step = 2**count
    return -(-height // step) * step, -(-width // step) * step


def cropped(x: Tensor, height: int, width: int) -> Tensor:
    """Returns the centre (N, C, height, width) of maps that may be larger."""
    top, left = (x.shape[2] - height) // 2, (x.shape[3] - width) // 2
    return x if x.shape[2:] == (height, width) else x[:, :, top : top + height, left : left + width]


def padded(x: Tensor, height: int, width: int) -> Tensor:
    """Returns maps (N, C, height, width) with zeros around ``x``, which may be smaller: the inverse of ``cropped``."""
    if x.shape[2:] == (height, width):
        return x
    down, right = height - x.shape[2], width - x.shape[3]
    return F.pad(x, (right // 2, right - right // 2, down // 2, down - down // 2))


def channels(width: int, largest: int, count: int) -> list[int]:
    """Returns the channels of ``count`` maps from the finest to the coarsest, doubled with every halving up to
    ``largest``."""
    return [min(width * 2**level, largest) for level in range(count)]


def upsampled(
    method: Upsampling,
    inputs: int,
    outputs: int,
    *,
    follows: Activation | None,
    bias: bool = True,
    role: Role = "hidden",
) -> list[nn.Module]:
    """Returns layers that map (N, inputs, H, W) to (N, outputs, 2H, 2W)."""
    if method == "transposed":
        return [TransposedConvolution(inputs, outputs, 4, stride=2, padding=1, follows=follows, bias=bias, role=role)]
    if method == "pixel_shuffle":
        return [
            Convolution(inputs, 4 * outputs, 3, padding=1, follows=follows, bias=bias, role=role),
            nn.PixelShuffle(2),
        ]
    return [
        NearestUpsampling() if method == "nearest" else nn.Upsample(scale_factor=2, mode=method, align_corners=False),
        Convolution(inputs, outputs, 3, padding=1, follows=follows, bias=bias, role=role),
    ]


def downsampled(
    method: Downsampling,
    inputs: int,
    outputs: int,
    *,
    follows: Activation | None,
    bias: bool = True,
    role: Role = "hidden",
) -> list[nn.Module]:
    """Returns layers that map (N, inputs, H, W) to (N, outputs, H / 2, W / 2)."""
    if method == "strided":
        return [Convolution(inputs, outputs, 4, stride=2, padding=1, follows=follows, bias=bias, role=role)]
    return [Convolution(inputs, outputs, 3, padding=1, follows=follows, bias=bias, role=role), pool(method)]


def pool(method: Downsampling) -> nn.Module:
    """Returns a 2×2 pool: the maximum for ``max``, and otherwise the average."""
    return nn.MaxPool2d(2) if method == "max" else AveragePool()
