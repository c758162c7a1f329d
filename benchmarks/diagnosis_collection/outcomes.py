"""Whether a run failed, by its scores alone: what the labels are checked against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.diagnosis_collection.kinds import Kind
from benchmarks.diagnosis_collection.runs import Member

LIMIT = 2.0  # times the median FID of the healthy runs on the same data, as in reports of sweeps
MODES = {"ring": 8, "grid": 25, "digits": 10, "digits16": 10, "stacked": 394}  # 394 of 1,000 in 500 real images
MISSING = 0.7  # of the modes: fewer are a failure
PRESENT = 0.9  # of the modes: a healthy run has as many


@dataclass(frozen=True)
class Outcome:
    """How a run ended by its scores: whether it ``failed``, whether it is ``healthy`` (neither is possible), and in
    words why. ``known`` is False for runs whose scores do not say."""

    failed: bool
    healthy: bool
    why: str
    known: bool = True


def contradicts(one: Member, references: Mapping[str, float]) -> bool:
    """Whether the score of a run says that its label is wrong. Such a run is not counted."""
    found = outcome(one, references)
    return found.known and not (found.healthy if one.kind.healthy else found.failed)


def fid(one: Member) -> float | None:
    """Returns the last FID of a run, if it ended with one."""
    found = [row["fid"] for row in one.scores() if isinstance(row.get("fid"), float)]
    return found[-1] if found and one.status == "finished" else None


def comparable(kind: Kind) -> bool:
    """Whether the runs are scored as the healthy ones on the same data are."""
    return not any(text.startswith(("evaluation=", "evaluation.", "data.limit")) for text in kind.changes)


def references(members: Sequence[Member]) -> dict[str, float]:
    """Returns the median FID of the healthy runs, by base."""
    found: dict[str, list[float]] = {}
    for one in members:
        if one.kind.healthy and (value := fid(one)) is not None:
            found.setdefault(one.kind.base, []).append(value)
    return {base: median(values) for base, values in found.items()}


def outcome(one: Member, references: Mapping[str, float]) -> Outcome:
    """Returns how a run ended. It failed if it diverged, if its FID is above twice the reference, or if fewer than
    70 % of the modes are there; it is healthy with at most twice the reference and 90 % of the modes."""
    if one.status == "diverged":
        return Outcome(True, False, "diverged")
    value, reference = fid(one), references.get(one.kind.base)
    if not comparable(one.kind):
        return Outcome(True, False, "too few images, by construction", known=False)
    if value is None or reference is None:
        return Outcome(False, False, "no score", known=False)
    ratio, expected = value / reference, MODES.get(one.kind.base)
    modes = one.scores()[-1].get("modes")
    share = modes / expected if expected and isinstance(modes, int | float) else 1.0
    text = f"FID × {ratio:.1f}" + (f", {modes:.0f} of {expected} modes" if expected and modes is not None else "")
    return Outcome(ratio > LIMIT or share < MISSING, ratio <= LIMIT and share >= PRESENT, text)
