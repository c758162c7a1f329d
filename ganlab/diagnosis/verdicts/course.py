"""Verdicts on the course of a training: it runs away, swings, or does not move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import ClassVar

from ganlab.diagnosis.verdicts.detector import Detector, Sight, above, below
from ganlab.diagnosis.verdicts.facts import SCALES, Facts, best_of
from ganlab.diagnosis.verdicts.history import History
from ganlab.diagnosis.verdicts.records import Advice, Evidence
from ganlab.diagnosis.verdicts.samples import differences
from ganlab.diagnosis.verdicts.unusual import unusual
from ganlab.table import Fraction, Positive, PositiveInt

NETWORKS = ("generator", "discriminator")


@dataclass(frozen=True)
class Divergence(Detector):
    """The training moves away from where it was: updates are not finite, losses or weights grow without an end, or the
    score is far above its best."""

    name: ClassVar[str] = "divergence"
    excused: ClassVar[bool] = False
    points: PositiveInt = 2
    rare_points: PositiveInt = 2
    # Half of the updates since the last row were not finite.
    left_out: Fraction = 0.5
    # A loss of a hundred, and a hundred times what it was at first. Losses of the usual kinds are below 10.
    loss: Positive = 100.0
    # Weights ten times as large as they were, and of size 1: in networks that train well they stay below 0.5.
    weights: Positive = 10.0
    size: Positive = 1.0
    # A score (FID or KID, lower is better) three times its best one.
    score: Positive = 3.0

    def look(self, seen: History, facts: Facts, network: str | None) -> Sight:
        found: dict[str, tuple[Evidence, ...]] = {}
        for name in NETWORKS:
            tag = f"{name}/blocked"
            if (share := seen.now(tag)) is not None:
                meaning = f"the share of the {name}'s updates that were not finite"
                found[f"{name} left out"] = above(tag, share, self.left_out, meaning)
            tag = f"{name}/adversarial"
            if (loss := seen.now(tag)) is not None:
                start = abs(seen.start(tag) or 0.0)
                meaning = f"the size of the {name}'s mean loss"
                found[f"{name} loss"] = above(tag, abs(loss), self.loss * max(1.0, start), meaning)
            tag = f"diagnosis/{name}_weight"
            if (weight := seen.level(tag)) is not None and (first := seen.low(tag)):
                meaning = f"the size of the {name}'s weights, {first:.3g} at its smallest,"
                found[f"{name} weights"] = above(tag, weight, max(self.weights * first, self.size), meaning)
        # Of points of the plane the FID is near 0 once all is well, so that a multiple of its best says nothing.
        for tag in () if facts.are_points else ("scores/fid", "scores/kid"):
            if (score := seen.now(tag)) is not None and (best := seen.low(tag)) is not None and best > 0:
                meaning = f"the score, {best:.3g} at its best,"
                found["rare score"] = above(tag, score, self.score * best, meaning)
                break
        return found

    def needed(self, clause: str) -> int:
        return 1 if clause.endswith("left out") else super().needed(clause)

    def explain(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> str:
        tags = [one.tag for one in evidence]
        if any(tag.endswith("/blocked") for tag in tags):
            return "Losses or gradients are infinite or not a number, and these updates are left out."
        if any(tag.startswith("scores/") for tag in tags):
            return "The samples were much better before: the best checkpoint is that of the best score."
        return "Losses or weights grow without an end: each network answers to the growth of the other."

    def advise(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> tuple[Advice, ...]:
        tags = " ".join(one.tag for one in evidence)
        fault = "discriminator" if "discriminator" in tags and "generator" not in tags.replace("discrim", "") else ""
        both = _both_lower(facts)
        return best_of(
            *unusual(facts, self.name),
            facts.lower_rate("discriminator") if facts.is_fast("discriminator") else None,
            facts.lower_rate("generator") if facts.is_fast("generator") else None,
            facts.lipschitz() if facts.is_critic else None,
            facts.lower_rate(fault) if fault else None,
            both,
            facts.slope_penalty("bounds what G can gain in a step"),
        )


def _both_lower(facts: Facts) -> Advice | None:
    words = [word for name in NETWORKS if (one := facts.lower_rate(name)) for word in one.overrides]
    return Advice(tuple(words), "smaller steps of both networks") if words else None


@dataclass(frozen=True)
class Oscillation(Detector):
    """The game goes round in circles: D's outputs on reals and fakes swing up and down together, by more than the
    difference that it makes between the two (Mescheder et al. 2018, section 2)."""

    name: ClassVar[str] = "oscillation"
    points: PositiveInt = 2
    # Turning points of a swing among the last 24 rows. Noise turns too, but by less than ``swing``.
    turns: PositiveInt = 5
    # A swing of D's mean output, in gaps between its mean outputs on reals and on fakes.
    swing: Positive = 1.5
    # And at least this many scales of the loss: with D at chance the gap is nothing.
    least: Positive = 1.0

    def look(self, seen: History, facts: Facts, network: str | None) -> Sight:
        if seen.now("discriminator/real") is None or seen.now("discriminator/fake") is None:
            return {}
        real, fake = seen.recent("discriminator/real"), seen.recent("discriminator/fake")
        count = min(len(real), len(fake))
        if count < 8:
            return {}
        pairs = list(zip(real[-count:], fake[-count:], strict=True))
        gap = median(abs(a - b) for a, b in pairs)
        scale = SCALES.get(facts.loss)
        size = max(self.swing * gap, self.least * scale if scale is not None else 0.2 * _largest_gap(pairs))
        turns = turning_points([(a + b) / 2 for a, b in pairs], size)
        meaning = f"the number of times in {count} rows that D's mean output swings by more than {size:.3g}"
        return {"swings": above("discriminator/real", turns, self.turns - 0.5, meaning)}

    def explain(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> str:
        return (
            "Each network undoes what the other has just learned: D's outputs swing up and down, and the samples with "
            "them."
        )

    def advise(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> tuple[Advice, ...]:
        return best_of(
            *unusual(facts, self.name),
            facts.lower_rate("generator") if facts.is_fast("generator") else None,
            facts.lower_rate("discriminator") if facts.is_fast("discriminator") else None,
            facts.slope_penalty("damps the circles"),
            _both_lower(facts),
            facts.instance_noise(),
        )


def turning_points(values: Sequence[float], size: float) -> int:
    """Returns the number of times that the values turn from rising to falling or back by at least ``size``."""
    turns, direction = 0, 0
    low = high = values[0]
    for value in values:
        low, high = min(low, value), max(high, value)
        if direction >= 0 and value <= high - size:
            turns += direction > 0
            direction, low = -1, value
        elif direction <= 0 and value >= low + size:
            turns += direction < 0
            direction, high = 1, value
    return turns


def _largest_gap(pairs: Sequence[tuple[float, float]]) -> float:
    return max(abs(a - b) for a, b in pairs)


@dataclass(frozen=True)
class NoLearning(Detector):
    """A network does not move: its updates are far smaller than its weights, from the start on, or from before its
    samples resembled the data."""

    name: ClassVar[str] = "no_learning"
    networks: ClassVar[tuple[str | None, ...]] = NETWORKS
    points: PositiveInt = 4
    # An update of 1e-4 of the weights: a thousand of them change the weights by a tenth at most. With Adam and usual
    # rates it is 1e-3 to 1e-2.
    update: Positive = 1e-4
    # And never above three times that: a rate that has decayed at the end of training is no fault.
    most: Positive = 3.0
    # Unless its samples differ from the data by these measures: then it has stopped before its work was done.
    distance: Fraction = 0.5
    contrast: Fraction = 0.5
    pixel_gap: Positive = 0.6
    # Without that number: a learning rate of Adam below 1e-6.
    rate: Positive = 1e-6

    def look(self, seen: History, facts: Facts, network: str | None) -> Sight:
        tag, rate = f"diagnosis/{network}_update", f"{network}/learning_rate"
        if (update := seen.level(tag)) is not None:
            most = max(seen.high(tag) or 0.0, update)
            meaning = f"the size of an update of the {network} over that of its weights, at most {most:.2g} so far,"
            found = below(tag, update, self.update, meaning)
            if found and most >= self.most * self.update:
                unlike = differences(seen, self.distance, self.contrast, self.pixel_gap)
                found = (*found, *unlike) if unlike else ()
            return {"update": found}
        adaptive = facts.name(f"optimizer.{network}") in ("adam", "adamw", "rmsprop")
        if adaptive and seen.now(rate) is not None and (largest := seen.high(rate)) is not None:
            return {"rate": below(rate, largest, self.rate, "its largest learning rate so far")}
        return {}

    def explain(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> str:
        if len(evidence) > 1:
            return f"The {network} has stopped: its updates are too small to change it, and the samples are not good."
        return f"The updates of the {network} are so small that it is still what its initialization made it."

    def advise(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> tuple[Advice, ...]:
        return best_of(
            *unusual(facts, self.name),
            facts.higher_rate(str(network), 10.0),
            Advice((f"init.{network}=orthogonal",), "its weights begin at a usual scale", restart=True)
            if facts.name(f"init.{network}") in ("constant", "zero", "normal", "uniform")
            else None,
        )
