from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ganlab.table import Moving, Positive, PositiveInt
from ganlab.types import Regularizer, Update


@dataclass(frozen=True)
class Drift(Regularizer):
    """The drift penalty, E D(x)² on reals: it keeps a critic's output near 0, since the Wasserstein loss does not
    depend on the output's mean level. Karras et al. 2018, appendix A.1: weight 0.001."""

    weight: Moving[Positive] = 0.001
    interval: PositiveInt = 1  # D updates

    def discriminator(self, update: Update) -> Tensor:
        assert update.real_output is not None
        return update.real_output.logits.float().square().mean()
