"""Weight parametrizations: how a layer's stored weight becomes the weight that it applies.

They are put on after initialization and keep the stored weight under its own name, so that a state dict names the same
parameters whatever the parametrization.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganlab.table import Count, Positive, Table


class Parametrization(nn.Module):
    """Maps a layer's stored weight to the weight that the layer applies."""

    def forward(self, weight: Tensor, matrix: Tensor) -> Tensor:
        """The weight to apply, shaped as ``weight``; ``matrix`` is a view of it."""
        raise TypeError(f"{type(self).__name__} does not say which weight it applies")

    def advance(self, matrix: Tensor) -> None:
        """Move what moves once per update."""


class SpectralParametrization(Parametrization):
    """W / σ(W), σ estimated by power iteration with persistent vectors. Miyato et al. 2018, Eq. 8 and Algorithm 1.

    u (out,) and v (in * k * k,) are buffers, part of every checkpoint. They move in ``advance`` only, so that several
    passes of one update see one weight; the gradient flows through σ = uᵀWv with u and v held.
    """

    u: Tensor
    v: Tensor

    def __init__(self, matrix: Tensor, iterations: int, floor: float) -> None:
        super().__init__()
        self.iterations, self.floor = iterations, floor
        draw = torch.Generator().manual_seed(0)
        self.register_buffer("u", F.normalize(torch.randn(matrix.shape[0], generator=draw), dim=0).to(matrix))
        self.register_buffer("v", F.normalize(torch.randn(matrix.shape[1], generator=draw), dim=0).to(matrix))
        for _ in range(15):  # the first update should meet a σ that is near the true one, not a random projection
            self.advance(matrix)

    @torch.no_grad()
    def advance(self, matrix: Tensor) -> None:
        for _ in range(self.iterations):
            # A zero weight has no direction: F.normalize leaves zeros then, σ is 0 and meets its floor.
            self.v.copy_(F.normalize(matrix.t().mv(self.u), dim=0, eps=1e-12))
            self.u.copy_(F.normalize(matrix.mv(self.v), dim=0, eps=1e-12))

    def sigma(self, matrix: Tensor) -> Tensor:
        """The largest singular value's estimate, at least ``floor``; a scalar."""
        # Autograd reads the vectors in the backward pass, when ``advance`` may have moved them in place: clone them.
        with torch.autocast(matrix.device.type, enabled=False):  # σ in float32, also under mixed precision
            return torch.dot(self.u.clone(), matrix.mv(self.v.clone())).clamp_min(self.floor)

    def forward(self, weight: Tensor, matrix: Tensor) -> Tensor:
        return weight / self.sigma(matrix)


class WeightSetting:
    """A choice of parametrization. Subclasses are dataclasses: their fields are settings."""

    def build(self, matrix: Tensor) -> Parametrization | None:
        """The parametrization of one layer whose initialized weight is ``matrix`` (out, in * k * k)."""
        raise TypeError(f"{type(self).__name__} builds no parametrization")


@dataclass(frozen=True)
class Plain(WeightSetting):
    """The weight as it is stored."""

    def build(self, matrix: Tensor) -> None:
        return None


@dataclass(frozen=True)
class Spectral(WeightSetting):
    """Spectral normalization, Miyato et al. 2018: ``iterations`` of the power method per update, σ at least
    ``floor``."""

    iterations: Count = 1
    floor: Positive = 1e-6

    def build(self, matrix: Tensor) -> Parametrization:
        return SpectralParametrization(matrix, self.iterations, self.floor)


PARAMETRIZATIONS = Table[WeightSetting]("weight parametrization", {"none": Plain, "spectral": Spectral})
