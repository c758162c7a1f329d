"""Replays the verdicts on finished runs, and counts what was named rightly, when, and the false alarms."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.diagnosis_collection.runs import Member
from ganlab.diagnosis.verdicts import HEALTHY, Verdict, VerdictSettings, replay
from ganlab.report.analysis.statistics import wilson
from ganlab.report.model import Share
from ganlab.run_folder import RunFolder

FIRST_HALF = 0.5  # of a run's steps, within which a failure should be named


@dataclass(frozen=True)
class Judged:
    """A finished run with the ``verdicts`` on it, in the order in which they were given."""

    member: Member
    verdicts: tuple[Verdict, ...]

    def images(self, step: int) -> int | None:
        """Returns the number of training images that D had drawn by a step, if the rows say it."""
        for row in self.member.metrics():
            if row["step"] >= step:
                found = row.get("progress/images")
                return int(found) if isinstance(found, int | float) else None
        return None

    def named(self, within: float = 1.0) -> list[str]:
        """Returns the names of the verdicts that were given within a share of the run, each once, the first first."""
        last = within * self.member.kind.steps
        return list(dict.fromkeys(one.name for one in self.verdicts if one.given <= last and one.name != HEALTHY))

    @property
    def first(self) -> Verdict | None:
        """The verdict that was given first, and of several at once the cause."""
        return next((one for one in self.verdicts if one.name != HEALTHY), None)

    def is_right(self, within: float = 1.0) -> bool:
        """Whether a planted failure has one of its accepted verdicts within a share of the run; whether a healthy run
        has none."""
        named = self.named(within)
        return not named if self.member.kind.healthy else bool(set(named) & set(self.member.kind.accepted))


def judge(members: Iterable[Member], thresholds: VerdictSettings | None = None) -> list[Judged]:
    """Replays the verdicts on the runs that have ended with rows. ``thresholds`` are the default ones unless given."""
    settings = thresholds or VerdictSettings()
    return [
        Judged(one, tuple(replay(one.metrics(), raw_scores(one.folder), plain_settings(one.folder), settings)))
        for one in members
        if one.status in ("finished", "diverged")
    ]


def plain_settings(folder: Path) -> dict[str, Any]:
    """Returns the configuration of a run."""
    return RunFolder(folder).load_config()


def raw_scores(folder: Path) -> list[dict[str, Any]]:
    """Returns the rows of scores.jsonl with all that they have."""
    try:
        lines = (folder / "scores.jsonl").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    return [json.loads(line) for line in lines if line.strip()]


@dataclass(frozen=True)
class Counted:
    """What a group of runs was counted to be, as shares with intervals."""

    in_time: Share
    at_all: Share
    first_right: Share
    false_alarms: Share
    alarms_in_time: Share


def count(found: Sequence[Judged]) -> Counted:
    """Counts the planted failures that were named rightly, and the healthy runs with a verdict."""
    planted = [one for one in found if not one.member.kind.healthy]
    healthy = [one for one in found if one.member.kind.healthy]

    def share(runs: Sequence[Judged], right: Iterable[bool]) -> Share:
        return wilson(sum(right), len(runs))

    return Counted(
        share(planted, (one.is_right(FIRST_HALF) for one in planted)),
        share(planted, (one.is_right() for one in planted)),
        share(planted, (one.first is not None and one.first.name in one.member.kind.accepted for one in planted)),
        share(healthy, (not one.is_right() for one in healthy)),
        share(healthy, (not one.is_right(FIRST_HALF) for one in healthy)),
    )
