"""Sentences on what was counted, and on what the data cannot tell."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ganlab.report.analysis.effects import excludes_none, none_of
from ganlab.report.model import Cause, Effect, Factor, Group, Interaction, Run, Score, Sentence, Share, Stated
from ganlab.report.reading.outcomes import OTHER_MEASURE
from ganlab.report.text.sentences import turned
from ganlab.report.text.words import interval, number, percent, plural, score_name, success_rule

MOST_NAMED = 3
COUNTED = {
    "poor": "did not reach it", "collapsed": "collapsed", "diverged": "diverged", "failed": "failed",
    "refused": "were refused",
}  # fmt: skip


def unknown_of(
    factors: Sequence[Factor], levels: Sequence[Group], effects: Sequence[Effect], score: Score
) -> list[Sentence]:
    """Returns sentences on the factors whose two best levels cannot be told apart, the widest interval first."""
    found = []
    for factor in factors:
        centres = {
            one.levels[factor.name]: one.with_failures.iqm
            for one in levels
            if list(one.levels) == [factor.name] and one.with_failures.iqm is not None
        }
        best = sorted(centres, key=lambda level: (centres[level] or 0.0) * (1 if score.better == "lower" else -1))[:2]
        for one in effects:
            if (
                one.factor == factor.name
                and {one.level, one.baseline} == set(best)
                and one.better is None
                and one.pairs
            ):
                found.append(_cannot_tell(one if one.level == best[0] else turned(one, score), score))
    found.sort(key=lambda one: -one.size)
    return found


def too_few_seeds(interactions: Sequence[Interaction]) -> list[Sentence]:
    """Returns a sentence on the interactions that no result could show, since there are too few seeds."""
    few = [one for one in interactions if one.p is not None and one.seeds < (one.fewest_seeds or 0)]
    if not few:
        return []
    named = ", ".join(f"{one.rows} × {one.columns}" for one in few[:MOST_NAMED])
    more = f" and {len(few) - MOST_NAMED} more" if len(few) > MOST_NAMED else ""
    seeds, needed = min(one.seeds for one in few), max(one.fewest_seeds or 0 for one in few)
    text = (
        f"{plural(seeds, 'seed')} are too few to tell whether the effect of one setting depends on another "
        f"({named}{more}): the test takes each seed as one observation, and needs {needed}."
    )
    numbers = {"seeds": seeds, "fewest_seeds": needed, "interactions": [[one.rows, one.columns] for one in few]}
    return [Sentence("unknown", text, numbers)]


def _cannot_tell(one: Effect, score: Score) -> Sentence:
    name, none = score_name(score.name), none_of(score)
    which = f"{one.factor}={one.level} from {one.factor}={one.baseline}"
    width = 0.0
    if one.low is None or one.high is None:
        few = "One seed is" if one.blocks == 1 else f"{one.blocks} seeds are"
        text = f"{few} too few to tell {which}; run seed=0,1,2."
    elif one.low == one.high == none:
        equal = f"their {name} is equal in all {plural(one.pairs, 'matched pair')}"
        text = f"{plural(one.blocks, 'seed')} cannot separate {which}: {equal}."
    else:
        kind = "ratio" if score.comparison == "ratio" else "difference"
        width = math.log(one.high / one.low) if score.comparison == "ratio" and one.low > 0 else 0.0
        text = f"{plural(one.blocks, 'seed')} cannot separate {which}: "
        text += f"the 95 % interval of the {kind} of their {name} is {interval(one.low, one.high)}."
        if excludes_none(one.low, one.high, none):
            text = text[:-1] + f", and {plural(one.pairs, 'matched pair')} can show that by chance (p = "
            text += f"{number(one.p_adjusted, 2)}, adjusted for all comparisons). More seeds can tell."
    numbers = {
        "factor": one.factor, "level": one.level, "baseline": one.baseline, "estimate": one.estimate, "low": one.low,
        "high": one.high, "pairs": one.pairs, "blocks": one.blocks, "block": one.block, "p_adjusted": one.p_adjusted,
    }  # fmt: skip
    return Sentence("unknown", text, numbers, width)


def fact_of(
    runs: Sequence[Run],
    success: Share,
    causes: Sequence[Cause],
    score: Score | None,
    threshold: Stated | None,
    noise: Stated | None = None,
) -> Sentence:
    """Returns the sentence on how many runs succeeded, why most of the others did not, and how many have not ended."""
    counts = {outcome: sum(one.count for one in causes if one.outcome == outcome) for outcome in COUNTED}
    reached = "finished and did not collapse"
    if score is not None and threshold is not None:
        reached = f"reached {score_name(score.name)} {success_rule(score, threshold, noise)} ({threshold.rule})"
        if counts["collapsed"]:  # a run may have done both
            reached += " and did not collapse"
    text = "No run has ended yet"
    if success.of:
        text = f"{success.count} of {plural(success.of, 'run')} that ended {reached}"
        text += f": {percent(success.share)} (95 % interval {percent(success.low)} to {percent(success.high)})"
    others = [f"{count} {COUNTED[outcome]}" for outcome, count in counts.items() if count]
    if others:
        text += f". Of the others {', '.join(others)}"
        if named := [one for one in causes if one.outcome in COUNTED and one.outcome != "poor"]:
            text += f" (most often: {named[0].cause or named[0].outcome}, {plural(named[0].count, 'run')})"
    unfinished = sum(one.count for one in causes if one.outcome == "unfinished" and one.cause != OTHER_MEASURE)
    if unfinished:
        text += f". {plural(unfinished, 'run')} {'has' if unfinished == 1 else 'have'} no result yet"
    numbers = {
        "runs": len(runs), "succeeded": success.count, "ended": success.of, "share": success.share, "low": success.low,
        "high": success.high, "threshold": threshold.value if threshold else None, "unfinished": unfinished,
        "failures": counts,
    }  # fmt: skip
    return Sentence("fact", f"{text}.", numbers)
