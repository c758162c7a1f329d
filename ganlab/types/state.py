"""Components with state: what they observe, and how the state lasts from update to update."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlab.types.records import DiscriminatorOutput, Values

State = Mapping[str, Tensor]
"""The state of a component: tensors by name, all on the device of the networks. They keep their memory for a whole run,
since a CUDA graph writes to addresses: a component changes them in place (``state["p"].copy_(…)``)."""


@dataclass(frozen=True)
class Observation:
    """D's outputs in one update of D, for all microbatches and all ranks together, without a graph.

    ``real_output`` and ``fake_output`` hold logits (n, …) and heads, in float32 and without features, for the reals and
    the fakes as D received them, after augmentation. ``images`` is the number of reals N. ``boundary`` is the logit
    that separates reals from fakes (``Loss.boundary``).
    """

    real_output: DiscriminatorOutput
    fake_output: DiscriminatorOutput
    images: int
    boundary: float | None = 0.0


class Stateful:
    """A component that may have state, which lasts from update to update. The component itself is a frozen setting;
    its state is kept by the trainer.

    The trainer saves the state in checkpoints and restores it, also when it goes back after a divergence, and averages
    its floating-point tensors over the ranks after each update. If an update is blocked because it is not finite, or a
    tensor's element is not finite after an update, the state before that update stays. Nothing in ``observe`` or in an
    update may read a tensor back to the host. Sampling and held-out images use the state without changing it.
    """

    def initial_state(self, device: torch.device) -> State:
        """Returns the state before the first update, as new tensors on ``device``; {} (the default) for no state."""
        return {}

    def observe(self, state: State, observation: Observation) -> None:
        """Changes ``state`` in place after an update of D. It is called once per update of D, with the outputs that the
        update used, before its weights changed. All ranks receive the same ``observation``."""

    def report(self, state: State) -> Values:
        """Returns scalars to log from ``state``, by tag below the component's name. It is called at log points only,
        so reading tensors back is allowed here."""
        return {}
