from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ganlab.table import Moving, Positive, PositiveInt
from ganlab.types import Regularizer, Update


@dataclass(frozen=True)
class OrthogonalRegularizer(Regularizer):
    """Orthogonal regularization: the distance of each layer's W (out, in * k * k) from orthogonal rows, summed over
    the layers.

    ``off_diagonal``: ‖W Wᵀ ⊙ (1 - I)‖²_F, which does not constrain the lengths of the rows (Brock et al. 2019,
    BigGAN, section 3.1: weight 1e-4, on G). ``strict``: ‖W Wᵀ - I‖²_F, which also requires lengths of 1 (ibid., after
    Brock et al. 2017). A layer with more rows than columns cannot reach 0.
    """

    weight: Moving[Positive] = 1e-4
    interval: PositiveInt = 1  # updates of either network
    form: Literal["off_diagonal", "strict"] = "off_diagonal"
    networks: Literal["generator", "discriminator", "both"] = "generator"

    def discriminator(self, update: Update) -> Tensor | None:
        return None if self.networks == "generator" else self._term(update.discriminator.weights())

    def generator(self, update: Update) -> Tensor | None:
        return None if self.networks == "discriminator" else self._term(update.generator.weights())

    def _term(self, weights: Sequence[Tensor]) -> Tensor:
        return torch.stack([self._of_one(weight.float()) for weight in weights]).sum()

    def _of_one(self, weight: Tensor) -> Tensor:
        with torch.autocast(weight.device.type, enabled=False):
            gram = weight @ weight.t()
        identity = torch.eye(len(gram), device=gram.device)
        error = gram - identity if self.form == "strict" else gram * (1 - identity)
        return error.square().sum()
