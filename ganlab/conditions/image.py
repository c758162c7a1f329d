from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlab.types import Condition, Conditioning


@dataclass(frozen=True)
class ImageCondition(Conditioning):
    """An aligned image as the condition: G translates it, and D receives it together with the real or generated
    image. Isola et al. 2017, Eq. 1.

    ``source`` is the name of the aligned image in the data. Generated images have the sources of this update's reals,
    in their order, so that a distance between a real and a fake compares two images of the same source.
    """

    source: str = "source"

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.source,)

    def real_condition(self, condition: Condition) -> Condition:
        return {self.source: condition[self.source]}

    def fake_condition(self, count: int, classes: int, real: Condition, rng: torch.Generator) -> Condition:
        return {self.source: _repeated(real[self.source], count)}

    def grid_condition(self, count: int, classes: int, real: Condition) -> Condition:
        return {self.source: _repeated(real[self.source], count)}


def _repeated(images: Tensor, count: int) -> Tensor:
    """Returns ``count`` images: the given ones in order, repeated from the first if there are fewer."""
    return images.repeat(-(-count // len(images)), 1, 1, 1)[:count]
