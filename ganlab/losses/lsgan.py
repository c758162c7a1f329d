from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ganlab.types import Loss, TargetPair


@dataclass(frozen=True)
class LSGAN(Loss):
    """The least-squares loss between D's output, without a sigmoid, and its target: ½(D(x) - b)² + ½(D(G(z)) - a)²
    for D, ½(D(G(z)) - c)² for G. Mao et al. 2017, Eq. 2, with the 0-1 coding a = 0, b = c = 1; ``targets`` change a
    and b."""

    has_targets: ClassVar[bool] = True
    boundary: ClassVar[float | None] = 0.5

    def discriminator(self, real: Tensor, fake: Tensor, targets: TargetPair) -> Tensor:
        return 0.5 * (real - targets.real) ** 2 + 0.5 * (fake - targets.fake) ** 2

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return 0.5 * (fake - 1) ** 2
