"""Repetition of training images by generated samples: nearest real images, and two shares of repeated samples."""

from __future__ import annotations

from torch import Tensor

from ganlab.evaluation.arithmetic import TIE, checked, ignore, matched, nearest_squared
from ganlab.progress import Advance


def nearest_real(fake: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the nearest real of each fake: indices into ``real`` (m,) int64 and Euclidean distances (m,) float64,
    which are exactly 0 for copies. ``fake`` is (m, d), ``real`` (n, d). Takes 0.5 GiB at d = 2,048 beside the
    features."""
    fake, real = _checked(fake, real, least=1)
    squared, indices = nearest_squared(fake, real, 1)
    return indices[:, 0], squared[:, 0].sqrt()


def memorised_share(fake: Tensor, real: Tensor, ratio: float = 1 / 3, advance: Advance = ignore) -> float:
    """Returns the share in [0, 1] of fakes that are at most ``ratio`` times as far from their nearest real as from the
    second nearest: ‖x - NN₁(x)‖ ≤ ⅓ ‖x - NN₂(x)‖, the rule of Yoon et al. 2023 and Gu et al. 2025 ("On memorization in
    diffusion models"). ``fake`` is (m, d); ``real`` (n, d) is the whole training set. Time is in proportion to nmd.

    A copy always counts, also a copy of a real that occurs twice (hence ≤, where the papers write <). The share of
    held-out reals is ratioᵈ where the features locally fill d dimensions evenly: 1/9 in the plane, 1/59,049 for d = 10.
    Compare the share of a generator with that of held-out reals. Unlike a fixed threshold on the distance, the rule
    does not count blurred samples, or samples of few modes, for lying amid the data. It misses changed copies of an
    image that has a near duplicate in the training set, and flipped or shifted copies, unless the features are
    invariant to such changes.

    Raises UserError for fewer than two reals, or for different numbers of features.
    """
    if not 0 <= ratio < 1:
        raise ValueError("ratio is at least 0 and below 1")
    fake, real = _checked(fake, real, least=2)
    squared, _ = nearest_squared(fake, real, 2, advance)
    return float((squared[:, 0] <= ratio**2 * squared[:, 1]).double().mean())


def closer_share(fake: Tensor, real: Tensor, quantile: float = 0.05, advance: Advance = ignore) -> float:
    """Returns the share in [0, 1] of fakes whose distance to their nearest real is at most the ``quantile`` of the
    distances between each real and its nearest other real. Like Meehan et al. 2020 ("A non-parametric test to detect
    data-copying") it compares distances to the training set with those of samples that copy nothing; here these are the
    training images, each without itself.

    The share of held-out reals is ``quantile``, within about 1/n, whatever the dimension of the data. A much larger
    share means that fakes lie closer to the training images than new images would. That alone is no proof of copying:
    samples with too little variety lie closer too (the share is 1.0 for one average image), so compare with
    ``memorised_share``.

    ``fake`` is (m, d), ``real`` (n, d). Time is in proportion to (n² + nm) d. Raises UserError for fewer than two
    reals, or for different numbers of features.
    """
    if not 0 <= quantile <= 1:
        raise ValueError("quantile is in [0, 1]")
    fake, real = _checked(fake, real, least=2)
    apart = nearest_squared(real, None, 1, advance)[0][:, 0].sort().values
    threshold = apart[int(quantile * (len(apart) - 1))] * (1 + TIE)
    return float((nearest_squared(fake, real, 1, advance)[0][:, 0] <= threshold).double().mean())


def _checked(fake: Tensor, real: Tensor, least: int) -> tuple[Tensor, Tensor]:
    fake, real = checked(fake, "the generated images"), checked(real, "the real images", least=least)
    matched(fake, real)
    return fake, real
