"""The Fréchet distance between two sets of features (FID for features of Inception), and the moments it compares."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ganlab.errors import UserError
from ganlab.evaluation.arithmetic import checked, matched

_ROWS = 4096


class Moments:
    """Mean and covariance of features that arrive in batches, in float64. The state has d² numbers.

    Each batch is centred on its own mean and then merged (the pairwise update of Chan, Golub and LeVeque 1983), so that
    neither large offsets nor small batches lose digits, as they would in Σxxᵀ - nμμᵀ.
    """

    def __init__(self) -> None:
        self.count = 0
        self._mean = torch.zeros(0, dtype=torch.float64)
        self._scatter = torch.zeros(0, 0, dtype=torch.float64)

    @classmethod
    def of(cls, features: Tensor) -> Moments:
        """Returns the moments of one set of features (n, d)."""
        moments = cls()
        moments.add(features)
        return moments

    def add(self, features: Tensor) -> None:
        """Adds a batch of features (n, d) in floating point, on any device. Raises UserError for NaN or infinity, and
        where d differs from that of earlier batches."""
        features = checked(features, "the images", least=0)
        if not self.count:
            self._mean = torch.zeros(features.shape[1], dtype=torch.float64, device=features.device)
            self._scatter = torch.diag(self._mean)
        matched(self._mean, features)
        for rows in features.split(_ROWS):
            if len(rows):
                self._merge(rows.to(self._mean.device).double())

    def _merge(self, rows: Tensor) -> None:
        count = self.count + len(rows)
        mean = rows.mean(0)
        centred = rows - mean
        step = mean - self._mean
        self._scatter.addmm_(centred.T, centred)
        self._scatter.addr_(step, step, alpha=self.count * len(rows) / count)
        self._mean = self._mean + step * (len(rows) / count)
        self.count = count

    @property
    def mean(self) -> Tensor:
        """The mean, (d,) float64."""
        return self._mean

    @property
    def covariance(self) -> Tensor:
        """The unbiased covariance (divided by n - 1), (d, d) float64. Raises UserError for fewer than two images."""
        if self.count < 2:
            raise UserError(f"A covariance needs at least 2 images; there are {self.count}. Evaluate more.")
        return self._scatter / (self.count - 1)

    def state(self) -> dict[str, Tensor]:
        """Returns tensors on the CPU for ``restore``: ``count``, ``mean`` (d,), and ``scatter`` (d, d), the covariance
        times n - 1."""
        return {
            "count": torch.tensor(self.count),
            "mean": self._mean.cpu().clone(),
            "scatter": self._scatter.cpu().clone(),
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Replaces the moments by a saved ``state``."""
        self.count = int(state["count"])
        self._mean = state["mean"].to("cpu", torch.float64, copy=True)
        self._scatter = state["scatter"].to("cpu", torch.float64, copy=True)


def frechet_distance(a: Moments, b: Moments) -> float:
    """Returns the Fréchet distance ‖μ₁ - μ₂‖² + Tr(Σ₁ + Σ₂ - 2(Σ₁Σ₂)^½) ≥ 0. Heusel et al. 2017, Eq. 6.

    With Σ₁ = FFᵀ, the eigenvalues of Σ₁Σ₂ are those of the symmetric FᵀΣ₂F, and zeros. The last trace is the sum of
    their roots: no number becomes complex, and fewer images than dimensions need no correction. Raises UserError for
    fewer than two images, or for different numbers of features.
    """
    matched(a.mean, b.mean)
    few, many = (a, b) if a.count <= b.count else (b, a)
    covariance, other = few.covariance.cpu(), many.covariance.cpu()
    # F of the smaller rank: rounding turns an eigenvalue 0 into 1e-16, whose root is 1e-8, and many such would add up.
    factor = _factor(covariance)
    eigenvalues = torch.linalg.eigvalsh(factor.T @ other @ factor)
    root = eigenvalues.clamp(min=0).sqrt().sum()
    step = a.mean.cpu() - b.mean.cpu()
    return max(0.0, float(step.square().sum() + covariance.trace() + other.trace() - 2 * root))


def _factor(covariance: Tensor) -> Tensor:
    """Returns F (d, r) with FFᵀ = Σ, where r is the rank of Σ."""
    lower: Tensor
    lower, failed = torch.linalg.cholesky_ex(covariance)
    if not failed:
        return lower  # takes a fiftieth of the time of the decomposition below
    eigenvalues, vectors = torch.linalg.eigh(covariance)
    kept = eigenvalues > eigenvalues[-1] * len(covariance) * torch.finfo(torch.float64).eps
    factor: Tensor = vectors[:, kept] * eigenvalues[kept].sqrt()
    return factor
