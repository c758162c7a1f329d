"""The state of a training: everything that a resumed run needs to go on as if it had never been interrupted.

The keys are those of checkpoints; they never change, so that checkpoints of earlier versions load.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganlab.training.trainer import Trainer

log = logging.getLogger("ganlab")


def state_of(trainer: Trainer) -> dict[str, Any]:
    """Returns the state of all parts of a trainer. All ranks call it together."""
    return {
        "step": trainer.step,
        "finite": all_finite(trainer),
        "drawn": trainer.feed.drawn,
        "data": trainer.feed.position(),
        "best": trainer.scorer.best,
        "meter": trainer.meter.state(trainer.ranks),
        "reported": trainer.reported,
        "watch": trainer.divergence_monitor.state(),
        "diagnosis": trainer.diagnosis.state(),
        "verdicts": trainer.verdicts.state(),
        "components": trainer.gan.states.state(),
        "generator": trainer.generator.state(),
        "discriminator": trainer.discriminator.state(),
    }


def restore(trainer: Trainer, state: Mapping[str, Any]) -> None:
    """Loads a saved ``state`` into a trainer. Raises RuntimeError if names or shapes of the weights do not fit."""
    if trainer.stepper.graphs:
        trainer.stepper.graphs.forget()
    trainer.step, trainer.feed.drawn = state["step"], state["drawn"]
    trainer.scorer.best = state.get("best")
    trainer.reported = state.get("reported", trainer.step)
    if "watch" in state:  # earlier versions kept none
        updates = {name: state[name]["updates"] for name in ("generator", "discriminator")}
        trainer.divergence_monitor.restore(state["watch"], updates)
    trainer.diagnosis.restore(state.get("diagnosis", {}))
    trainer.verdicts.restore(state.get("verdicts", {}))
    trainer.checkpoints.before = trainer.verdicts.earliest
    for note in trainer.gan.states.restore(state.get("components", {})):
        log.warning("note: %s", note)
    trainer.meter.restore(state["meter"], trainer.machine.device)
    trainer.generator.restore(state["generator"])
    trainer.discriminator.restore(state["discriminator"])


def all_finite(trainer: Trainer) -> bool:
    """Whether all updates were finite since the last log point and in the interval before it. Reads from the
    device."""
    learners = (trainer.generator, trainer.discriminator)
    left_out = (trainer.meter.sums.get(f"{learner.name}/blocked") for learner in learners)
    return trainer.divergence_monitor.finite and not any(float(total) for total in left_out if total is not None)
