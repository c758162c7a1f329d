from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from ganlab.types import Loss, Recommended, TargetPair


@dataclass(frozen=True)
class Hinge(Loss):
    """The hinge loss: max(0, 1 - D(x)) + max(0, 1 + D(G(z))) for D, -D(G(z)) for G. Samples with logits beyond ±1 on
    the correct side have no gradient in D's update. Lim & Ye 2017; Miyato et al. 2018, Eq. 16 and 17."""

    # The learning rate and betas of Miyato et al. 2018, section 4 (with norm=spectral and n_critic 5). Layer norm
    # and one D update are chosen so that the loss also works without spectral norm.
    recommended: ClassVar[Recommended] = Recommended("layer", n_critic=1, learning_rate=2e-4, betas=(0.0, 0.9))

    def discriminator(self, real: Tensor, fake: Tensor, targets: TargetPair) -> Tensor:
        return F.relu(1 - real) + F.relu(1 + fake)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return -fake
