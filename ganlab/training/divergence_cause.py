"""The network and the layer at which training diverged, and the learning rates to try instead."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ganlab.training.learner import Learner

LARGE_WEIGHT = 1e3
"""Weights of networks that train are smaller: they start at 0.02 to 1, and scales of norm layers at 1."""


def parts_not_finite(learner: Learner, regularizers: Sequence[str], values: Mapping[str, float]) -> str:
    """Returns the parts of the loss that were not finite since the last call, and the layer whose gradient was the
    first that was not finite in the backward pass, as a part of a sentence. Reads from the device."""
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
        # The backward pass starts at the last layer, so the last of them in the network was reached first.
        parts.append(f"its gradient first in {bad[-1]} ({len(bad)} of {len(learner.names)} parameters)")
    return ", ".join(parts) or "its gradient's norm"


def at_fault(learners: Sequence[Learner]) -> list[Learner]:
    """Returns the networks whose weights are so large that they explain a divergence: larger than ``LARGE_WEIGHT``,
    and at least a thousandth of the larger network's. Once one network has such weights the outputs and gradients of
    both are infinite, so that the updates that are left out do not identify the network. Reads from the device."""
    largest = {learner: largest_weight(learner) for learner in learners}
    limit = max(LARGE_WEIGHT, max(largest.values()) / 1000)
    return [learner for learner, weight in largest.items() if weight >= limit]


def largest_weight(learner: Learner) -> float:
    """Returns the largest absolute value among the parameters. Reads from the device."""
    return max(float(parameter.detach().abs().max()) for parameter in learner.parameters if parameter.numel())


def advice(learners: Sequence[Learner], failing: Learner | None = None) -> str:
    """Returns a sentence with the learning rates to try: lower ones of the networks at fault, from the start, since
    their weights are lost; otherwise a lower one of the ``failing`` network, from the last checkpoint. Reads from the
    device."""
    if responsible := at_fault(learners):
        rates = " ".join(f"optimizer.{one.name}.lr={min(one.learning_rate / 10, 2e-4):.3g}" for one in responsible)
        grown = " and ".join(f"{largest_weight(one):.2g} ({one.name})" for one in responsible)
        return f"Weights have grown to {grown}, too far to go on from: begin a new run with {rates}"
    if failing is None:
        return "A lower learning rate often helps"
    rate = f"optimizer.{failing.name}.lr={failing.learning_rate / 2:g}"
    return f"A lower rate often helps: {rate}, beside resume=… with resume_override=true"
