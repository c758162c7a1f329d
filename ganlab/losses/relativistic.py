from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch.nn.functional as F
from torch import Tensor

from ganlab.ranks import mean_over_batch
from ganlab.types import Loss, TargetPair


@dataclass(frozen=True)
class Relativistic(Loss):
    """D says how much more real a real is than a fake; G's loss is D's with reals and fakes in each other's place.
    Jolicoeur-Martineau 2019, with the logistic f(y) = -log σ(y).

    ``form: pair`` (RpGAN) is f(C(x) - C(G(z))) over pairs of one real and one fake. ``form: average`` (RaGAN) is
    f(C(x) - E C(G(z))) + f(E C(x) - C(G(z))): each against the mean of the other kind, in the batch (of
    all ranks) or the part of it that is judged at once.
    """

    needs_real: ClassVar[bool] = True
    form: Literal["pair", "average"] = "pair"

    def discriminator(self, real: Tensor, fake: Tensor, targets: TargetPair) -> Tensor:
        return self._more_real(real, fake)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        if real is None:
            raise ValueError("a relativistic loss compares fakes with reals, in G's update too")
        return self._more_real(fake, real)

    def _more_real(self, upper: Tensor, lower: Tensor) -> Tensor:
        """Small where D puts ``upper`` above ``lower``; f(y) = softplus(-y), and 1 - σ(y) = σ(-y)."""
        if self.form == "pair":
            return F.softplus(lower - upper)
        return F.softplus(mean_over_batch(lower) - upper) + F.softplus(lower - mean_over_batch(upper))
