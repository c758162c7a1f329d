"""Optimizers, one setting per network (TTUR is two different rates: Heusel et al. 2017)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import nn

from ganlab.table import NonNegative, Positive, Range, Table

Beta = Annotated[float, Range(least=0, below=1)]


class OptimizerSetting:
    """Subclasses are dataclasses with ``lr`` among their fields."""

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        raise TypeError(f"{type(self).__name__} builds no optimizer")


@dataclass(frozen=True)
class Adam(OptimizerSetting):
    """Kingma & Ba 2015, Algorithm 1. ``auto`` takes what the loss's paper used."""

    lr: Literal["auto"] | Positive = "auto"
    betas: Literal["auto"] | tuple[Beta, Beta] = "auto"
    epsilon: Positive = 1e-8
    weight_decay: NonNegative = 0.0  # L2, added to the gradient

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        assert self.lr != "auto", "resolved by the configuration"
        assert self.betas != "auto", "resolved by the configuration"
        # fused: one kernel for all parameters, and it can skip an update on the device when a gradient is not finite
        return torch.optim.Adam(
            parameters, self.lr, self.betas, self.epsilon, weight_decay=self.weight_decay, fused=True
        )


OPTIMIZERS = Table[OptimizerSetting]("optimizer", {"adam": Adam})
