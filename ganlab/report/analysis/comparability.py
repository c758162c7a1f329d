"""Differences between runs that are no factor, and that make some of their numbers incomparable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganlab.report.analysis.budgets import SAME
from ganlab.report.model import Incomparable, Run
from ganlab.report.reading.measure import Measure
from ganlab.report.reading.runs import RunFiles

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
    return [_other_measures(runs, files, measure), _weights(runs, files, measure)]


def _other_measures(runs: Sequence[Run], files: Mapping[int, RunFiles], measure: Measure) -> Incomparable | None:
    """Returns the runs whose scores depend on other things."""
    others: dict[str, list[int]] = {}
    differing: dict[str, None] = {}
    for run in runs:
        if not run.comparable:
            rows = files[run.number].scores
            others.setdefault(rows[-1].id if rows else "not scored", []).append(run.number)
            theirs = files[run.number].fingerprints.get(rows[-1].key, {}) if rows else {}
            both = {**measure.fingerprint, **theirs}
            differing |= dict.fromkeys(key for key in both if measure.fingerprint.get(key) != theirs.get(key))
    if not others:
        return None
    own = tuple(run.number for run in runs if run.comparable)
    count, other = sum(map(len, others.values())), next(iter(others))
    return Incomparable(
        "score",
        f"{count} of {len(runs)} runs are left out of all comparisons: their scores depend on other things "
        f"({', '.join(differing) or 'not known'}) than {measure.id}; type id={other} to report on those.",
        ((measure.id, own), *((id, tuple(numbers)) for id, numbers in others.items())),
        excluded=True,
    )


def _weights(runs: Sequence[Run], files: Mapping[int, RunFiles], measure: Measure) -> Incomparable | None:
    """Returns the runs by whose weights were scored."""
    weights: dict[str, list[int]] = {}
    for run in runs:
        if run.comparable and (scored := measure.rows(files[run.number])):
            weights.setdefault(scored[-1].weights or "unknown", []).append(run.number)
    if len(weights) < 2:
        return None
    counts = ", ".join(f"{len(numbers)} of {name}" for name, numbers in weights.items())
    return Incomparable(
        "weights",
        f"Some scores are of averaged weights of the generator and some of the weights themselves ({counts}).",
        tuple((name, tuple(numbers)) for name, numbers in weights.items()),
    )


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
                    f"The runs that finished had {low:,.0f} to {high:,.0f} {words_of}: their scores are not due to the "
                    "other settings alone.",
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
    newest: Mapping[str, Any] = files.trained[-1] if files.starts else {}
    versions, machine = newest.get("versions"), newest.get("machine")
    for place in (newest, versions, machine):
        if isinstance(place, Mapping) and isinstance(place.get(what), str):
            return str(place[what])
    return None
