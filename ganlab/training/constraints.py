"""What is done to D's weights after each of its updates."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from ganlab.table import Positive, Table


class Constraint:
    """Subclasses are dataclasses: their fields are settings."""

    def apply(self, network: nn.Module) -> None:
        """Changes the network's parameters in place."""


@dataclass(frozen=True)
class Unconstrained(Constraint):
    """Weights stay as the optimizer leaves them."""


@dataclass(frozen=True)
class WeightClipping(Constraint):
    """Every parameter is clipped to [-bound, bound]. Arjovsky et al. 2017, Algorithm 1: 0.01."""

    bound: Positive = 0.01

    @torch.no_grad()
    def apply(self, network: nn.Module) -> None:
        for parameter in network.parameters():
            parameter.clamp_(-self.bound, self.bound)


CONSTRAINTS = Table[Constraint]("constraint", {"none": Unconstrained, "weight_clipping": WeightClipping})
