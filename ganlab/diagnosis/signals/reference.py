"""Distances and moments of the training images, with which generated ones are compared."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlab.training.feed import Feed

IMAGES = 256  # that the moments are computed from


@dataclass(frozen=True, eq=False)
class Reference:
    """Moments of some training images: their ``mean`` (C, H, W), the variance of that mean summed over its pixels
    (``mean_variance``), the standard deviation of all pixels together (``std``), the mean ``distance`` of two images,
    and the median distance of an image to the ``nearest`` other one among as many as ``diagnosis.pictures``."""

    mean: Tensor
    mean_variance: Tensor
    std: Tensor
    distance: Tensor
    nearest: Tensor

    @classmethod
    def of(cls, feed: Feed, pictures: int) -> Reference:
        """Computes the moments of images that are the same in each process of a run."""
        images = feed.trained_on(max(IMAGES, pictures), 0).images.float()
        return cls(
            images.mean(dim=0),
            variance_of_mean(images),
            images.std(correction=0),
            mean_distance(images),
            nearest_distances(images[:pictures]).median(),
        )


def distances(points: Tensor) -> Tensor:
    """Returns the distances (n, n) of the rows of ``points`` (n, …), in float32. They come from products, which is
    faster than from differences; without the mean row the rounding is small beside the distances."""
    rows = points.float().flatten(1)
    rows = rows - rows.mean(dim=0)
    return torch.cdist(rows, rows, compute_mode="use_mm_for_euclid_dist")


def mean_distance(points: Tensor) -> Tensor:
    """Returns the mean distance of two different rows of ``points`` (n, …), a scalar; not a number for one row."""
    count = len(points)
    return distances(points).sum() / (count * (count - 1))


def nearest_distances(points: Tensor) -> Tensor:
    """Returns the distance (n,) of each row of ``points`` (n, …) to the nearest other one."""
    return distances(points).fill_diagonal_(float("inf")).min(dim=1).values


def variance_of_mean(images: Tensor) -> Tensor:
    """Returns the variance of the mean of ``images`` (n, …), summed over the pixels, a scalar; not a number for one
    image."""
    # Of the biased variance, since PyTorch warns where it must divide by n - 1 = 0 itself.
    return images.var(dim=0, correction=0).sum() / (len(images) - 1)
