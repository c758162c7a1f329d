"""Detects training that diverges: counts the updates that were left out, and the losses that are too large."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganlab.errors import Diverged
from ganlab.training.divergence import Action, Divergence
from ganlab.training.divergence_cause import advice, at_fault, parts_not_finite
from ganlab.training.learner import Learner

log = logging.getLogger("ganlab")


@dataclass(frozen=True)
class NonFiniteUpdates:
    """A network whose updates are not finite, the action of the policy, and a sentence for the user."""

    learner: Learner
    action: Action
    sentence: str


class DivergenceMonitor:
    """Counts the updates that were left out, and detects losses that are too large.

    ``stuck`` is the number of steps since the last finite update of each network, ``left_out`` the number of its
    updates that were left out in the run, and ``updates`` its number of updates, all at the last log point. ``large``
    holds the mean losses that were too large there, and ``too_large`` the number of steps in all intervals with such
    a mean loss, by network. ``finite`` is whether all updates since the previous log point were finite.
    """

    def __init__(self, policy: Divergence) -> None:
        self.policy = policy
        self.stuck: dict[str, int] = {}
        self.left_out: dict[str, int] = {}
        self.updates: dict[str, int] = {}
        self.large: dict[str, float] = {}
        self.too_large: dict[str, int] = {}
        self.rollbacks = 0
        self.rollback_step: int | None = None  # the step to which training went back last
        self.finite = True

    def check(
        self,
        learners: Sequence[Learner],
        regularizers: Sequence[str],
        values: Mapping[str, float],
        step: int,
        steps: int,
    ) -> NonFiniteUpdates | None:
        """Returns the problem for which the policy acts after ``step``, or None. ``values`` are the means over the last
        ``steps`` steps. Logs a note when updates begin to be left out, and when a loss gets too large. A network that
        had no update in these steps has no values, and its counts do not change."""
        was_finite, self.finite = self.finite, True
        problems: list[NonFiniteUpdates] = []
        for learner in learners:
            share = values.get(f"{learner.name}/blocked")
            if share is not None:
                self._count(learner, share, steps)
            if share:
                self.finite = False
                parts = parts_not_finite(learner, regularizers, values)
                if was_finite:
                    log.warning(
                        "note: at step %s %.3g %% of the %s's updates since the last report were not finite and left "
                        "out: %s", f"{step:,}", 100 * share, learner.name, parts,
                    )  # fmt: skip
                problems += self._problems(learner, parts, step)
        for learner in learners:
            learner.clear_norms()
        self._check_losses(learners, values, step, steps)
        responsible = at_fault(learners) if problems else []
        # The network at fault first, then the one that has failed for longer; in a step D is updated before G.
        problems.sort(key=lambda one: (one.learner not in responsible, -self.stuck[one.learner.name], one.learner.name))
        return problems[0] if problems else None

    def _problems(self, learner: Learner, parts: str, step: int) -> list[NonFiniteUpdates]:
        """Returns the problem of a network whose ``parts`` are not finite, if the policy acts on it."""
        stuck = self.stuck[learner.name]
        action = self.policy.action(stuck, self.rollbacks)
        if action == "go on" or _scale_is_sought(learner):
            return []
        sentence = (
            f"At step {step} the gradients of the {learner.name} had been infinite or not a number for {stuck} steps: "
            f"{parts}."
        )
        return [NonFiniteUpdates(learner, action, sentence)]

    def updates_since(self, learners: Sequence[Learner]) -> dict[str, int]:
        """Returns the number of updates of each network since the last log point."""
        return {learner.name: learner.updates - self.updates.get(learner.name, 0) for learner in learners}

    def _count(self, learner: Learner, share: float, steps: int) -> None:
        """Counts the updates since the last log point, of which ``share`` were left out."""
        name = learner.name
        since = self.updates_since([learner])[name]
        self.updates[name] = learner.updates
        self.left_out[name] = self.left_out.get(name, 0) + round(share * since)
        if share == 1:
            self.stuck[name] = self.stuck.get(name, 0) + steps
        else:  # the last updates of these, in steps
            self.stuck[name] = learner.left_out_in_a_row() * steps // max(since, 1) if share else 0

    def _check_losses(self, learners: Sequence[Learner], values: Mapping[str, float], step: int, steps: int) -> None:
        """Counts the steps whose mean loss is larger than the limit. Logs a note at the first of each network."""
        self.large = {}
        for learner in learners:
            loss = values.get(f"{learner.name}/loss", 0.0)
            if math.isfinite(loss) and abs(loss) > self.policy.loss_limit:
                self.large[learner.name] = loss
                before = self.too_large.get(learner.name, 0)
                self.too_large[learner.name] = before + steps
                if not before:
                    log.warning(
                        "note: at step %s the mean loss of the %s is %.3g, %s %s",
                        f"{step:,}", learner.name, loss, self._beyond(), advice(learners),
                    )  # fmt: skip

    def _beyond(self) -> str:
        return (
            f"beyond divergence.loss_limit={self.policy.loss_limit:.3g}: float32 numbers of that size are so far apart "
            "that the logits of single images no longer count."
        )

    def failed(self, problem: NonFiniteUpdates, learners: Sequence[Learner], step: int) -> Diverged:
        """Returns the error that ends training after ``step``, with advice."""
        back = f" Training had gone back {self.rollbacks} times." if self.rollbacks else ""
        kept = " Its weights were kept as they were, and saved."
        return Diverged(f"{problem.sentence}{back}{kept} {advice(learners, problem.learner)}", step)

    def diverged(self, learners: Sequence[Learner], step: int) -> Diverged | None:
        """Returns the reason why a training that did all its steps has diverged nevertheless, or None: a network took
        no finite update in its last steps (as many as the policy's patience), more than half of all its updates were
        left out, or the mean loss was too large at the end or for more than half of the steps."""
        for learner in sorted(learners, key=lambda one: one not in at_fault(learners)):
            name = learner.name
            count, left_out = learner.updates, self.left_out.get(name, 0)
            if _scale_is_sought(learner) or not left_out:
                continue
            stuck = self.stuck.get(name, 0)
            if stuck >= self.policy.patience or 2 * left_out > count:
                end = f", those of the last {stuck:,} steps among them" if stuck else ""
                return Diverged(
                    f"The training diverged: {left_out:,} of the {name}'s {count:,} updates until step {step:,} were "
                    f"not finite and left out{end}. {advice(learners, learner)}",
                    step,
                )
        for name, count in self.too_large.items():
            if name in self.large or 2 * count > step:
                end = f"for {count:,} of {step:,} steps the mean loss of the {name} was"
                return Diverged(f"The training diverged: {end} {self._beyond()} {advice(learners)}", step)
        return None

    def reset_patience(self) -> None:
        """Starts counting the steps without an update at 0."""
        self.stuck = {}

    def rolled_back(self, step: int, rollbacks: int) -> None:
        """Records that training went back to ``step``, for the ``rollbacks``-th time."""
        self.rollback_step, self.rollbacks = step, rollbacks

    def state(self) -> dict[str, Any]:
        """Returns the counts for a checkpoint."""
        return {
            "stuck": dict(self.stuck),
            "left_out": dict(self.left_out),
            "updates": dict(self.updates),
            "large": dict(self.large),
            "too_large": dict(self.too_large),
            "rollbacks": self.rollbacks,
            "returned": self.rollback_step,
            "finite": self.finite,
        }

    def restore(self, state: Mapping[str, Any], updates: Mapping[str, int]) -> None:
        """Loads a saved ``state``. ``updates`` are the networks' numbers of updates, which earlier versions did not
        store here."""
        self.stuck, self.finite = dict(state["stuck"]), state["finite"]
        self.rollbacks, self.rollback_step = state["rollbacks"], state["returned"]
        self.left_out, self.large = dict(state.get("left_out", {})), dict(state.get("large", {}))
        self.too_large = dict(state.get("too_large", {}))
        self.updates = dict(state.get("updates", updates))


def _scale_is_sought(learner: Learner) -> bool:
    """Whether updates may be left out because float16's loss scale is still being found by overflows. A scale below 1
    cannot be the reason."""
    return learner.scaler is not None and learner.scaler.get_scale() >= 1
