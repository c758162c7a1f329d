"""The transforms of adaptive discriminator augmentation, each applied to each image with probability p. Karras et al.
2020, StyleGAN2-ADA, appendix B; the constants are those of the published code.

Images are (N, C, H, W) in [-1, 1]. ``p`` is a number or a scalar tensor, which is never read back to the host. An
image for which no transform was drawn is returned bit for bit, and every function is differentiable in the images.
Coordinates and colours are computed elementwise instead of by matrix products, which mixed precision would round.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ganlab.random_numbers import normal, uniform

TRANSLATION = 0.125  # share of a side: maximum of a whole-pixel translation, standard deviation of a fractional one
SCALE = 0.2  # standard deviation of log2 of either scale
BRIGHTNESS = 0.2  # standard deviation
CONTRAST = 0.5  # standard deviation of log2
SATURATION = 1.0  # standard deviation of log2
CUTOUT = 0.5  # share of each side
OVERSAMPLING = 2  # samples per output pixel and axis in ``resample``


def blit(images: Tensor, p: float | Tensor, rng: torch.Generator) -> Tensor:
    """Mirrors images, turns them by quarter turns and translates them by whole pixels, with reflection at the edges:
    each output pixel is one input pixel. If height and width differ by an odd number, a quarter turn is off by half a
    pixel."""
    count, channels, height, width = images.shape
    # If the flip is due, it is applied with probability ½; one of the four turns is the identity.
    drawn, due = uniform((7, count), rng, along=1).split([4, 3])
    due = due < p
    flip = due[0] & (drawn[0] < 0.5)
    turns = torch.where(due[1], (drawn[1] * 4).floor(), 0.0).long()
    right, down = (
        torch.where(due[2], ((share * 2 - 1) * TRANSLATION * side).round(), 0.0).long()
        for share, side in ((drawn[2], width), (drawn[3], height))
    )
    # Twice the distance from the image's centre, so that it is a whole number.
    x = _centered(width, images.device) - 2 * right[:, None, None]
    y = _centered(height, images.device)[:, None] - 2 * down[:, None, None]
    odd, half = turns % 2 == 1, turns >= 2
    x, y = torch.where(_per_image(odd), y, x), torch.where(_per_image(odd), -x, y)
    sign = _per_image(torch.where(half, -1, 1))
    x, y = sign * x, sign * y
    x = torch.where(_per_image(flip), -x, x)
    column = _reflected((x + width - 1).div(2, rounding_mode="floor"), width)
    row = _reflected((y + height - 1).div(2, rounding_mode="floor"), height)
    index = (row * width + column).view(count, 1, height * width).expand(-1, channels, -1)
    return images.flatten(2).gather(2, index).view(images.shape)


def resample(images: Tensor, p: float | Tensor, rng: torch.Generator) -> Tensor:
    """Isotropic scale, rotation, anisotropic scale, rotation again and fractional translation, as one affine map.

    Each output pixel is the mean of ``OVERSAMPLING``² bilinear samples, with reflection at the edges. The published
    code instead pads the image, upsamples it by a wavelet filter of 12 taps, samples that bilinearly and filters it
    down again. Here the result is blurrier (a map that moves nothing has the weights 1/8, 3/4, 1/8 along each axis),
    but no size is read back from the device, which the published padding needs in each step and a CUDA graph cannot
    record. An image that no transform was drawn for is not resampled. Differentiable once in the images.
    """
    count, _, height, width = images.shape
    scale, stretch, right, down = normal((4, count), rng, along=1)
    angles, due = uniform((7, count), rng, along=1).split([2, 5])
    p_rotation = 1 - (1 - p) ** 0.5  # so that at least one of the two rotations is applied with probability p
    due = torch.cat([due[:3] < p, due[3:] < p_rotation])
    scale, stretch = (torch.where(at, 2 ** (SCALE * one), 1.0) for at, one in zip(due, (scale, stretch), strict=False))
    right, down = (torch.where(due[2], one * TRANSLATION * side, 0.0) for one, side in ((right, width), (down, height)))
    before, after = torch.where(due[3:], (angles * 2 - 1) * math.pi, 0.0)
    # From an output place back to an input place: the transform that is applied last is inverted first.
    x, y = (
        (torch.arange(side * OVERSAMPLING, device=images.device) + 0.5) / OVERSAMPLING - side / 2
        for side in (width, height)
    )
    x, y = x - _per_image(right), y[:, None] - _per_image(down)
    x, y = _turned(x, y, after)
    x, y = x / _per_image(stretch), y * _per_image(stretch)
    x, y = _turned(x, y, before)
    x, y = x / _per_image(scale), y / _per_image(scale)
    # -1 and 1 are the centres of the outermost pixels, at which places outside are reflected, as in ``blit``.
    grid = torch.stack([x * (2 / max(width - 1, 1)), y * (2 / max(height - 1, 1))], dim=-1).to(images.dtype)
    sampled = F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=True)
    return torch.where(due.any(dim=0).view(-1, 1, 1, 1), F.avg_pool2d(sampled, OVERSAMPLING), images)


def color(images: Tensor, p: float | Tensor, rng: torch.Generator) -> Tensor:
    """Changes brightness, contrast, luma sign and, for three channels, hue and saturation: affine maps of each
    pixel's colour. The luma axis is (1, 1, 1), so that luma is the mean over the channels. Grey images have no hue
    and saturation."""
    count, channels = images.shape[:2]
    brightness, contrast, saturation = normal((3, count, 1, 1, 1), rng, along=1)
    drawn, due = uniform((7, count, 1, 1, 1), rng, along=1).split([2, 5])
    due = due < p
    images = torch.where(due[0], images + BRIGHTNESS * brightness, images)
    images = torch.where(due[1], images * 2 ** (CONTRAST * contrast), images)
    luma = images.mean(dim=1, keepdim=True)
    images = torch.where(due[2] & (drawn[0] < 0.5), images - 2 * luma, images)
    if channels != 3:
        return images
    angle = (drawn[1] * 2 - 1) * math.pi
    luma = images.mean(dim=1, keepdim=True)
    # Rodrigues' formula: the cross product of the unit luma axis with the colour is a difference of channels.
    across = (images.roll(1, dims=1) - images.roll(-1, dims=1)) / math.sqrt(3)
    turned = luma + angle.cos() * (images - luma) + angle.sin() * across
    images = torch.where(due[3], turned, images)
    luma = images.mean(dim=1, keepdim=True)
    return torch.where(due[4], luma + (images - luma) * 2 ** (SATURATION * saturation), images)


def cutout(images: Tensor, p: float | Tensor, rng: torch.Generator) -> Tensor:
    """Sets a rectangle of half the height and half the width, whose centre can be anywhere in the image, to zero."""
    x, y, due = uniform((3, len(images)), rng, along=1)
    height, width = images.shape[2:]
    # As published, with a centre in [0, 1]: a pixel is in the rectangle if the distance of its centre is below a
    # quarter of the side.
    inside = [
        ((torch.arange(side, device=images.device) + 0.5) / side - center[:, None]).abs() < CUTOUT / 2
        for center, side in ((y, height), (x, width))
    ]
    erased = inside[0][:, :, None] & inside[1][:, None, :] & _per_image(due < p)
    return torch.where(erased[:, None], 0.0, images)


def _per_image(values: Tensor) -> Tensor:
    return values[:, None, None]


def _centered(side: int, device: torch.device) -> Tensor:
    """Returns twice the distance of each pixel of a side from the centre of the side."""
    return 2 * torch.arange(side, device=device) - (side - 1)


def _reflected(place: Tensor, side: int) -> Tensor:
    """Returns places with those outside of 0, …, side - 1 reflected at the centres of the outermost pixels."""
    if side == 1:
        return torch.zeros_like(place)
    period = 2 * (side - 1)
    place = place.remainder(period)
    return torch.minimum(place, period - place)


def _turned(x: Tensor, y: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    cosine, sine = _per_image(angle.cos()), _per_image(angle.sin())
    return cosine * x + sine * y, cosine * y - sine * x
