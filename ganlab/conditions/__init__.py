"""What G and D are told besides the latent and the images."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ganlab.table import Table
from ganlab.types import Condition, Conditioning


@dataclass(frozen=True)
class Unconditional(Conditioning):
    """Nothing: labels are left aside."""

    def of_real(self, condition: Condition) -> Condition:
        return {}

    def of_fake(self, count: int, real: Condition, draw: torch.Generator) -> Condition:
        return {}


CONDITIONS = Table[Conditioning]("condition", {"none": Unconditional})
