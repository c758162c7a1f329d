"""Signals of the course of training: how it swings, and what was left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ganlab.diagnosis.signals.family import Family, Moment

WINDOW = 10  # log points: at the defaults 500 steps, several periods of the oscillations of small GANs
LEAST = 5  # log points: with fewer, an oscillation cannot be distinguished from noise


class Oscillation(Family):
    """``oscillation``: how far D's mean logits on the reals and on the fakes of the measuring pass swing from log point
    to log point: their standard deviation around a straight line over the last 10 log points, the larger of the two,
    over the mean standard deviation of the logits of one pass. With n samples it is about 1 / √n in a steady run (0.2
    for 24); above 1 the level of the logits differs more from time to time than from image to image. (Oscillations
    instead of convergence: Mescheder et al. 2018, section 3.)"""

    def __init__(self) -> None:
        self._rows: Tensor | None = None  # (log points, 3): means on reals and on fakes, standard deviation

    def compute(self, moment: Moment) -> Mapping[str, Tensor | float]:
        # Values of this moment, not means since the log point before, which depend on when a run was resumed.
        measured = moment.measured
        row = torch.stack([measured.real_logits.mean(), measured.fake_logits.mean(), measured.logit_spread])[None]
        if moment.point.regular:
            self._rows = row if self._rows is None else torch.cat([self._rows, row])[-WINDOW:]
        if self._rows is None or len(self._rows) < LEAST:
            return {}
        return {"oscillation": around_lines(self._rows[:, :2]).max() / self._rows[:, 2].mean()}

    def state(self) -> dict[str, Any]:
        return {} if self._rows is None else {"rows": self._rows}

    def restore(self, state: Mapping[str, Any], device: torch.device) -> None:
        self._rows = state["rows"].to(device, copy=True) if "rows" in state else None


def around_lines(values: Tensor) -> Tensor:
    """Returns for each column of ``values`` (k, m), at k equally spaced times, the root mean square (m,) of the
    distances from its least-squares line."""
    times = torch.arange(len(values), dtype=values.dtype, device=values.device)
    times = (times - times.mean())[:, None]
    centred = values - values.mean(dim=0)
    slopes = (times * centred).sum(dim=0) / times.square().sum()
    return (centred - times * slopes).square().mean(dim=0).sqrt()


class NotFinite(Family):
    """``not_finite``: the number of updates of both networks since the last log point that were left out, since their
    loss or a gradient was not finite."""

    def compute(self, moment: Moment) -> Mapping[str, Tensor | float]:
        point = moment.point
        shares = {name: point.values.get(f"{name}/blocked") for name in point.updates}
        counts = [round(share * point.updates[name]) for name, share in shares.items() if share is not None]
        return {"not_finite": float(sum(counts))} if counts else {}
