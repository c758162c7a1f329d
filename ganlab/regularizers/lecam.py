from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor

from ganlab.table import Moving, NonNegativeInt, Positive, PositiveInt, Range
from ganlab.types import Observation, Regularizer, State, Update, Values


@dataclass(frozen=True)
class LeCam(Regularizer):
    """LeCam regularization, E[max(0, D(x) - α_F)²] + E[max(0, α_R - D(G(z)))²], with α_R and α_F the moving means of
    D's logits on reals and on fakes. Tseng et al. 2021, R_LC, with the one-sided squares of their published code
    (``lecam_reg``): a logit on the other side of the mean adds nothing.

    ``weight`` 0.3 is the published value for the hinge loss on CIFAR (3e-7 for StyleGAN2). The means follow each D
    update with ``decay``; the first ``start`` updates have no term, and the means are those of the last update until
    then. The term of an update uses the means of the updates before it, whereas the published code first adds the
    update's own batch to them, with a share of 1 - decay: with gradient accumulation the mean of that batch does not
    exist before the last microbatch.
    """

    weight: Moving[Positive] = 0.3
    interval: PositiveInt = 1  # D updates
    decay: Annotated[float, Range(least=0, below=1)] = 0.99  # per D update
    start: NonNegativeInt = 0  # D updates

    def initial_state(self, device: torch.device) -> State:
        return {
            "real": torch.zeros((), device=device),
            "fake": torch.zeros((), device=device),
            "updates": torch.zeros((), dtype=torch.int64, device=device),
        }

    def discriminator(self, update: Update) -> Tensor:
        assert update.real_output is not None
        state = update.state
        above = F.relu(update.real_output.logits.float() - state["fake"])
        below = F.relu(state["real"] - update.fake_output.logits.float())
        return (above.square().mean() + below.square().mean()) * self._started(state)

    def observe(self, state: State, observation: Observation) -> None:
        share = 1 - self.decay * self._started(state)
        state["real"].lerp_(observation.real_output.logits.mean(), share)
        state["fake"].lerp_(observation.fake_output.logits.mean(), share)
        state["updates"].add_(1)

    def report(self, state: State) -> Values:
        return {"real": state["real"], "fake": state["fake"]}

    def _started(self, state: State) -> Tensor:
        """Whether there are means, and ``start`` updates are done."""
        return state["updates"] >= max(self.start, 1)
