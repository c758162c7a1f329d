"""The kernel distance between two sets of features (KID for features of Inception)."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlab.evaluation.arithmetic import Spread, checked, ignore, matched
from ganlab.progress import Advance


def kernel_distance(
    real: Tensor,
    fake: Tensor,
    subsets: int = 100,
    subset_size: int = 1000,
    *,
    rng: torch.Generator,
    advance: Advance = ignore,
) -> Spread:
    """Returns the unbiased MMD² with the kernel (xᵀy/d + 1)³: its mean and standard deviation over random subsets.
    Bińkowski et al. 2018, Section 4. ``real`` is (n, d), ``fake`` (m, d). For equal distributions the mean is 0, so
    that negative values occur.

    ``rng`` draws each subset from both sets, without replacement. A set with fewer than ``subset_size`` rows reduces
    the size of the subsets to its own; where a subset is all of both sets, all subsets are equal and one is computed.
    The result's ``count`` and ``size`` are the number of subsets and their size. Raises UserError for fewer than two
    rows, or for different numbers of features.
    """
    if subsets < 1 or subset_size < 2:
        raise ValueError("there is at least 1 subset, of at least 2 samples")
    real, fake = checked(real, "the real images", least=2), checked(fake, "the generated images", least=2)
    matched(real, fake)
    size = min(subset_size, len(real), len(fake))
    count = 1 if size == len(real) == len(fake) else subsets
    values = []
    for _ in range(count):
        values.append(_mmd2(_drawn(real, size, rng), _drawn(fake, size, rng)))
        advance(subsets // count)
    return Spread.of(values, size)


def _drawn(features: Tensor, size: int, rng: torch.Generator) -> Tensor:
    indices = torch.randperm(len(features), generator=rng, device=rng.device)[:size]
    return features[indices.to(features.device)].double()


def _mmd2(x: Tensor, y: Tensor) -> float:
    """Returns the unbiased estimate for ``x`` and ``y`` (m, d): pairs of a sample with itself are left out."""
    m = len(x)
    within = sum(kernel.sum() - kernel.diagonal().sum() for kernel in (_kernel(x, x), _kernel(y, y)))
    return float(within / (m * (m - 1)) - 2 * _kernel(x, y).mean())


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T / x.shape[1] + 1).pow(3)
