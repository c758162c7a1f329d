"""Scores of images beside the true image of each: distances of pixels, and structural similarity."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW, SIGMA = 11, 1.5  # Wang et al. 2004, section III.B: a Gaussian window of 11×11 pixels
K1, K2 = 0.01, 0.03  # as there
HIGHEST_PSNR = 100.0  # dB, of equal images, so that a mean over images is a number


def paired_scores(images: Tensor, true: Tensor) -> Mapping[str, float]:
    """Returns the means over images of scores of ``images`` (N, C, H, W) beside the ``true`` ones, uint8 0 … 255:

    - ``l1``: the mean absolute difference, in [0, 1], of pixel values in [0, 1]; lower is better
    - ``rmse``: the root of the mean squared difference of each image, in [0, 1]; lower is better
    - ``psnr``: the peak signal-to-noise ratio in dB, -20 log₁₀ rmse, at most 100; higher is better
    - ``ssim``: the structural similarity, at most 1; higher is better (Wang, Bovik, Sheikh & Simoncelli 2004, Eq. 13)
    """
    first, second = images.float() / 255, true.float() / 255
    difference = (first - second).flatten(1)
    rmse = difference.square().mean(1).sqrt()
    psnr = (-20 * rmse.log10()).clamp(max=HIGHEST_PSNR)
    return {
        "l1": float(difference.abs().mean()),
        "rmse": float(rmse.mean()),
        "psnr": float(psnr.mean()),
        "ssim": float(ssim(first, second).mean()),
    }


def ssim(first: Tensor, second: Tensor) -> Tensor:
    """Returns the structural similarity (N,) of images (N, C, H, W) in [0, 1], the mean over all places where the
    window fits and over the channels. Images smaller than the window have a window of their size."""
    size = min(WINDOW, *first.shape[2:])
    place = torch.arange(size, dtype=first.dtype, device=first.device) - (size - 1) / 2
    weights = torch.exp(-place.square() / (2 * SIGMA**2))
    weights = weights / weights.sum()
    channels = first.shape[1]
    rows, columns = (weights.view(shape).expand(channels, -1, -1, -1) for shape in ((1, 1, -1, 1), (1, 1, 1, -1)))

    def mean(values: Tensor) -> Tensor:
        return F.conv2d(F.conv2d(values, rows, groups=channels), columns, groups=channels)

    mean1, mean2 = mean(first), mean(second)
    variance1, variance2 = mean(first * first) - mean1**2, mean(second * second) - mean2**2
    covariance = mean(first * second) - mean1 * mean2
    level = (2 * mean1 * mean2 + K1**2) / (mean1**2 + mean2**2 + K1**2)
    shape = (2 * covariance + K2**2) / (variance1 + variance2 + K2**2)
    return (level * shape).mean((1, 2, 3))
