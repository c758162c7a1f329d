from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from ganlab.ranks import mean_over_batch
from ganlab.table import Moving, Positive, PositiveInt
from ganlab.types import Need, Regularizer, Update


@dataclass(frozen=True)
class FeatureMatching(Regularizer):
    """Feature matching, ‖E f(x) - E f(G(z))‖²₂ in G's update, where f is the features of D's ``last`` inner layer, or
    the sum over ``all`` of them. Salimans et al. 2016, section 3.1, where it replaces G's adversarial loss; here it
    is added to the loss.

    The means are over the batch, and the square is summed over all features, so that it grows with D's width.
    """

    weight: Moving[Positive] = 1.0
    interval: PositiveInt = 1  # G updates
    features: Literal["last", "all"] = "last"
    generator_needs: ClassVar[frozenset[Need]] = frozenset({"features", "real"})

    def generator(self, update: Update) -> Tensor:
        assert update.real_output is not None
        pairs = list(zip(update.real_output.features, update.fake_output.features, strict=True))
        gaps = [
            (mean_over_batch(real.float()) - mean_over_batch(fake.float())).square().sum()
            for real, fake in (pairs[-1:] if self.features == "last" else pairs)
        ]
        return torch.stack(gaps).sum()
