"""Policies for training that diverges: updates that are not finite, and losses that are too large for float32. Whatever
the policy, no update that is not finite reaches the weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from ganlab.table import Positive, PositiveInt, Range, Table

Action = Literal["go on", "stop", "go back"]

LOSS_LIMIT = 2.0**24
"""About 1.7e7. Above it, neighbouring float32 numbers differ by more than 1: a loss of that size does not change with a
logit that changes by 1, and the targets of every loss are of size 1."""


class Divergence:
    """A divergence policy. Subclasses are dataclasses whose fields are settings."""

    patience: int = 10
    """The number of steps without a finite update after which a network counts as diverged."""
    loss_limit: float = LOSS_LIMIT
    """A mean loss with a larger absolute value is reported, and a run that ends with it has diverged."""
    rate: float = 1.0
    """The factor of both learning rates when training goes back to a checkpoint."""
    rolls_back: bool = False
    """Whether training may go back, so that a checkpoint is needed from the first step on."""
    spare_checkpoints: int = 0
    """The number of checkpoints to go back to that are kept beside the newest ones."""

    def action(self, stuck: int, rollbacks: int) -> Action:
        """Returns the action for a network whose updates were all left out for ``stuck`` steps, in a training that has
        gone back ``rollbacks`` times."""
        raise TypeError(f"{type(self).__name__} defines no action")


@dataclass(frozen=True)
class Stop(Divergence):
    """Training ends after ``patience`` steps without a finite update. Its last finite weights are saved."""

    patience: PositiveInt = 10  # steps; checked when numbers are logged
    loss_limit: Positive = LOSS_LIMIT

    def action(self, stuck: int, rollbacks: int) -> Action:
        return "stop" if stuck >= self.patience else "go on"


@dataclass(frozen=True)
class Skip(Divergence):
    """Updates that are not finite are left out, and training continues to its last step."""

    loss_limit: Positive = LOSS_LIMIT

    def action(self, stuck: int, rollbacks: int) -> Action:
        return "go on"


@dataclass(frozen=True)
class Rollback(Divergence):
    """After ``patience`` steps without a finite update, training goes back to the last checkpoint before which all
    updates were finite, and multiplies both learning rates by ``rate``. It does so at most ``times`` in a run, and ends
    after that. If it diverges again from the same checkpoint, it goes back to the one before.

    The steps are repeated with the same images and random numbers, so that only the rate differs.
    """

    patience: PositiveInt = 10  # steps; checked when numbers are logged
    rate: Annotated[float, Range(above=0, below=1)] = 0.5  # factor of both learning rates, each time
    times: PositiveInt = 3
    loss_limit: Positive = LOSS_LIMIT
    rolls_back = True
    spare_checkpoints = 2  # the weights in the newest may be lost already

    def action(self, stuck: int, rollbacks: int) -> Action:
        if stuck < self.patience:
            return "go on"
        return "go back" if rollbacks < self.times else "stop"


DIVERGENCES = Table[Divergence]("divergence", {"stop": Stop, "skip": Skip, "rollback": Rollback})
