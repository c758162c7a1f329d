"""What differs between runs that is no factor, so that some of their numbers do not compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganlab.report.measure import Measure
from ganlab.report.model import Incomparable, Origin, Run
from ganlab.report.runs import RunFiles

SAME = 0.02
"""Budgets that differ by less than this share count as equal."""
MOST_SHOWN = 6


def incomparable_of(
    runs: Sequence[Run], files: Mapping[int, RunFiles], measure: Measure | None
) -> tuple[Incomparable, ...]:
    """Returns the properties in which runs differ: what their scores depend on, their budgets, their machines and
    their versions."""
    found = [*_scores(runs, files, measure), *_budgets(runs), *_surroundings(runs, files)]
    return tuple(one for one in found if one is not None)


def _scores(runs: Sequence[Run], files: Mapping[int, RunFiles], measure: Measure | None) -> list[Incomparable | None]:
    if measure is None:
        return []
    own = tuple(run.number for run in runs if run.comparable)
    others: dict[str, list[int]] = {}
    differing: dict[str, None] = {}
    for run in runs:
        if not run.comparable:
            rows = files[run.number].scores
            others.setdefault(rows[-1].id if rows else "not scored", []).append(run.number)
            theirs = files[run.number].fingerprints.get(rows[-1].key, {}) if rows else {}
            both = {**measure.fingerprint, **theirs}
            differing |= dict.fromkeys(key for key in both if measure.fingerprint.get(key) != theirs.get(key))
    weights: dict[str, list[int]] = {}
    for run in runs:
        if run.comparable and (rows := measure.rows(files[run.number])):
            weights.setdefault(rows[-1].weights or "unknown", []).append(run.number)
    first_other = next(iter(others), None)
    return [
        Incomparable(
            "score",
            f"{sum(map(len, others.values()))} of {len(runs)} runs are left out of all comparisons: their scores depend "
            f"on other {', '.join(differing) or 'things'} than {measure.id}; type id={first_other} to report on those.",
            ((measure.id, own), *((id, tuple(numbers)) for id, numbers in others.items())),
            excluded=True,
        )
        if others
        else None,
        Incomparable(
            "weights",
            "Some scores are of averaged weights of the generator and some of the weights themselves "
            f"({', '.join(f'{len(numbers)} of {name}' for name, numbers in weights.items())}).",
            tuple((name, tuple(numbers)) for name, numbers in weights.items()),
        )
        if len(weights) > 1
        else None,
    ]


def _budgets(runs: Sequence[Run]) -> list[Incomparable | None]:
    ended = [run for run in runs if run.survivor or (run.status == "finished")]
    words = {
        "steps": "steps",
        "images": "images that D saw",
        "d_updates": "updates of D",
    }
    found: list[Incomparable | None] = []
    for name, words_of in words.items():
        values: dict[float, list[int]] = {}
        for run in ended:
            value = getattr(run, name)
            if value is not None:
                near = next((one for one in values if abs(one - value) <= SAME * max(one, value)), value)
                values.setdefault(near, []).append(run.number)
        if len(values) > 1:
            low, high = min(values), max(values)
            found.append(
                Incomparable(
                    name,
                    f"The runs that finished had {low:,.0f} to {high:,.0f} {words_of}: a score after more of them is not "
                    "due to the other settings alone.",
                    tuple((f"{value:,.0f}", tuple(numbers)) for value, numbers in sorted(values.items())),
                )
            )
    return found


def _surroundings(runs: Sequence[Run], files: Mapping[int, RunFiles]) -> list[Incomparable | None]:
    found: list[Incomparable | None] = []
    for what, sentence in (
        ("commit", "The runs are of different commits of ganlab"),
        ("ganlab", "The runs are of different versions of ganlab"),
        ("torch", "The runs are of different versions of PyTorch"),
        ("device", "The runs were on different devices, so that seconds do not compare"),
        ("processor", "The runs were on different processors, so that seconds do not compare"),
    ):
        values: dict[str, list[int]] = {}
        for run in runs:
            value = _fact(files[run.number], what)
            if value is not None:
                values.setdefault(value, []).append(run.number)
        if len(values) > 1:
            shown = ", ".join(list(values)[:MOST_SHOWN])
            found.append(
                Incomparable(
                    what, f"{sentence} ({shown}).", tuple((value, tuple(numbers)) for value, numbers in values.items())
                )
            )
    return found


def _fact(files: RunFiles, what: str) -> str | None:
    newest: Mapping[str, Any] = files.starts[-1] if files.starts else {}
    versions, machine = newest.get("versions"), newest.get("machine")
    for place in (newest, versions, machine):
        if isinstance(place, Mapping) and isinstance(place.get(what), str):
            return str(place[what])
    return None


def origin_of(files: Sequence[RunFiles], command: Sequence[str]) -> Origin:
    """Returns where the runs come from."""
    import shlex

    starts = [start for one in files for start in one.starts]
    versions: dict[str, dict[str, None]] = {}
    for start in starts:
        for name, version in (start.get("versions") or {}).items():
            versions.setdefault(str(name), {})[str(version)] = None

    def distinct(values: Sequence[Any]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(str(value) for value in values if value))

    typed = shlex.join(command) if len(command) > 1 else "".join(command)
    machines = [start["machine"] for start in starts if isinstance(start.get("machine"), Mapping)]
    times = sorted(str(start["started"]) for start in starts if start.get("started"))
    ends = sorted(str(start["ended"]) for start in starts if start.get("ended"))
    return Origin(
        commands=distinct([typed, *(start.get("command") for start in starts)]),
        versions={name: tuple(found) for name, found in versions.items()},
        machines=distinct([f"{one.get('processor')}, {one.get('cores')} cores" for one in machines]),
        devices=distinct([start.get("device") for start in starts]),
        first_start=times[0] if times else None,
        last_end=ends[-1] if ends else None,
    )
