"""Constraints on D's weights, applied after each of its updates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from ganlab.scalars import Scheduled
from ganlab.table import Moving, Positive, Table


class Constraint:
    """A constraint on D's weights. Subclasses are dataclasses whose fields are settings; in ``apply`` a field that is
    a schedule has its present number, which is a scalar tensor in a CUDA graph."""

    bounds_weights: ClassVar[bool] = True
    """Whether it bounds the stored weights, which bounds D's slope only if D applies the weights as they are stored."""

    def apply(self, network: nn.Module) -> None:
        """Changes the network's parameters in place."""


@dataclass(frozen=True)
class Unconstrained(Constraint):
    """No constraint: the weights stay as the optimizer leaves them."""

    bounds_weights: ClassVar[bool] = False


@dataclass(frozen=True)
class WeightClipping(Constraint):
    """Every parameter is clipped to [-bound, bound]. Arjovsky et al. 2017, Algorithm 1: 0.01."""

    bound: Moving[Positive] = 0.01

    @torch.no_grad()
    def apply(self, network: nn.Module) -> None:
        bound = self.bound
        assert not isinstance(bound, Scheduled), "resolved by the learner"
        for parameter in network.parameters():
            parameter.clamp_(-bound, bound)


CONSTRAINTS = Table[Constraint]("constraint", {"none": Unconstrained, "weight_clipping": WeightClipping})
