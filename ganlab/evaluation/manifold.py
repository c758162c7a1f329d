"""How far generated features lie among the real ones, and the real among the generated: precision, recall, density and
coverage."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlab.evaluation.arithmetic import TIE, checked, matched, nearest_squared, tiles


@dataclass(frozen=True)
class ManifoldScores:
    """``precision``, ``recall`` and ``coverage`` are shares in [0, 1]; ``density`` is at least 0 and can exceed 1.
    ``nearest`` is the k of precision and recall, ``density_nearest`` that of density and coverage."""

    precision: float
    recall: float
    density: float
    coverage: float
    nearest: int
    density_nearest: int


def manifold_scores(real: Tensor, fake: Tensor, nearest: int = 3, density_nearest: int = 5) -> ManifoldScores:
    """Scores from balls round the samples. A ball reaches to its centre's k-th nearest neighbour in the centre's own
    set, the centre itself not counted.

    Precision is the share of fakes in at least one real's ball, recall the share of reals in at least one fake's
    (Kynkäänniemi et al. 2019, Eq. 1 and 2; k = 3). Density is the mean number of reals' balls that a fake lies in,
    divided by k, and coverage the share of reals with at least one fake in their ball (Naeem et al. 2020, Section 3;
    k = 5). For two samples of one distribution, n reals and m fakes, density is 1 in expectation and coverage is
    1 - (n-1)…(n-k) / ((m+n-1)…(m+n-k)), 0.97 for n = m (their Lemmas 1 and 2). All four depend on n and m: compare at
    equal numbers.

    A sample on a ball's surface lies in it, as in Kynkäänniemi's Eq. 1; Naeem's published code excludes it, which
    differs only where distances tie: among exact copies and among images of very few values.

    ``real`` (n, d) and ``fake`` (m, d) are compared in float64 tile by tile: 0.5 GiB at d = 2,048 beside the features,
    and time in proportion to (n² + m² + nm) d. Raises UserError where a set has no k neighbours to offer, or for
    different numbers of features.
    """
    if nearest < 1 or density_nearest < 1:
        raise ValueError("a ball reaches to the first neighbour at least")
    real = checked(real, "the real images", least=max(nearest, density_nearest) + 1)
    fake = checked(fake, "the generated images", least=nearest + 1)
    matched(real, fake)
    reach = 1 + TIE
    radii = nearest_squared(real, None, max(nearest, density_nearest))[0] * reach
    wide, narrow = radii[:, density_nearest - 1, None], radii[:, nearest - 1, None]
    fakes_own = nearest_squared(fake, None, nearest)[0][:, -1] * reach

    precise = torch.zeros(len(fake), dtype=torch.bool, device=fake.device)
    recalled, covered = (torch.zeros(len(real), dtype=torch.bool, device=real.device) for _ in range(2))
    balls = 0
    for rows, columns, squared in tiles(real, fake):
        precise[columns] |= (squared <= narrow[rows]).any(0)
        recalled[rows] |= (squared <= fakes_own[columns]).any(1)
        inside = squared <= wide[rows]
        covered[rows] |= inside.any(1)
        balls += int(inside.sum())
    return ManifoldScores(
        precision=float(precise.double().mean()),
        recall=float(recalled.double().mean()),
        density=balls / (density_nearest * len(fake)),
        coverage=float(covered.double().mean()),
        nearest=nearest,
        density_nearest=density_nearest,
    )
