from __future__ import annotations

from dataclasses import dataclass

import torch

from ganlab.types import Condition, Conditioning


@dataclass(frozen=True)
class Unconditional(Conditioning):
    """No condition: labels of the data are ignored."""

    def real_condition(self, condition: Condition) -> Condition:
        return {}

    def fake_condition(self, count: int, classes: int, real: Condition, rng: torch.Generator) -> Condition:
        return {}

    def grid_condition(self, count: int, classes: int, real: Condition) -> Condition:
        return {}
