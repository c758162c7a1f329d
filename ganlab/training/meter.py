"""Sums of what the updates report, which wait on the device until they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ganlab.ranks import Ranks
from ganlab.types import Values


class Meter:
    """Sums values by tag, and gives their means."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def add(self, values: Values) -> None:
        known = [tag for tag in values if tag in self.sums]
        if known:  # at once: on a GPU each by itself would be a kernel
            torch._foreach_add_([self.sums[tag] for tag in known], [values[tag] for tag in known])
        for tag, value in values.items():
            if tag not in self.sums:
                self.sums[tag] = value.to(torch.float32, copy=True)
            self.counts[tag] = self.counts.get(tag, 0) + 1

    def average(self, ranks: Ranks) -> None:
        """Replaces the sums by their means over the ranks, so that each rank's are those of the whole batches."""
        ranks.average(list(self.sums.values()))

    def read(self) -> dict[str, float]:
        """The means, read back from the device at once; then it starts afresh."""
        tags = list(self.sums)
        sums = torch.stack([self.sums[tag] for tag in tags]).tolist() if tags else []
        means = {tag: total / self.counts[tag] for tag, total in zip(tags, sums, strict=True)}
        self.sums, self.counts = {}, {}
        return means

    def state(self) -> dict[str, Any]:
        return {"sums": self.sums, "counts": self.counts}

    def restore(self, state: Mapping[str, Any], device: torch.device) -> None:
        self.sums = {tag: value.to(device, copy=True) for tag, value in state["sums"].items()}
        self.counts = dict(state["counts"])
