"""The tables of the collection in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from statistics import median

from benchmarks.diagnosis_collection.advice import Trial
from benchmarks.diagnosis_collection.judging import FIRST_HALF, Judged, count
from benchmarks.diagnosis_collection.outcomes import outcome
from ganlab.report.analysis.statistics import wilson
from ganlab.report.model import Share

HALVES = ("thresholds", "judging")


def percent(share: Share) -> str:
    """Returns a share with its counts and its 95 % interval."""
    if not share.of:
        return "no runs"
    return f"{share.count} of {share.of}: {share.share:.0%} ({share.low:.0%} to {share.high:.0%})"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def summary(found: Sequence[Judged]) -> str:
    """Returns the table of hits and false alarms in either half."""
    rows = []
    for half in HALVES:
        counted = count([one for one in found if one.member.kind.half == half])
        shares = (counted.in_time, counted.at_all, counted.first_right, counted.false_alarms)
        rows.append([f"**{half}**", *map(percent, shares)])
    head = (
        "half", "failures named rightly in the first half of the run", "at any time", "the first verdict is right",
        "healthy runs with a false alarm",
    )  # fmt: skip
    return table(head, rows)


def goals(found: Sequence[Judged], tried: Sequence[Trial]) -> str:
    """Returns what was aimed at, and whether the half that judges reached it."""
    counted = count([one for one in found if one.member.kind.half == "judging"])
    judging = [one for one in tried if one.half == "judging"]  # advice was chosen on the other half
    better = wilson(sum(one.better for one in judging), len(judging))
    hits, alarms = counted.in_time, counted.false_alarms
    rows = (
        ("failures named rightly in the first half of the run", "at least 90 %", hits, (hits.share or 0) >= 0.9),
        ("healthy runs with a false alarm", "at most 5 %", alarms, (alarms.share or 0) <= 0.05),
        (
            "first advices better than the twin (half that judges)",
            "at least 2 of 3",
            better,
            (better.share or 0) >= 2 / 3,
        ),
    )
    lines = [[name, goal, percent(share), "yes" if reached else "**no**"] for name, goal, share, reached in rows]
    return table(("judged", "goal", "measured", "reached"), lines)


def _by_kind(found: Sequence[Judged], half: str, healthy: bool) -> list[list[Judged]]:
    chosen = [one for one in found if one.member.kind.half == half and one.member.kind.healthy == healthy]
    chosen.sort(key=lambda one: one.member.kind.name)
    return [list(group) for _, group in groupby(chosen, key=lambda one: one.member.kind.name)]


def verdicts_of(runs: Sequence[Judged], mark: bool = True) -> str:
    """Returns the verdicts on the runs of a kind, the most frequent first: in how many of them, and after how many
    images in the median. Accepted ones are bold."""
    accepted = set(runs[0].member.kind.accepted) if mark else set()
    when: dict[str, list[int]] = {}
    for one in runs:
        for name in one.named():
            given = next(verdict.given for verdict in one.verdicts if verdict.name == name)
            when.setdefault(name, []).append(one.images(given) or 0)
    order = sorted(when.items(), key=lambda item: (-len(item[1]), median(item[1])))
    texts = [
        f"{f'**{name}**' if name in accepted else name} ({len(images)}, {median(images):,.0f})"
        for name, images in order
    ]
    return ", ".join(texts) or "none"


def planted(found: Sequence[Judged], half: str, references: Mapping[str, float]) -> str:
    """Returns the table of the planted failures of a half: the verdicts that are right, and those that were given."""
    rows = []
    for runs in _by_kind(found, half, healthy=False):
        kind = runs[0].member.kind
        right = sum(one.is_right(FIRST_HALF) for one in runs)
        why = "; ".join(dict.fromkeys(outcome(one.member, references).why for one in runs))
        rows.append([f"`{kind.name}`", why, ", ".join(kind.accepted), verdicts_of(runs), f"{right} of {len(runs)}"])
    head = ("kind", "how the runs ended", "right verdicts", "verdicts given (runs, images)", "right in the first half")
    return table(head, rows)


def healthy(found: Sequence[Judged], half: str, references: Mapping[str, float]) -> str:
    """Returns the table of the healthy runs of a half, with their false alarms."""
    rows = []
    for runs in _by_kind(found, half, healthy=True):
        why = "; ".join(dict.fromkeys(outcome(one.member, references).why for one in runs))
        alarms = sum(not one.is_right() for one in runs)
        rows.append([f"`{runs[0].member.kind.name}`", why, verdicts_of(runs), f"{alarms} of {len(runs)}"])
    return table(("kind", "how the runs ended", "verdicts given (runs, images)", "runs with a false alarm"), rows)


def advice(tried: Sequence[Trial]) -> str:
    """Returns the table of advices that were tried: the final FID with each over that without it."""
    rows = []
    for (name, text), group in groupby(sorted(tried, key=_advice), key=_advice):
        those = list(group)
        ratios = [one.branch / one.twin for one in those if one.branch is not None and one.twin]
        diverged = sum(one.branch is None for one in those)
        rescued = sum(one.branch is not None and not one.twin for one in those)
        words = ["diverged"] * diverged + ["the twin alone diverged"] * rescued
        shown = ", ".join([*(f"{ratio:.2f}" for ratio in ratios), *words])
        better = sum(one.better for one in those)
        verdict = ", ".join(dict.fromkeys(one.verdict for one in those))
        begun = " (from the start)" if those[0].restart else ""
        rows.append([f"`{name}`", those[0].half, verdict, f"`{text}`{begun}", shown, f"{better} of {len(those)}"])
    head = (
        "kind",
        "half",
        "first verdict",
        "its first advice",
        "FID with the advice / without",
        "better than the twin",
    )
    return table(head, rows)


def _advice(one: Trial) -> tuple[str, str]:
    return one.kind, one.advice


def advice_summary(tried: Sequence[Trial]) -> str:
    """Returns the shares of first advices that ended better than the twin, by half, and by whether the verdict is one
    of those that are right."""
    rows = []
    for half in (*HALVES, None):
        those = [one for one in tried if half in (one.half, None)]
        right = [one for one in those if one.right]
        cells = (
            wilson(sum(one.better for one in those), len(those)),
            wilson(sum(one.clearly_better for one in those), len(those)),
            wilson(sum(one.better for one in right), len(right)),
        )
        rows.append([f"**{half or 'both'}**", *map(percent, cells)])
    head = ("half", "first advice better than the twin", "by 10 % at least", "better, where the first verdict is right")
    return table(head, rows)


def kinds(found: Sequence[Judged]) -> str:
    """Returns the list of planted kinds: what each changes, and why its verdicts are right."""
    rows = []
    for half in HALVES:
        for runs in _by_kind(found, half, healthy=False):
            kind = runs[0].member.kind
            rows.append([f"`{kind.name}`", half, kind.base, f"`{' '.join(kind.changes)}`", kind.reason])
    return table(("kind", "half", "on", "change", "why it fails"), rows)
