from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from ganlab.types import Loss, Recommended, TargetPair


@dataclass(frozen=True)
class Hinge(Loss):
    """max(0, 1 - D(x)) + max(0, 1 + D(G(z))) in D, -D(G(z)) in G: samples that D already puts beyond ±1 teach it
    nothing more. Lim & Ye 2017; Miyato et al. 2018, Eq. 16 and 17."""

    # Miyato et al. 2018, section 4, on ResNets, whose D has no norm between its layers: norm=spectral belongs to it.
    recommended: ClassVar[Recommended] = Recommended("none", n_critic=5, learning_rate=2e-4, betas=(0.0, 0.9))

    def discriminator(self, real: Tensor, fake: Tensor, targets: TargetPair) -> Tensor:
        return F.relu(1 - real) + F.relu(1 + fake)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return -fake
