from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ganlab.types import Loss, Recommended, TargetPair


@dataclass(frozen=True)
class Wasserstein(Loss):
    """The Wasserstein loss, E[D(fake)] - E[D(real)]: the dual form of the Wasserstein-1 distance. Arjovsky et al.
    2017, Eq. 3.

    It is valid for 1-Lipschitz critics only, so it needs a constraint such as ``regularizer=[gradient_penalty]``.
    """

    needs_lipschitz: ClassVar[bool] = True
    boundary: ClassVar[float | None] = None
    # Gulrajani et al. 2017, Algorithm 1; layer norm in place of batch norm: section 4, "No critic batch normalization".
    recommended: ClassVar[Recommended] = Recommended("layer", n_critic=5, learning_rate=1e-4, betas=(0.0, 0.9))

    def discriminator(self, real: Tensor, fake: Tensor, targets: TargetPair) -> Tensor:
        return fake - real

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return -fake
