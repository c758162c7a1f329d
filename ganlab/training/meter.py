"""Running means of the values that updates report, kept on the device until they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ganlab.ranks import ALONE, Ranks
from ganlab.types import Values


class Meter:
    """Accumulates values by tag, and computes their means."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def add(self, values: Values) -> None:
        """Adds the values of one update. A tag may be absent in some updates."""
        summed = [tag for tag in values if tag in self.sums]
        if summed:  # in one call: separate ones would be a kernel each on a GPU
            torch._foreach_add_([self.sums[tag] for tag in summed], [values[tag] for tag in summed])
        for tag, value in values.items():
            if tag not in self.sums:
                self.sums[tag] = value.to(torch.float32, copy=True)
            self.counts[tag] = self.counts.get(tag, 0) + 1

    def read(self, ranks: Ranks = ALONE) -> dict[str, float]:
        """Returns the means over updates and ranks, read from the device at once, and resets the sums. All ranks call
        it together."""
        means = self.peek(ranks)
        self.sums, self.counts = {}, {}
        return means

    def peek(self, ranks: Ranks = ALONE) -> dict[str, float]:
        """Returns what ``read`` would return, and keeps the sums. All ranks call it together."""
        totals = self._of_all(ranks).tolist()
        return {tag: total / self.counts[tag] for tag, total in zip(self.sums, totals, strict=True)}

    def state(self, ranks: Ranks = ALONE) -> dict[str, Any]:
        """Returns the sums that one process with the global batch would have, and the number of reports in each. All
        ranks call it together."""
        sums = dict(zip(self.sums, self._of_all(ranks).unbind(), strict=True))
        return {"sums": sums, "counts": dict(self.counts)}

    def _of_all(self, ranks: Ranks) -> Tensor:
        """Returns the means of the sums over the ranks. Each rank keeps its own sums, so that saving does not change
        logged values."""
        totals = torch.stack(list(self.sums.values())) if self.sums else torch.empty(0)
        if self.sums:
            ranks.average([totals])
        return totals

    def restore(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Loads a saved ``state`` to ``device``."""
        self.sums = {tag: value.to(device, copy=True) for tag, value in state["sums"].items()}
        self.counts = dict(state["counts"])
