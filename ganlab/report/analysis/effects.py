"""Effects of the levels of a factor over matched pairs, on scores and on success."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ganlab.report.analysis.pairs import Pairs
from ganlab.report.analysis.permutation import LEVEL, holm, sign_flip, sign_test
from ganlab.report.analysis.statistics import mean_interval, newcombe
from ganlab.report.model import Effect, Run, Score, SuccessEffect

Array = np.ndarray

SHARES = {"effects": 0.6, "success": 0.2, "interactions": 0.2}
"""The parts' shares of the 5 % of sweeps in which a report may claim something that is not there."""


def on_scale(values: Sequence[float], score: Score) -> Array:
    """Returns values on the scale on which they are averaged and subtracted."""
    array = np.asarray(values, dtype=np.float64)
    return np.log(array) if score.comparison == "ratio" else array


def from_scale(value: float, score: Score) -> float:
    """Returns a difference on that scale as a ratio or a difference of scores."""
    return math.exp(min(value, 700.0)) if score.comparison == "ratio" else value


def none_of(score: Score) -> float:
    """Returns the ratio or the difference that is no effect."""
    return 1.0 if score.comparison == "ratio" else 0.0


def excludes_none(low: float | None, high: float | None, none: float) -> bool:
    """Whether an interval exists and excludes "no effect"."""
    return low is not None and high is not None and not low <= none <= high


def effect_of(pairs: Pairs, score: Score, given: Mapping[str, str] | None = None) -> Effect:
    """Returns the effect of a level against another one, without the correction for the number of effects."""
    both = pairs.known
    refused = sum("refused" in (first.outcome, second.outcome) for first, second in pairs.pairs)
    unfinished = len(pairs.pairs) - len(both) - refused
    blocks = [first.seed for first, _ in both]
    effect = Effect(
        pairs.factor,
        pairs.baseline,
        pairs.level,
        len(both),
        len(set(blocks)),
        "seeds",
        refused=refused,
        unfinished=max(0, unfinished),
        given=dict(given or {}),
    )
    if not both:
        return effect
    apart = differences(both, score)
    lower = score.better == "lower"
    improved = np.where(apart == 0, 0.5, (apart < 0) == lower).astype(np.float64)
    ends = mean_interval(apart, blocks)
    improved_ends = mean_interval(improved, blocks)
    survived = [pair for pair in both if pair[0].survivor and pair[1].survivor]
    return replace(
        effect,
        estimate=from_scale(float(apart.mean()), score),
        low=from_scale(ends[0], score) if ends else None,
        high=from_scale(ends[1], score) if ends else None,
        p=sign_flip(apart),
        improves=float(improved.mean()),
        improves_low=max(0.0, improved_ends[0]) if improved_ends else None,
        improves_high=min(1.0, improved_ends[1]) if improved_ends else None,
        survivors=from_scale(float(differences(survived, score).mean()), score) if survived else None,
        survivor_pairs=len(survived),
    )


def differences(pairs: Sequence[tuple[Run, Run]], score: Score) -> Array:
    """Returns the second minus the first score of each pair, with failures, on the scale on which they compare."""
    first, second = ([float(pair[side].value or 0.0) for pair in pairs] for side in (0, 1))
    apart: Array = on_scale(second, score) - on_scale(first, score)
    return apart


def judged(effects: Sequence[Effect], score: Score, share: float) -> tuple[Effect, ...]:
    """Returns the effects with their adjusted p, and whether the level is better: only where the interval excludes "no
    effect" and the adjusted p is below 0.05. ``share`` is the part of the errors that effects may have."""
    tested = [effect for effect in effects if effect.p is not None]
    adjusted = holm([effect.p or 0.0 for effect in tested])
    found = iter(adjusted)

    def judge(effect: Effect) -> Effect:
        if effect.p is None or effect.estimate is None:
            return effect
        p = min(1.0, next(found) / share)
        none = none_of(score)
        sure = p < LEVEL and excludes_none(effect.low, effect.high, none)
        better = (effect.estimate < none) == (score.better == "lower") if sure else None
        return replace(effect, p_adjusted=p, better=better)

    return tuple(judge(effect) for effect in effects)


def success_effects(pairs: Sequence[Pairs], share: float) -> tuple[SuccessEffect, ...]:
    """Returns the differences of success between levels over matched pairs of runs that ended."""
    found = list(map(_success_effect, pairs))
    adjusted = holm([effect.p if effect.p is not None else 1.0 for effect in found])
    return tuple(
        replace(effect, p_adjusted=min(1.0, p / share)) if effect.p is not None else effect
        for effect, p in zip(found, adjusted, strict=True)
    )


def _success_effect(pairs: Pairs) -> SuccessEffect:
    ended = [pair for pair in pairs.pairs if "unfinished" not in (pair[0].outcome, pair[1].outcome)]
    wins = np.array([_succeeded(second) - _succeeded(first) for first, second in ended], dtype=np.float64)
    won, lost = int((wins > 0).sum()), int((wins < 0).sum())
    both = sum(_succeeded(first) and _succeeded(second) for first, second in ended)
    effect = SuccessEffect(pairs.factor, pairs.baseline, pairs.level, len(ended), won, lost)
    if not ended:
        return effect
    ends = mean_interval(wins, [first.seed for first, _ in ended])
    low = high = None
    if ends:  # the bootstrap over seeds, which is empty where all seeds agree, and the interval of as many pairs
        of_pairs = newcombe(both, won, lost, len(ended) - both - won - lost)
        low, high = max(-1.0, min(ends[0], of_pairs[0])), min(1.0, max(ends[1], of_pairs[1]))
    return replace(effect, difference=float(wins.mean()), low=low, high=high, p=sign_test(won, lost))


def _succeeded(run: Run) -> int:
    return int(run.outcome == "success")


def under_levels(pairs: Pairs, factor: str, levels: Sequence[str], score: Score) -> Iterator[Effect]:
    """Yields the effect of ``pairs`` under each level of another factor."""
    for level in levels:
        yield effect_of(pairs.under(factor, level), score, {factor: level})
