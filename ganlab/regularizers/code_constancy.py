from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from ganlab.table import Moving, NonNegative, Positive, PositiveInt
from ganlab.types import Regularizer, Update


@dataclass(frozen=True)
class CodeConstancy(Regularizer):
    """The distance between the codes of the generated image and the codes that it was made from, in G's update:
    Σ_s E (E_s(G(x)) - E_s(x_s))², with E_s the encoder of source s, such as content and style, and the mean over the
    code's values. Taigman et al. 2017, Eq. 5 (f-constancy); Jiang et al. 2018: ψ 3 for the content, 5 for the style.

    ``of`` holds a factor for some of the sources, by name; that of the others is 1.
    """

    needs_codes: ClassVar[bool] = True
    weight: Moving[Positive] = 1.0
    interval: PositiveInt = 1  # G updates
    of: Mapping[str, NonNegative] = field(default_factory=dict)

    def generator(self, update: Update) -> Tensor:
        assert update.generated is not None
        # Batch norm's running statistics are those of the condition's images, which the encoders receive in use.
        with update.generator.statistics_frozen():
            again = update.generator.codes(dict.fromkeys(update.generated.codes, update.fake.images))
        terms = [
            float(self.of.get(name, 1.0)) * (again[name].float() - code.float()).square().mean()
            for name, code in update.generated.codes.items()
        ]
        return torch.stack(terms).sum()
