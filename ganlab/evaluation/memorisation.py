"""Whether generated samples repeat training images: their nearest real ones, and two shares of repetitions."""

from __future__ import annotations

from torch import Tensor

from ganlab.evaluation.arithmetic import TIE, checked, matched, nearest_squared


def nearest_real(fake: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """Each fake's nearest real: indices into ``real`` (m,) int64, and Euclidean distances (m,) float64, which are
    exactly 0 for copies. ``fake`` is (m, d), ``real`` (n, d); tile by tile, 0.5 GiB at d = 2,048 beside them."""
    fake, real = _checked(fake, real, least=1)
    squared, indices = nearest_squared(fake, real, 1)
    return indices[:, 0], squared[:, 0].sqrt()


def memorised_share(fake: Tensor, real: Tensor, ratio: float = 1 / 3) -> float:
    """Share in [0, 1] of fakes that are at most ``ratio`` times as far from their nearest real as from the second
    nearest: ‖x - NN₁(x)‖ ≤ ⅓ ‖x - NN₂(x)‖, the rule of Yoon et al. 2023 and Gu et al. 2025 ("On memorization in
    diffusion models"). ``fake`` is (m, d), ``real`` (n, d): the training set, all of it. Time is in proportion to nmd.

    A copy always counts, also of a real that is there twice (so ≤, where the papers write <). Held-out reals count with
    the share ratioᵈ where the features locally fill d dimensions evenly: 1/9 in the plane, 1/59,049 for d = 10; beside
    the score of a generator stands, best, that of held-out reals. Blurred samples and those of few modes do not count
    for lying in the middle of the data, as they do by a fixed threshold. What it misses: a changed copy of an image
    that has a near duplicate in the training set, and a flipped or shifted copy, unless the features ignore such.

    Raises UserError for fewer than two reals, or for different numbers of features.
    """
    if not 0 <= ratio < 1:
        raise ValueError("ratio is at least 0 and below 1")
    fake, real = _checked(fake, real, least=2)
    squared, _ = nearest_squared(fake, real, 2)
    return float((squared[:, 0] <= ratio**2 * squared[:, 1]).double().mean())


def closer_share(fake: Tensor, real: Tensor, quantile: float = 0.05) -> float:
    """Share in [0, 1] of fakes that are at most as far from their nearest real as the ``quantile`` of the reals is from
    theirs. Like Meehan et al. 2020 ("A non-parametric test to detect data-copying") it compares distances to the
    training set with those of honest samples; these are here the training images, each without itself.

    Held-out reals count with the share ``quantile``, to about 1/n of it, whatever the data's dimension: a much larger
    share says that fakes lie closer to the training images than new images would. That is not yet copying: samples with
    too little variety lie closer too, down to 1.0 for one average image, so look at ``memorised_share`` beside it.

    ``fake`` is (m, d), ``real`` (n, d). Time is in proportion to (n² + nm) d. Raises UserError for fewer than two
    reals, or for different numbers of features.
    """
    if not 0 <= quantile <= 1:
        raise ValueError("quantile is in [0, 1]")
    fake, real = _checked(fake, real, least=2)
    apart = nearest_squared(real, None, 1)[0][:, 0].sort().values
    threshold = apart[int(quantile * (len(apart) - 1))] * (1 + TIE)
    return float((nearest_squared(fake, real, 1)[0][:, 0] <= threshold).double().mean())


def _checked(fake: Tensor, real: Tensor, least: int) -> tuple[Tensor, Tensor]:
    fake, real = checked(fake, "the generated images"), checked(real, "the real images", least=least)
    matched(fake, real)
    return fake, real
