"""The values of a run's rows that the judge keeps: for each tag the newest ones, the first ones, and their range."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

RECENT = 24
"""The number of newest values of a tag that are kept."""
FIRST = 5
"""The number of first values of a tag that are kept: the level from which growth is measured."""
IMAGES = "progress/images"
READ = ("generator/", "discriminator/", "diagnosis/", "scores/")
"""The beginnings of the tags that are kept. The speed is none: it is another one after a resume."""
OWN = "diagnosis/verdict"
"""The beginning of the tags that tell verdicts themselves."""


@dataclass
class Series:
    """The values of one tag at the rows that have it: the newest ones, the first ones, and their range."""

    recent: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    low: float = math.inf
    high: float = -math.inf
    count: int = 0

    def add(self, value: float) -> None:
        """Adds the value of a row."""
        self.recent = [*self.recent[-(RECENT - 1) :], value]
        if len(self.first) < FIRST:
            self.first.append(value)
        self.low, self.high, self.count = min(self.low, value), max(self.high, value), self.count + 1


class History:
    """The rows so far, in bounded memory. ``row`` is the newest one, with finite numbers only; ``broken`` are its tags
    whose values are not finite."""

    def __init__(self) -> None:
        self.row: dict[str, float] = {}
        self.broken: frozenset[str] = frozenset()
        self.series: dict[str, Series] = {}
        self.step = 0
        self.images: int | None = None
        self.points = 0

    def add(self, row: Mapping[str, Any]) -> None:
        """Adds a row of metrics.jsonl: ``step``, and values by tag. None stands for one that is not finite."""
        self.step, self.points = int(row["step"]), self.points + 1
        self._take(row)
        images = self.row.get(IMAGES)
        self.images = int(images) if images is not None else self.images

    def add_scores(self, step: int, scores: Mapping[str, Any]) -> None:
        """Adds scores after ``step`` steps, by name; their tags are ``scores/NAME``."""
        self.step = int(step)
        self._take({f"scores/{name}": value for name, value in scores.items()})

    def _take(self, row: Mapping[str, Any]) -> None:
        self.row, broken = {}, set()
        for tag, value in row.items():
            kept = tag == IMAGES or (tag.startswith(READ) and not tag.startswith(OWN) and "/sigma/" not in tag)
            if not kept or isinstance(value, bool | str):
                continue
            if value is None or (isinstance(value, int | float) and not math.isfinite(value)):
                broken.add(tag)
            elif isinstance(value, int | float):
                self.row[tag] = float(value)
                self.series.setdefault(tag, Series()).add(float(value))
        self.broken = frozenset(broken)

    def now(self, tag: str) -> float | None:
        """Returns the value of the newest row, None if it has none."""
        return self.row.get(tag)

    def last(self, tag: str) -> float | None:
        """Returns the newest value of a tag, of whichever row."""
        series = self.series.get(tag)
        return series.recent[-1] if series else None

    def level(self, tag: str, count: int = 3) -> float | None:
        """Returns the median of the newest ``count`` values if the newest row has the tag, otherwise None."""
        if tag not in self.row:
            return None
        return median(self.series[tag].recent[-count:])

    def start(self, tag: str) -> float | None:
        """Returns the median of the first values of a tag, None before there are three."""
        series = self.series.get(tag)
        return median(series.first) if series and len(series.first) >= 3 else None

    def recent(self, tag: str, count: int = RECENT) -> list[float]:
        """Returns the newest values of a tag, at most ``count``, the oldest first."""
        series = self.series.get(tag)
        return series.recent[-count:] if series else []

    def high(self, tag: str) -> float | None:
        """Returns the largest value of a tag so far."""
        series = self.series.get(tag)
        return series.high if series else None

    def low(self, tag: str) -> float | None:
        """Returns the smallest value of a tag so far."""
        series = self.series.get(tag)
        return series.low if series else None

    def state(self) -> dict[str, Any]:
        """Returns the content as plain values, for a checkpoint."""
        series = {
            tag: [list(one.recent), list(one.first), one.low, one.high, one.count] for tag, one in self.series.items()
        }
        return {"step": self.step, "images": self.images, "points": self.points, "series": series}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Loads a saved ``state``."""
        self.step, self.images, self.points = state["step"], state["images"], state["points"]
        self.row, self.broken = {}, frozenset()
        self.series = {
            tag: Series(list(recent), list(first), low, high, count)
            for tag, (recent, first, low, high, count) in state["series"].items()
        }
