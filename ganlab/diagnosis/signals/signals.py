"""All signals of a run, which the trainer asks for at log points."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ganlab.diagnosis.signals.classes import Classes, Classify
from ganlab.diagnosis.signals.course import NotFinite, Oscillation
from ganlab.diagnosis.signals.diversity import Diversity, Duplicates
from ganlab.diagnosis.signals.family import Family, Moment, Subject
from ganlab.diagnosis.signals.gradients import ImageGradients, WeightGradients
from ganlab.diagnosis.signals.jacobian import Condition
from ganlab.diagnosis.signals.logits import LogitFamily
from ganlab.diagnosis.signals.units import Units
from ganlab.diagnosis.signals.weights import SingularValues, WeightSizes
from ganlab.errors import in_one_line
from ganlab.ranks import Ranks
from ganlab.training.diagnosis import Diagnosis, LogPoint

log = logging.getLogger("ganlab")


class Signals(Diagnosis):
    """Computes the signals of a run. Rank 0 computes them, and the others receive its results.

    A family of signals that raises an error, such as one that a network of a plugin does not support, is left out from
    then on, with a note. All scalars are read back from the device together.
    """

    def __init__(self, subject: Subject, ranks: Ranks, classify: Classify | None = None) -> None:
        self.subject, self.ranks = subject, ranks
        self.families: dict[str, Family] = {
            "logits": LogitFamily(),
            "gradients": WeightGradients(),
            "image_gradients": ImageGradients(),
            "weights": WeightSizes(),
            "units": Units(),
            "diversity": Diversity(),
            "oscillation": Oscillation(),
            "not_finite": NotFinite(),
            "singular_values": SingularValues(),
            "duplicates": Duplicates(),
            "condition": Condition(),
        }
        if classify is not None:
            self.families["classes"] = Classes(classify)

    def before_step(self) -> None:
        if self.ranks.first:
            for name in list(self.families):
                self._try(name, lambda family: family.before_step(self.subject))

    def signals(self, point: LogPoint) -> dict[str, float]:
        found = self._computed(point) if self.ranks.first else {}
        values: dict[str, float] = self.ranks.gathered(found)[0]
        return values

    def _computed(self, point: LogPoint) -> dict[str, float]:
        moment, found = Moment(self.subject, point), dict[str, Tensor | float]()
        for name, family in list(self.families.items()):
            if point.sampled or not family.at_samples:
                found |= self._try(name, lambda family: family.compute(moment)) or {}
        return {f"diagnosis/{name}": value for name, value in _read(found).items() if math.isfinite(value)}

    def _try(self, name: str, call: Callable[[Family], Any]) -> Any:
        """Returns what ``call`` returns of a family. If it raises an error, the family is left out from then on."""
        try:
            return call(self.families[name])
        except Exception as error:
            del self.families[name]
            log.warning(
                "note: the signals of %s could not be computed (%s: %s) and are left out; training goes on",
                name.replace("_", " "),
                type(error).__name__,
                in_one_line(error)[:200],
            )
            return None

    def state(self) -> dict[str, Any]:
        states = {name: family.state() for name, family in self.families.items()}
        return {name: state for name, state in states.items() if state}

    def restore(self, state: Mapping[str, Any]) -> None:
        for name, family in self.families.items():
            family.restore(state.get(name, {}), self.subject.generator.parameters[0].device)


def _read(values: Mapping[str, Tensor | float]) -> dict[str, float]:
    """Returns all values as numbers, those on the device read together."""
    tensors = {name: value for name, value in values.items() if isinstance(value, Tensor)}
    device = next(iter(tensors.values())).device if tensors else torch.device("cpu")
    scalars = [value.detach().float().to(device) for value in tensors.values()]
    numbers = torch.stack(scalars).tolist() if scalars else []
    return {name: float(value) for name, value in values.items() if name not in tensors} | dict(
        zip(tensors, numbers, strict=True)
    )
