"""Weight parametrizations: functions from a layer's stored weight to the weight that it applies.

They are added after initialization and keep the stored weight under its own name, so that a state dict names the same
parameters for every parametrization.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganlab.layer import Layer
from ganlab.table import Positive, PositiveInt, Table


class Parametrization(nn.Module):
    """Maps a layer's stored weight to the weight that the layer applies."""

    def forward(self, weight: Tensor, matrix: Tensor) -> Tensor:
        """Returns the weight to apply, in the shape of ``weight``; ``matrix`` is a view of it."""
        raise TypeError(f"{type(self).__name__} defines no weight")

    def advance(self, matrix: Tensor) -> None:
        """Updates the state that changes once per update."""

    def report(self, matrix: Tensor) -> dict[str, Tensor]:
        """Returns scalars to log, by name."""
        return {}


class SpectralParametrization(Parametrization):
    """Spectral normalization W / σ(W), σ estimated by power iteration with persistent vectors. Miyato et al. 2018,
    Eq. 8 and Algorithm 1.

    u (out,) and v (in * k * k,) are buffers, part of every checkpoint. They change in ``advance`` only, so that
    several passes of one update use the same weight; the gradient flows through σ = uᵀWv with constant u and v.
    """

    u: Tensor
    v: Tensor

    def __init__(self, matrix: Tensor, iterations: int, floor: float) -> None:
        super().__init__()
        self.iterations, self.floor = iterations, floor
        rng = torch.Generator().manual_seed(0)
        self.register_buffer("u", F.normalize(torch.randn(matrix.shape[0], generator=rng), dim=0).to(matrix))
        self.register_buffer("v", F.normalize(torch.randn(matrix.shape[1], generator=rng), dim=0).to(matrix))
        for _ in range(15):  # the first update needs a σ near the true one, not a random projection
            self.advance(matrix)

    @torch.no_grad()
    def advance(self, matrix: Tensor) -> None:
        for _ in range(self.iterations):
            # A zero weight has no direction: F.normalize leaves zeros then, σ is 0 and is raised to its floor.
            self.v.copy_(F.normalize(matrix.t().mv(self.u), dim=0, eps=1e-12))
            self.u.copy_(F.normalize(matrix.mv(self.v), dim=0, eps=1e-12))

    def sigma(self, matrix: Tensor) -> Tensor:
        """Returns the estimate of the largest singular value, a scalar, at least ``floor``."""
        # Autograd reads the vectors in the backward pass, when ``advance`` may have changed them: clone them.
        with torch.autocast(matrix.device.type, enabled=False):  # σ in float32, also under mixed precision
            return torch.dot(self.u.clone(), matrix.mv(self.v.clone())).clamp_min(self.floor)

    def forward(self, weight: Tensor, matrix: Tensor) -> Tensor:
        return weight / self.sigma(matrix)

    def report(self, matrix: Tensor) -> dict[str, Tensor]:
        return {"sigma": self.sigma(matrix)}


class WeightNormParametrization(Parametrization):
    """Weight normalization w = g · v / ‖v‖ per output; v is the stored weight, and g starts at ‖v‖, so that the first
    weight is the initialized one. Salimans & Kingma 2016, Eq. 2."""

    def __init__(self, matrix: Tensor, outputs: int) -> None:
        super().__init__()
        self.outputs = outputs  # their axis in the stored weight
        self.g = nn.Parameter(matrix.norm(dim=1))

    def forward(self, weight: Tensor, matrix: Tensor) -> Tensor:
        scale = self.g / matrix.norm(dim=1).clamp_min(1e-12)  # a zero row stays zero
        shape = [1] * weight.dim()
        shape[self.outputs] = -1
        applied: Tensor = weight * scale.view(shape)
        return applied


class EqualizedParametrization(Parametrization):
    """Equalized learning rate c · w with w from N(0, 1) and the constant c by which another initialization would have
    scaled the weights, so that all layers learn equally fast under Adam. Karras et al. 2018, section 4.1. c is a
    buffer, so that a checkpoint contains all that determines the applied weights."""

    scale: Tensor

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.register_buffer("scale", torch.tensor(scale))

    def forward(self, weight: Tensor, matrix: Tensor) -> Tensor:
        return weight * self.scale

    def extra_repr(self) -> str:
        return f"{self.scale:g}"


class WeightSetting:
    """A choice of parametrization. Subclasses are dataclasses whose fields are settings."""

    initializer: ClassVar[str | None] = None
    """The name of the initializer that it requires; None if it works with all."""
    rescales: ClassVar[bool] = True
    """Whether the size of the stored weight differs from the size of the applied weight."""

    fixes_scale: ClassVar[bool] = False
    """Whether the size of the applied weight is independent of that of the stored weight."""

    needs_direction: ClassVar[bool] = False
    """Whether it divides by a norm of the stored weight, so that a weight of 0 cannot learn."""

    def build(self, layer: Layer) -> Parametrization | None:
        """Builds the parametrization of an initialized layer."""
        raise TypeError(f"{type(self).__name__} builds no parametrization")

    def scale(self, layer: Layer) -> float:
        """Returns the constant by which the stored weight is multiplied; 1 if it is not multiplied by a constant."""
        return 1.0


@dataclass(frozen=True)
class Plain(WeightSetting):
    """No parametrization: the layer applies the stored weight."""

    rescales: ClassVar[bool] = False

    def build(self, layer: Layer) -> None:
        return None


@dataclass(frozen=True)
class Spectral(WeightSetting):
    """Spectral normalization, Miyato et al. 2018: ``iterations`` of the power method per update, σ at least
    ``floor``."""

    fixes_scale: ClassVar[bool] = True
    needs_direction: ClassVar[bool] = True
    iterations: PositiveInt = 1
    floor: Positive = 1e-6

    def build(self, layer: Layer) -> Parametrization:
        return SpectralParametrization(layer.matrix, self.iterations, self.floor)


@dataclass(frozen=True)
class WeightNorm(WeightSetting):
    """Weight normalization: separate parameters for the length and the direction of each output's weights. Salimans &
    Kingma 2016, Eq. 2."""

    needs_direction: ClassVar[bool] = True

    def build(self, layer: Layer) -> Parametrization:
        return WeightNormParametrization(layer.matrix, 1 if layer.stored_transposed else 0)


@dataclass(frozen=True)
class Equalized(WeightSetting):
    """Equalized learning rate: weights from N(0, 1), scaled at run time by gain / √fan_in. Karras et al. 2018, section
    4.1; ``gain: auto`` is that of the activation that follows (He et al. 2015), otherwise a number for all layers."""

    initializer: ClassVar[str | None] = "equalized"
    gain: Literal["auto"] | Positive = "auto"

    def build(self, layer: Layer) -> Parametrization:
        return EqualizedParametrization(self.scale(layer))

    def scale(self, layer: Layer) -> float:
        return (layer.gain if self.gain == "auto" else self.gain) / math.sqrt(layer.fan_in)


PARAMETRIZATIONS = Table[WeightSetting](
    "weight parametrization",
    {"none": Plain, "spectral": Spectral, "weight": WeightNorm, "equalized": Equalized},
)
