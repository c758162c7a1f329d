from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch.nn.functional as F
from torch import Tensor

from ganlab.ranks import mean_over_batch
from ganlab.types import Loss, TargetPair


@dataclass(frozen=True)
class Relativistic(Loss):
    """A relativistic loss: D estimates how much more realistic a real is than a fake, and G's loss is D's with reals
    and fakes exchanged. Jolicoeur-Martineau 2019, with the logistic f(y) = -log σ(y).

    ``form: pair`` (RpGAN) is f(C(x) - C(G(z))) over pairs of one real and one fake. ``form: average`` (RaGAN) is
    f(C(x) - E C(G(z))) + f(E C(x) - C(G(z))): each against the mean of the other kind, over the microbatch (of all
    ranks) and, if D's output is a map, over its places. ``pair`` compares the same place of both.
    """

    needs_real: ClassVar[bool] = True
    boundary: ClassVar[float | None] = None
    form: Literal["pair", "average"] = "pair"

    def discriminator(self, real: Tensor, fake: Tensor, targets: TargetPair) -> Tensor:
        return self._more_real(real, fake)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        if real is None:
            raise ValueError("a relativistic loss compares fakes with reals, in G's update too")
        return self._more_real(fake, real)

    def _more_real(self, upper: Tensor, lower: Tensor) -> Tensor:
        """Returns f(upper - lower), which is small where ``upper`` is above ``lower``; f(y) = softplus(-y), and 1 -
        σ(y) = σ(-y)."""
        if self.form == "pair":
            return F.softplus(lower - upper)
        return F.softplus(mean_over_batch(lower).mean() - upper) + F.softplus(lower - mean_over_batch(upper).mean())
