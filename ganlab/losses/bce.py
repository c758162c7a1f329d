from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from ganlab.types import Loss, TargetPair


def cross_entropy(logits: Tensor, target: Tensor | float) -> Tensor:
    """Returns -t log σ(l) - (1 - t) log(1 - σ(l)), elementwise, from logits l, as softplus(l) - t · l, which cannot
    overflow."""
    return F.softplus(logits) - target * logits


@dataclass(frozen=True)
class BCE(Loss):
    """Binary cross-entropy; G maximises log D(G(z)), the non-saturating form. Goodfellow et al. 2014, Eq. 1 and
    section 3."""

    has_targets: ClassVar[bool] = True

    def discriminator(self, real: Tensor, fake: Tensor, targets: TargetPair) -> Tensor:
        return cross_entropy(real, targets.real) + cross_entropy(fake, targets.fake)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return cross_entropy(fake, 1.0)
