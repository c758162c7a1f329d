"""Kernel distance between two sets of features (KID, where they are Inception's)."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlab.evaluation.arithmetic import Spread, checked, matched


def kernel_distance(
    real: Tensor, fake: Tensor, subsets: int = 100, subset_size: int = 1000, *, rng: torch.Generator
) -> Spread:
    """Unbiased MMD² with the kernel (xᵀy/d + 1)³: its mean and standard deviation over random subsets. Bińkowski et al.
    2018, Section 4. ``real`` is (n, d), ``fake`` (m, d); equal distributions have mean 0, so values below 0
    occur.

    Each subset is drawn without replacement from either set, from ``draw``. A set with fewer than ``subset_size`` rows
    reduces the subsets' size to what it has; where that is all of both sets, all subsets are the same one and it is
    computed once. The result's ``count`` and ``size`` tell what was used. Raises UserError for fewer than two rows, or
    for different numbers of features.
    """
    if subsets < 1 or subset_size < 2:
        raise ValueError("there is at least 1 subset, of at least 2 samples")
    real, fake = checked(real, "the real images", least=2), checked(fake, "the generated images", least=2)
    matched(real, fake)
    size = min(subset_size, len(real), len(fake))
    count = 1 if size == len(real) == len(fake) else subsets
    return Spread.of([_mmd2(_drawn(real, size, rng), _drawn(fake, size, rng)) for _ in range(count)], size)


def _drawn(features: Tensor, size: int, rng: torch.Generator) -> Tensor:
    indices = torch.randperm(len(features), generator=rng, device=rng.device)[:size]
    return features[indices.to(features.device)].double()


def _mmd2(x: Tensor, y: Tensor) -> float:
    """The unbiased estimate, for ``x`` and ``y`` of one size m: pairs of a sample with itself do not count."""
    m = len(x)
    within = sum(kernel.sum() - kernel.diagonal().sum() for kernel in (_kernel(x, x), _kernel(y, y)))
    return float(within / (m * (m - 1)) - 2 * _kernel(x, y).mean())


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T / x.shape[1] + 1).pow(3)
