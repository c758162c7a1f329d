"""Policies for updates that are not finite. Whatever the policy, no such update reaches the weights."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from ganlab.errors import TrainingFailed
from ganlab.table import PositiveInt, Range, Table
from ganlab.training.learner import Learner

log = logging.getLogger("ganlab")

Action = Literal["go on", "stop", "go back"]


class Divergence:
    """A divergence policy. Subclasses are dataclasses whose fields are settings."""

    rate: float = 1.0
    """The factor of both learning rates when training goes back to a checkpoint."""
    rolls_back: bool = False
    """Whether training may go back, so that a checkpoint is needed from the first step on."""

    def action(self, stuck: int, rollbacks: int) -> Action:
        """Returns the action for a network whose updates were all left out for ``stuck`` steps, in a training that has
        gone back ``rollbacks`` times."""
        raise TypeError(f"{type(self).__name__} defines no action")


@dataclass(frozen=True)
class Stop(Divergence):
    """Training ends, with its last finite weights saved, after ``patience`` steps without a finite update."""

    patience: PositiveInt = 10  # steps; looked at when numbers are logged

    def action(self, stuck: int, rollbacks: int) -> Action:
        return "stop" if stuck >= self.patience else "go on"


@dataclass(frozen=True)
class Skip(Divergence):
    """Updates that are not finite are left out, and training goes on to its end."""

    def action(self, stuck: int, rollbacks: int) -> Action:
        return "go on"


@dataclass(frozen=True)
class Rollback(Divergence):
    """After ``patience`` steps without a finite update, training goes back to the last checkpoint before which all
    were finite, with both learning rates times ``rate``; at most ``times`` in a run, and then it ends. Where it ran
    away again from there, the weights of that checkpoint were lost already, and it goes back to the one before.

    It then meets the same images and random numbers again: what changes is due to the rate alone.
    """

    patience: PositiveInt = 10  # steps; looked at when numbers are logged
    rate: Annotated[float, Range(above=0, below=1)] = 0.5  # factor of both learning rates, each time
    times: PositiveInt = 3
    rolls_back = True

    def action(self, stuck: int, rollbacks: int) -> Action:
        if stuck < self.patience:
            return "go on"
        return "go back" if rollbacks < self.times else "stop"


@dataclass(frozen=True)
class NonFiniteUpdates:
    """What a network's updates came to, and what the policy says to it."""

    learner: Learner
    action: Action
    sentence: str


class DivergenceMonitor:
    """What is known of a training's updates: for how many steps each network has taken none, how often it has gone
    back, and whether all were finite at the last log point."""

    def __init__(self, policy: Divergence) -> None:
        self.policy = policy
        self.stuck: dict[str, int] = {}
        self.rollbacks = 0
        self.rollback_step: int | None = None  # the step to which it last went back
        self.finite = True

    def check(
        self,
        learners: Sequence[Learner],
        regularizers: Sequence[str],
        values: Mapping[str, float],
        step: int,
        steps: int,
    ) -> NonFiniteUpdates | None:
        """What must be done after ``step``, whose log point gives ``values`` for the last ``steps``: None where
        training goes on. A note tells of updates that were left out, when that begins."""
        was_finite = self.finite
        # A network that had no update in this interval reports nothing, and its count stays.
        blocked = {one: values[f"{one.name}/blocked"] for one in learners if f"{one.name}/blocked" in values}
        self.finite = not any(blocked.values())
        problems = []
        for learner, share in blocked.items():
            self.stuck[learner.name] = stuck = self.stuck.get(learner.name, 0) + steps if share == 1 else 0
            if not share:
                continue
            what = culprit(learner, regularizers, values)
            learner.clear_norms()
            if was_finite:
                log.warning(
                    "note: at step %s %.3g %% of the %s's updates since the last report were not finite and left out: "
                    "%s", f"{step:,}", 100 * share, learner.name, what,
                )  # fmt: skip
            action = self.policy.action(stuck, self.rollbacks)
            # float16's loss scale is found by overflowing now and then; only below 1 is that the training's failure.
            if action != "go on" and (learner.scaler is None or learner.scaler.get_scale() < 1):
                sentence = (
                    f"At step {step} the gradients of the {learner.name} had been infinite or not a number for {stuck} "
                    f"steps: {what}."
                )
                problems.append(NonFiniteUpdates(learner, action, sentence))
        return problems[0] if problems else None

    def failed(self, problem: NonFiniteUpdates) -> TrainingFailed:
        """Why training ends, and what helps."""
        back = f" Training had gone back {self.rollbacks} times." if self.rollbacks else ""
        name = problem.learner.name
        return TrainingFailed(
            f"{problem.sentence}{back} Its weights were kept as they were, and saved. A lower rate often helps: "
            f"optimizer.{name}.lr={problem.learner.learning_rate / 2:g}, beside resume=… with resume_override=true"
        )

    def reset_patience(self) -> None:
        """The steps without an update count anew."""
        self.stuck = {}

    def rolled_back(self, step: int, rollbacks: int) -> None:
        """Training is at ``step`` again, for the ``rollbacks``-th time that it went back."""
        self.rollback_step, self.rollbacks = step, rollbacks

    def state(self) -> dict[str, Any]:
        return {
            "stuck": dict(self.stuck),
            "rollbacks": self.rollbacks,
            "returned": self.rollback_step,
            "finite": self.finite,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self.stuck, self.finite = dict(state["stuck"]), state["finite"]
        self.rollbacks, self.rollback_step = state["rollbacks"], state["returned"]


def culprit(learner: Learner, regularizers: Sequence[str], values: Mapping[str, float]) -> str:
    """What was not finite since it was last asked, as a part of a sentence: terms of the loss, and the layer of whose
    gradient that is told first on the way back from the loss. Reads from the device, so only where it happened."""
    bad_regularizers = [
        regularizer
        for regularizer in regularizers
        if not math.isfinite(values.get(f"{learner.name}/{regularizer}", 0.0))
    ]
    bad = learner.not_finite()
    parts = []
    if bad_regularizers:
        parts.append(f"in its loss {' and '.join(bad_regularizers)}")
    # A loss that is not finite marks the first parameter, whatever its gradient (Learner.apply).
    if bad and not (bad_regularizers and bad == [learner.names[0]]):
        # Gradients flow backwards: the last of them in the network is the first that was reached.
        parts.append(f"its gradient first in {bad[-1]} ({len(bad)} of {len(learner.names)} parameters)")
    return ", ".join(parts) or "its gradient's norm"


DIVERGENCES = Table[Divergence]("divergence", {"stop": Stop, "skip": Skip, "rollback": Rollback})
