"""Signals of D's logits: whether it separates reals from fakes, and how far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlab.diagnosis.signals.family import Family, Moment
from ganlab.ranks import mean_over_batch
from ganlab.types import Values


@dataclass(frozen=True)
class UpdateLogits:
    """The signs of D's logits, computed in each update of D from the logits of that update.

    ``boundary`` is the logit that separates reals from fakes (``Loss.boundary``). Where only differences of logits
    matter it is None, and halfway between the mean logits of reals and of fakes is used.
    """

    boundary: float | None

    def of_update(self, real: Tensor, fake: Tensor) -> Values:
        """Returns ``sign_real`` and ``sign_fake``, the mean signs of the logits (n,) relative to the boundary, in [-1,
        1]."""
        logits = torch.stack([real, fake], dim=1)
        middle = mean_over_batch(logits).mean() if self.boundary is None else self.boundary
        signs = (logits - middle).sign().mean(dim=0)
        return {"sign_real": signs[0], "sign_fake": signs[1]}

    def of_held_out(self, held_out: Tensor, trained_on: Tensor, middle: float) -> Values:
        """Returns the mean signs of logits (n,) on held-out and on training images."""
        boundary = middle if self.boundary is None else self.boundary
        return {
            "sign_held_out": (held_out - boundary).sign().mean(),
            "sign_trained_on": (trained_on - boundary).sign().mean(),
        }


class LogitFamily(Family):
    """Signals that follow from those of the updates, which are logged as they are: ``sign_real`` is r_t = E[sign D(x)]
    of Karras et al. 2020, Eq. 1, whose target is 0.6.

    - ``accuracy_real``, ``accuracy_fake``, ``accuracy_held_out``: the share of images on the right side of the
      boundary, in [0, 1]; a logit on it counts as half. 0.5 is chance.
    - ``logit_gap``: mean D(real) - mean D(fake), in logits.
    - ``logit_spread``: the standard deviation of the logits around the mean of their kind, in the measuring pass.
    - ``logit_effect``: the gap over this standard deviation (Cohen's d, Cohen 1988); below 1 the two distributions
      overlap widely.
    """

    def compute(self, moment: Moment) -> Mapping[str, Tensor | float]:
        values = moment.point.values
        found: dict[str, Tensor | float] = {}
        for name, sign in (("real", 1), ("fake", -1), ("held_out", 1)):
            if (mean := values.get(f"diagnosis/sign_{name}")) is not None:
                found[f"accuracy_{name}"] = (1 + sign * mean) / 2
        real, fake = (values.get(f"discriminator/{name}") for name in ("real", "fake"))
        if real is None or fake is None:
            return found
        spread = moment.measured.logit_spread
        return found | {"logit_gap": real - fake, "logit_spread": spread, "logit_effect": (real - fake) / spread}
