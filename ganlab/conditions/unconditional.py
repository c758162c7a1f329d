from __future__ import annotations

from dataclasses import dataclass

import torch

from ganlab.types import Condition, Conditioning


@dataclass(frozen=True)
class Unconditional(Conditioning):
    """Nothing: labels are left aside."""

    def of_real(self, condition: Condition) -> Condition:
        return {}

    def of_fake(self, count: int, classes: int, real: Condition, draw: torch.Generator) -> Condition:
        return {}

    def of_grid(self, count: int, classes: int, real: Condition) -> Condition:
        return {}
