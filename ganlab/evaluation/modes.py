"""The modes of the data that a generator covers, where the modes are known: centres in the plane, or classes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlab.errors import UserError


@dataclass(frozen=True)
class PointModes:
    """The number of ``found`` modes, the ``good_share`` of good samples in [0, 1], and the number of good samples of
    each mode, ``counts`` (m,) int64."""

    found: int
    good_share: float
    counts: Tensor


@dataclass(frozen=True)
class LabelModes:
    """The number of ``found`` classes, the samples of each class, ``counts`` (classes,) int64, and in nats the
    ``entropy`` of the generated classes and their ``reverse_kl``, KL(generated ‖ reference)."""

    found: int
    counts: Tensor
    entropy: float
    reverse_kl: float


def modes_of_points(points: Tensor, centres: Tensor, std: float) -> PointModes:
    """Returns the modes of a mixture of Gaussians with equal ``std`` and ``centres`` (m, 2) that ``points`` (n, 2)
    cover.

    A sample belongs to the nearest centre, and is good ("high quality") if its Euclidean distance to it is at most
    three standard deviations. A mode is found if at least one good sample belongs to it. Srivastava et al. 2017
    (VEEGAN), Section 4.1, and Lin et al. 2018 (PacGAN), Section 4.1, whose published code uses this rule. A sample that
    is NaN or infinite is not good. Raises UserError for no samples.
    """
    if points.ndim != 2 or centres.ndim != 2 or points.shape[1] != centres.shape[1] or not len(centres) or std <= 0:
        raise ValueError("points are (n, 2), centres (m, 2) with m of at least 1, and std is above 0")
    if not len(points):
        raise UserError("There are no samples to look for modes in. Evaluate at least one.")
    # in float64 on the CPU, by differences: there are few centres, and a good sample is close to its own
    away = torch.cdist(
        points.detach().cpu().double(), centres.cpu().double(), compute_mode="donot_use_mm_for_euclid_dist"
    )
    distance, nearest = away.min(dim=1)
    counts = torch.bincount(nearest[distance <= 3 * std], minlength=len(centres))
    return PointModes(int((counts > 0).sum()), int(counts.sum()) / len(points), counts)


def modes_of_labels(labels: Tensor, classes: int, reference: Tensor | None = None) -> LabelModes:
    """Returns the classes that a classifier recognises among generated samples; ``labels`` (n,) are integers in
    [0, classes).

    ``reference`` (classes,) are the counts or shares of the data, uniform where it is not given. For 1,000 stacked
    digits papers use 26,000 samples: Metz et al. 2017 (unrolled GAN), Srivastava et al. 2017 (VEEGAN) and Lin et al.
    2018 (PacGAN), Section 4.2, who report the number of classes and the reverse KL. Raises UserError for no samples, or
    for labels that are no classes.
    """
    if labels.ndim != 1 or labels.is_floating_point():
        raise ValueError(f"labels are whole numbers (n,); got {labels.dtype} {tuple(labels.shape)}")
    if not len(labels):
        raise UserError("There are no samples to look for classes in. Evaluate at least one.")
    labels = labels.cpu()
    if labels.min() < 0 or labels.max() >= classes:
        raise UserError(
            f"The labels go from {labels.min()} to {labels.max()}, but there are {classes} classes, counted from 0: "
            "the classifier was made for other data."
        )
    counts = torch.bincount(labels, minlength=classes)
    shares = counts.double() / len(labels)
    return LabelModes(
        found=int((counts > 0).sum()),
        counts=counts,
        entropy=max(0.0, float(-shares.xlogy(shares).sum())),
        reverse_kl=reverse_kl(counts, reference),
    )


def reverse_kl(counts: Tensor, reference: Tensor | None = None) -> float:
    """Returns KL(generated ‖ reference) in nats, of counts or shares (classes,); ``reference`` is uniform where it is
    not given. It is 0 where the two are proportional, and infinite where a class was generated that the reference
    lacks."""
    reference = torch.ones(len(counts)) if reference is None else reference
    if reference.shape != counts.shape or min(counts.min(), reference.min()) < 0 or reference.sum() <= 0:
        raise ValueError("counts and reference are (classes,), none negative, and not all of them 0")
    generated, data = counts.cpu().double() / counts.sum().item(), reference.cpu().double() / reference.sum().item()
    return max(0.0, float((generated.xlogy(generated) - generated.xlogy(data)).sum()))
