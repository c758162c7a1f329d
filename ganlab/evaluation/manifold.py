"""Precision, recall, density and coverage: how much of each set of features lies among the other set."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlab.evaluation.arithmetic import TIE, checked, ignore, matched, nearest_squared, tiles
from ganlab.progress import Advance


@dataclass(frozen=True)
class ManifoldScores:
    """``precision``, ``recall`` and ``coverage`` are shares in [0, 1]; ``density`` is at least 0 and can exceed 1.
    ``nearest`` is k of precision and recall, ``density_nearest`` is k of density and coverage."""

    precision: float
    recall: float
    density: float
    coverage: float
    nearest: int
    density_nearest: int


def manifold_scores(
    real: Tensor, fake: Tensor, nearest: int = 3, density_nearest: int = 5, advance: Advance = ignore
) -> ManifoldScores:
    """Returns scores from balls around the samples. The radius of a ball is the distance from its centre to the k-th
    nearest other sample of the same set.

    Precision is the share of fakes in the ball of at least one real, recall the share of reals in the ball of at least
    one fake (Kynkäänniemi et al. 2019, Eq. 1 and 2; k = 3). Density is the mean number of balls of reals that contain a
    fake, divided by k, and coverage the share of reals with at least one fake in their ball (Naeem et al. 2020,
    Section 3; k = 5). For two samples of one distribution, n reals and m fakes, the expected density is 1 and the
    expected coverage 1 - (n-1)…(n-k) / ((m+n-1)…(m+n-k)), 0.97 for n = m (their Lemmas 1 and 2). All four depend on n
    and m: only results with equal n and m compare.

    A sample on the surface of a ball lies in it, as in Eq. 1 of Kynkäänniemi et al.; the code of Naeem et al. excludes
    it. The two differ only for equal distances: among exact copies and images with very few different values.

    ``real`` (n, d) and ``fake`` (m, d) are compared in float64 in tiles, which takes 0.5 GiB at d = 2,048 beside the
    features, and time in proportion to (n² + m² + nm) d. Raises UserError where a set has too few samples for k
    neighbours, or for different numbers of features.
    """
    if nearest < 1 or density_nearest < 1:
        raise ValueError("nearest and density_nearest are at least 1")
    real = checked(real, "the real images", least=max(nearest, density_nearest) + 1)
    fake = checked(fake, "the generated images", least=nearest + 1)
    matched(real, fake)
    reach = 1 + TIE
    radii = nearest_squared(real, None, max(nearest, density_nearest), advance)[0] * reach
    wide, narrow = radii[:, density_nearest - 1, None], radii[:, nearest - 1, None]
    fakes_own = nearest_squared(fake, None, nearest, advance)[0][:, -1] * reach

    precise = torch.zeros(len(fake), dtype=torch.bool, device=fake.device)
    recalled, covered = (torch.zeros(len(real), dtype=torch.bool, device=real.device) for _ in range(2))
    balls = 0
    for rows, columns, squared in tiles(real, fake):
        precise[columns] |= (squared <= narrow[rows]).any(0)
        recalled[rows] |= (squared <= fakes_own[columns]).any(1)
        inside = squared <= wide[rows]
        covered[rows] |= inside.any(1)
        balls += int(inside.sum())
        advance(squared.numel())
    return ManifoldScores(
        precision=float(precise.double().mean()),
        recall=float(recalled.double().mean()),
        density=balls / (density_nearest * len(fake)),
        coverage=float(covered.double().mean()),
        nearest=nearest,
        density_nearest=density_nearest,
    )
