"""Signals of the course of training over the last log points."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ganlab.diagnosis.signals.family import Family, Moment

WINDOW = 10  # log points: at the defaults 500 steps, several periods of the oscillations of small GANs
LEAST = 5  # of them, before a swing is told from noise


class Oscillation(Family):
    """``oscillation``: how far D's mean logits on reals and on fakes swing from log point to log point: their standard
    deviation around a straight line over the last 10 log points, the larger of the two, over the mean standard
    deviation of the logits within a batch (``logit_spread``). Below 0.3 in a steady run; above 1 the level of the logits
    changes more from time to time than from image to image. (Oscillations instead of convergence: Mescheder et al.
    2018, section 3.)"""

    def __init__(self) -> None:
        self._rows: list[list[float]] = []

    def compute(self, moment: Moment) -> Mapping[str, Tensor | float]:
        tags = ("discriminator/real", "discriminator/fake", "diagnosis/logit_spread")
        row = [moment.point.values.get(tag, math.nan) for tag in tags]
        if not all(map(math.isfinite, row)):
            return {}
        self._rows = [*self._rows, row][-WINDOW:]
        if len(self._rows) < LEAST:
            return {}
        real, fake, spread = zip(*self._rows, strict=True)
        typical = sum(spread) / len(spread)
        return {"oscillation": max(around_a_line(real), around_a_line(fake)) / typical} if typical > 0 else {}

    def state(self) -> dict[str, Any]:
        return {"rows": [list(row) for row in self._rows]}

    def restore(self, state: Mapping[str, Any], device: torch.device) -> None:
        self._rows = [list(row) for row in state.get("rows", [])]


def around_a_line(values: Sequence[float]) -> float:
    """Returns the root mean square of the distances of equally spaced ``values`` from their least-squares line."""
    count = len(values)
    middle, mean = (count - 1) / 2, sum(values) / count
    places = [place - middle for place in range(count)]
    slope = sum(place * value for place, value in zip(places, values, strict=True)) / sum(one**2 for one in places)
    rest = (value - mean - slope * place for place, value in zip(places, values, strict=True))
    return math.sqrt(sum(one**2 for one in rest) / count)


class NotFinite(Family):
    """``not_finite``: the number of updates of both networks since the last log point that were left out, since their
    loss or a gradient was not finite."""

    def compute(self, moment: Moment) -> Mapping[str, Tensor | float]:
        point = moment.point
        shares = {name: point.values.get(f"{name}/blocked") for name in point.updates}
        counts = [round(share * point.updates[name]) for name, share in shares.items() if share is not None]
        return {"not_finite": float(sum(counts))} if counts else {}
