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

    # Rate and betas of Miyato et al. 2018, section 4 (with norm=spectral, and n_critic 5); layer norm and one D update
    # so that the loss works without it, too.
    recommended: ClassVar[Recommended] = Recommended("layer", n_critic=1, learning_rate=2e-4, betas=(0.0, 0.9))

    def discriminator(self, real: Tensor, fake: Tensor, targets: TargetPair) -> Tensor:
        return F.relu(1 - real) + F.relu(1 + fake)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return -fake
