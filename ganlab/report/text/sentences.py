"""Sentences on what the data supports. Each is made from the numbers beside it alone.

A claim needs an interval without "no effect" and an adjusted p below 0.05, so that at most 5 % of the sweeps in which
nothing has an effect get one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from ganlab.report.analysis.confounded import differing
from ganlab.report.analysis.effects import excludes_none, none_of
from ganlab.report.analysis.permutation import LEVEL
from ganlab.report.model import Confounded, Effect, Factor, Interaction, Score, Sentence
from ganlab.report.model import SuccessEffect as Successes
from ganlab.report.text.words import interval, listed, number, percent, plural, points, score_name

MOST_CLAIMS = 4
SMALLEST = 0.01
"""The smallest effect that is told, as a share: a reader can do nothing with a difference of less than a per cent."""


def claims_of(
    factors: Sequence[Factor],
    effects: Sequence[Effect],
    successes: Sequence[Successes],
    interactions: Sequence[Interaction],
    score: Score | None,
    confounded: Sequence[Confounded] = (),
) -> list[Sentence]:
    """Returns at most ``MOST_CLAIMS`` sentences on effects that the data supports, the largest first. Each names the
    settings that differ with its levels."""
    found = _successes(successes)
    if score is not None:
        found += [*_effects(factors, effects, score), *_interactions(interactions, score)]
    found.sort(key=lambda one: -one.size)
    return [_with_company(one, confounded) for one in found[:MOST_CLAIMS]]


def _with_company(sentence: Sentence, confounded: Sequence[Confounded]) -> Sentence:
    """Adds the settings that differ between the levels of a sentence besides what was typed."""
    numbers = sentence.numbers
    if sentence.kind != "interaction":
        along = differing(confounded, numbers["factor"], numbers["level"], numbers["baseline"])
    else:
        first, second = (one[numbers["columns"]] for one in numbers["under"])
        along = differing(confounded, numbers["rows"], numbers["level"], numbers["baseline"])
        along += differing(confounded, numbers["columns"], first, second)
    if not along:
        return sentence
    named = dict.fromkeys(along)
    text = f"{sentence.text} They also differ in {listed(list(named))}, which nobody typed."
    return replace(sentence, text=text, numbers={**numbers, "confounded": list(named)})


def size(estimate: float, low: float | None, high: float | None, score: Score) -> float:
    """Returns the size of an effect: the distance of a ratio from 1 on the logarithmic scale; of a difference, a tenth
    of its distance from 0 in half widths of its interval, so that both are of one order."""
    if score.comparison == "ratio":
        return abs(math.log(estimate)) if 0 < estimate < math.inf else 700.0
    return abs(estimate) / max(((high or 0.0) - (low or 0.0)) / 2, 1e-12) / 10


def turned(effect: Effect, score: Score) -> Effect:
    """Returns the effect of baseline against level."""

    def other(value: float | None) -> float | None:
        if value is None:
            return None
        return -value if score.comparison == "difference" else 1 / value if value else math.inf

    def rest(value: float | None) -> float | None:
        return None if value is None else 1 - value

    return replace(
        effect,
        baseline=effect.level,
        level=effect.baseline,
        estimate=other(effect.estimate),
        low=other(effect.high),
        high=other(effect.low),
        improves=rest(effect.improves),
        improves_low=rest(effect.improves_high),
        improves_high=rest(effect.improves_low),
        better=None if effect.better is None else not effect.better,
        survivors=other(effect.survivors),
    )


def _effects(factors: Sequence[Factor], effects: Sequence[Effect], score: Score) -> list[Sentence]:
    """Returns a sentence on the largest effect of each factor that is sure."""
    found = []
    for factor in factors:
        sure = [one for one in effects if one.factor == factor.name and one.better is not None]
        if sure:
            largest = max(sure, key=lambda one: size(one.estimate or 0.0, one.low, one.high, score))
            found.append(_effect(largest, len(sure), score))
    return [one for one in found if one.size >= SMALLEST]


def _effect(effect: Effect, sure: int, score: Score) -> Sentence:
    one = effect if effect.better else turned(effect, score)
    direction = "lower" if score.better == "lower" else "higher"
    text = (
        f"{one.factor}={one.level} has a {direction} {score_name(score.name)} than {one.factor}={one.baseline}: "
        f"{amount(one.estimate, score)} (95 % interval {interval(one.low, one.high)}, "
        f"{plural(one.pairs, 'matched pair')}, better in {percent(one.improves)} of them)."
    )
    if one.survivors is not None and one.survivor_pairs < one.pairs:
        survived = plural(one.survivor_pairs, "pair")
        text += f" Among the {survived} of which both runs survived: {amount(one.survivors, score)}."
    numbers = {
        "factor": one.factor, "level": one.level, "baseline": one.baseline, "estimate": one.estimate, "low": one.low,
        "high": one.high, "pairs": one.pairs, "improves": one.improves, "p_adjusted": one.p_adjusted,
        "survivors": one.survivors, "survivor_pairs": one.survivor_pairs, "sure_of_factor": sure,
    }  # fmt: skip
    return Sentence("effect", text, numbers, size(one.estimate or 0.0, one.low, one.high, score))


def amount(value: float | None, score: Score) -> str:
    """Returns a ratio as ``0.45 times``, and a difference with its sign."""
    if score.comparison == "ratio":
        return f"{number(value)} times"
    return f"{'+' if (value or 0) > 0 else ''}{number(value)}"


def _interactions(interactions: Sequence[Interaction], score: Score) -> list[Sentence]:
    found = []
    for one in interactions:
        sure = one.p_adjusted is not None and one.p_adjusted < LEVEL and one.contrast is not None
        if not sure or not excludes_none(one.contrast_low, one.contrast_high, none_of(score)):
            continue
        first, second = one.contrasts
        joined = "times the {} of" if score.comparison == "ratio" else "in {} against"
        joined = joined.format(score_name(score.name))
        values = [
            f"{amount(effect.estimate, score).removesuffix(' times')} ({interval(effect.low, effect.high)})"
            for effect in one.contrasts
        ]
        under = [" ".join(f"{name}={level}" for name, level in effect.given.items()) for effect in one.contrasts]
        second_to_first = "the second to the first:" if score.comparison == "ratio" else "second minus first:"
        pairs = plural(min(first.pairs, second.pairs), "matched pair")
        text = (
            f"The effect of {one.rows} depends on {one.columns}: {one.rows}={first.level} has {values[0]} {joined} "
            f"{one.rows}={first.baseline} under {under[0]}, and {values[1]} under {under[1]} "
            f"({second_to_first} {amount(one.contrast, score)}, 95 % interval "
            f"{interval(one.contrast_low, one.contrast_high)}, {pairs} under each)."
        )
        numbers = {
            "rows": one.rows, "columns": one.columns, "level": first.level, "baseline": first.baseline,
            "under": [dict(effect.given) for effect in one.contrasts],
            "estimates": [first.estimate, second.estimate], "lows": [first.low, second.low],
            "highs": [first.high, second.high], "pairs": [first.pairs, second.pairs], "contrast": one.contrast,
            "low": one.contrast_low, "high": one.contrast_high, "p_adjusted": one.p_adjusted,
        }  # fmt: skip
        half = size(one.contrast or 0.0, one.contrast_low, one.contrast_high, score) / 2  # of each of two effects
        found.append(Sentence("interaction", text, numbers, half))
    return found


def _successes(successes: Sequence[Successes]) -> list[Sentence]:
    """Returns a sentence on the largest difference of success of each factor that is sure."""
    largest: dict[str, Successes] = {}
    for one in successes:
        if one.p_adjusted is not None and one.p_adjusted < LEVEL and excludes_none(one.low, one.high, 0.0):
            before = largest.get(one.factor)
            if before is None or abs(one.difference or 0.0) > abs(before.difference or 0.0):
                largest[one.factor] = one
    return [_success(one) for one in largest.values()]


def _success(one: Successes) -> Sentence:
    up = (one.difference or 0.0) > 0
    better, worse = (one.level, one.baseline) if up else (one.baseline, one.level)
    won, lost = (one.won, one.lost) if up else (one.lost, one.won)
    difference = abs(one.difference or 0.0)
    low, high = sorted(abs(end) for end in (one.low or 0.0, one.high or 0.0))
    text = (
        f"{one.factor}={better} succeeds more often than {one.factor}={worse}: of {plural(one.pairs, 'matched pair')} "
        f"it alone succeeded in {won} and the other alone in {lost} (difference {points(difference)} percentage "
        f"points, 95 % interval {points(low)} to {points(high)})."
    )
    numbers = {
        "factor": one.factor, "level": better, "baseline": worse, "won": won, "lost": lost, "pairs": one.pairs,
        "difference": difference, "low": low, "high": high, "p_adjusted": one.p_adjusted,
    }  # fmt: skip
    return Sentence("success", text, numbers, difference)
