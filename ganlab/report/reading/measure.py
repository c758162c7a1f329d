"""The score by which the runs of a report are compared, the score of noise, and the threshold of success."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ganlab.errors import UserError, nearest
from ganlab.report.model import Better, Point, Score, Stated
from ganlab.report.reading.rows import ScoreRow
from ganlab.report.reading.runs import RunFiles
from ganlab.report.text.words import score_name
from ganlab.score_names import BETTER

DEFAULT = "fid"
WORSE = 2.0
"""The factor of the rules for the score of noise and for the threshold."""
NATURAL = {"inception_score": 1.0, "memorised": 1.0}
"""The worst values of scores that have one; of others of which higher is better it is 0."""


@dataclass(frozen=True)
class Measure:
    """A score by ``name`` under one fingerprint, whose rows have the ``key``. ``id`` names it."""

    name: str
    better: Better
    key: str
    id: str
    fingerprint: Mapping[str, Any]

    def rows(self, files: RunFiles) -> list[ScoreRow]:
        """Returns the rows of a run that compare: those made while training, or those made afterwards if there are no
        others."""
        rows = [row for row in files.scores if row.key == self.key and self.name in row.values]
        return [row for row in rows if row.training] or rows

    def worse(self, first: float, second: float) -> bool:
        """Whether ``first`` is worse than ``second``."""
        return first > second if self.better == "lower" else first < second

    def best(self, points: Sequence[Point]) -> Point | None:
        """Returns the first of the points with the best value."""
        finite = [point for point in points if point.value is not None]
        sign = 1 if self.better == "lower" else -1
        return min(finite, key=lambda point: (sign * (point.value or 0.0), point.step), default=None)


def choose(runs: Sequence[RunFiles], name: str | None = None, id: str | None = None) -> Measure | None:
    """Returns the score ``name`` under the fingerprint that most runs have (or that whose short name is ``id``); None
    where no run is scored and nothing was typed. Raises UserError for a name or id that does not exist."""
    rows = [(number, row) for number, files in enumerate(runs) for row in files.scores]
    if id is not None and id not in {row.id for _, row in rows}:
        known = ", ".join(sorted({row.id for _, row in rows})) or "none"
        raise UserError(f"id={id}: no run was scored by it; the runs have {known}")
    rows = [(number, row) for number, row in rows if id is None or row.id == id]
    if not rows:
        if name is not None:
            raise UserError(f"score={name}: no run is scored; type evaluation=scores when training, or run evaluate")
        return None
    names = {value for _, row in rows for value in row.values}
    there = [one for one in BETTER if one in names]
    if name is None and not there:
        return None  # scores of another program, of which nothing is known
    name = name or _usual(runs, names)
    if name not in there:
        what = "it has no better direction" if name in names else "no run has it"
        guess = nearest(name, there)
        hint = f"did you mean {guess}?" if guess else f"there are {', '.join(there)}"
        raise UserError(f"score={name}: {what}; {hint}")
    having = dict.fromkeys((number, row.key) for number, row in rows if name in row.values)
    key = Counter(one for _, one in having).most_common(1)[0][0]
    ids = sorted({row.id for _, row in rows if row.key == key})
    fingerprint = next(files.fingerprints[key] for files in runs if key in files.fingerprints)
    return Measure(name, BETTER[name], key, ", ".join(ids), fingerprint)


def comparable(runs: Sequence[RunFiles], measure: Measure) -> list[bool]:
    """Returns whether each run is scored by the ``measure``. A run that ended before it was scored counts by its data
    and its evaluation, as the runs with the same ones."""
    own = [any(row.key == measure.key for row in files.scores) for files in runs]
    settings = [json.dumps([files.config.get(key) for key in ("data", "evaluation")], default=str) for files in runs]
    yes = {one for one, has in zip(settings, own, strict=True) if has}
    no = {one for one, has, files in zip(settings, own, runs, strict=True) if not has and files.scores} - yes
    return [has or (not files.scores and one not in no) for one, has, files in zip(settings, own, runs, strict=True)]


def _usual(runs: Sequence[RunFiles], names: set[str]) -> str:
    """Returns the score by which most runs keep their best checkpoint, ``fid`` if that is not known."""
    evaluations = [files.config.get("evaluation") for files in runs]
    best = [str(one["best"]) for one in evaluations if isinstance(one, Mapping) and str(one.get("best")) in names]
    if best:
        return Counter(best).most_common(1)[0][0]
    return DEFAULT if DEFAULT in names else next((one for one in BETTER if one in names), DEFAULT)


def score_of(measure: Measure, values: Sequence[float], at: Literal["final", "best"]) -> Score:
    """Returns the description of the score. Values are compared as ratios if lower is better and all are positive."""
    ratio = measure.better == "lower" and bool(values) and min(values) > 0
    return Score(
        measure.name, measure.better, "ratio" if ratio else "difference", at, measure.id, dict(measure.fingerprint)
    )


def noise_of(measure: Measure, curves: Sequence[Sequence[Point]]) -> Stated | None:
    """Returns the score of noise: that of the untrained generators where step 0 was scored, otherwise by a rule."""
    values = [(point.step, point.value) for curve in curves for point in curve if point.value is not None]
    untrained = [value for step, value in values if step == 0]
    if untrained:
        count = f"{len(untrained)} generators" if len(untrained) > 1 else "the generator"
        return Stated(
            float(np.median(untrained)), f"the median {score_name(measure.name)} of {count} before the first step"
        )
    if measure.better == "higher" or measure.name in NATURAL:
        worst = NATURAL.get(measure.name, 0.0)
        return Stated(worst, f"the worst {score_name(measure.name)} that is possible")
    if not values:
        return None
    worst = max(value for _, value in values)
    value = WORSE * worst if worst > 0 else worst
    name = score_name(measure.name)
    return Stated(value, f"{WORSE:g} times the worst {name} of any run at any step ({worst:.4g})")


def threshold_of(
    measure: Measure, cells: Sequence[Sequence[float]], noise: Stated | None, typed: float | None
) -> Stated | None:
    """Returns the score that a run must reach to succeed: the one that was typed, or one made from the median of the
    best of the ``cells`` (the finite scores of the runs of each), which is never worse than the score of ``noise``."""
    if typed is not None:
        return Stated(typed, f"threshold={typed:g}, as typed")
    medians = [float(np.median(cell)) for cell in cells if cell]
    if not medians:
        return None
    best = min(medians) if measure.better == "lower" else max(medians)
    named = f"the median of the best combination ({best:.4g})"
    if measure.better == "higher":
        made = Stated(best / WORSE, f"1/{WORSE:g} of {named}")
    elif best > 0:
        made = Stated(WORSE * best, f"{WORSE:g} times {named}")
    else:
        end = noise.value if noise else 0.0
        made = Stated(best + 0.1 * (end - best), f"a tenth of the way from {named} to the score of noise")
    if noise is None or not measure.worse(made.value, noise.value):
        return made
    return Stated(noise.value, f"the score of noise, which is better than {made.rule}")
