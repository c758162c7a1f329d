from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from ganlab.losses.bce import BCE


@dataclass(frozen=True)
class Minimax(BCE):
    """The minimax loss: binary cross-entropy for D; G minimises log(1 - D(G(z))), the saturating form, whose gradient
    vanishes where D classifies fakes with confidence. Goodfellow et al. 2014, Eq. 1."""

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return -F.softplus(fake)  # log(1 - σ(l))
