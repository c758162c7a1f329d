from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ganlab.table import Moving, Positive, PositiveInt
from ganlab.types import Regularizer, Update


@dataclass(frozen=True)
class WeightPenalty(Regularizer):
    """The L2 penalty on D's weights, Σ ‖W‖²_F over the weights that D's layers apply, without biases and norm scales,
    and without the factor ½ of Krogh & Hertz 1992: the gradient of a weight w is 2λw, with λ = ``weight``. Like the
    optimizer's ``weight_decay``, this gradient is scaled by Adam. Unlike it, it acts on the weights after their
    parametrization: with spectral norm, the normalized weight is penalized."""

    penalizes_weights: ClassVar[bool] = True
    weight: Moving[Positive] = 1e-4
    interval: PositiveInt = 1  # D updates

    def discriminator(self, update: Update) -> Tensor:
        return torch.stack([weight.float().square().sum() for weight in update.discriminator.weights()]).sum()
