from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ganlab.table import Moving, Positive, PositiveInt
from ganlab.types import Regularizer, Update


@dataclass(frozen=True)
class WeightPenalty(Regularizer):
    """Σ ‖W‖²_F over the weights that D's layers apply, biases and norms' scales left out, without the factor ½ of Krogh
    & Hertz 1992: ``weight`` λ pulls each weight by 2λ times itself. The gradient passes through Adam's scaling, like
    ``weight_decay`` of the optimizer, but not through a parametrization unseen: under spectral norm it is the
    normalized weight that is penalized."""

    penalizes_weights: ClassVar[bool] = True
    weight: Moving[Positive] = 1e-4
    interval: PositiveInt = 1  # D updates

    def discriminator(self, update: Update) -> Tensor:
        return torch.stack([weight.float().square().sum() for weight in update.discriminator.weights()]).sum()
