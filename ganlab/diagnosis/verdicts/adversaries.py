"""Verdicts on the balance between D and G, from D's outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import ClassVar

from ganlab.diagnosis.verdicts.detector import Detector, Sight, above, below
from ganlab.diagnosis.verdicts.facts import SCALES, Facts, best_of
from ganlab.diagnosis.verdicts.history import History
from ganlab.diagnosis.verdicts.records import Advice, Evidence
from ganlab.diagnosis.verdicts.samples import CONTRAST, DISTANCE, PIXEL_GAP, differences
from ganlab.diagnosis.verdicts.unusual import unusual
from ganlab.table import Fraction, Positive, PositiveInt

EFFECT = "diagnosis/logit_effect"
REAL, FAKE, LOSS = "discriminator/real", "discriminator/fake", "discriminator/adversarial"
RIGHT_ON = {
    "diagnosis/accuracy_real": "the share of reals that D classifies rightly",
    "diagnosis/accuracy_fake": "the share of fakes that D classifies rightly",
}


def is_right(seen: History, facts: Facts, accuracy: float, margin: float) -> tuple[Evidence, ...] | None:
    """Returns the evidence that D tells reals from fakes nearly always, () if it does not, and None where the row does
    not say: by the accuracies, or by the mean logits, which must be ``margin`` scales of the loss from the boundary."""
    levels = {tag: level for tag in RIGHT_ON if (level := seen.level(tag)) is not None}
    if len(levels) == len(RIGHT_ON):
        found = [one for tag, level in levels.items() for one in above(tag, level, accuracy, RIGHT_ON[tag])]
        return tuple(found) if len(found) == len(RIGHT_ON) else ()
    real, fake, scale = seen.level(REAL), seen.level(FAKE), SCALES.get(facts.loss)
    if real is None or fake is None or scale is None:
        return None
    boundary = facts.boundary if facts.boundary is not None else (real + fake) / 2
    of_real = above(REAL, real, boundary + margin * scale, "D's mean logit of reals")
    of_fake = below(FAKE, fake, boundary - margin * scale, "D's mean logit of fakes")
    return (*of_real, *of_fake) if of_real and of_fake else ()


@dataclass(frozen=True)
class DiscriminatorOverpowers(Detector):
    """D is right nearly always, and G gets no further: its gradient has vanished, or its loss is far above where a
    balanced game has it. D that is right alone is normal (Brock et al. 2019, section 4.2)."""

    name: ClassVar[str] = "discriminator_overpowers"
    points: PositiveInt = 4
    # D right on 97 % of both kinds: healthy runs on small data reach 95 % for a while.
    accuracy: Fraction = 0.97
    # Without accuracies: mean logits two scales from the boundary, probabilities of 0.88 and 0.12 with bce.
    margin: Positive = 2.0
    # The gradient that G receives has fallen to a tenth of what it was.
    fallen: Fraction = 0.1
    # A mean loss of 5 of G with bce: D takes its images for real with a probability of 0.7 %.
    loss: Positive = 5.0
    # With minimax the gradient of G's loss by a logit is that probability: at 5 % it has lost all but a twentieth.
    # D's mean loss tells it too, but G's is what G learns from.
    saturated: Fraction = 0.05

    def look(self, seen: History, facts: Facts, network: str | None) -> Sight:
        if facts.is_critic:
            return {}  # a critic is trained to be as good as it can, and its gradient does not vanish
        right = is_right(seen, facts, self.accuracy, self.margin)
        if right is None:
            return {}
        helpless = self._helpless(seen, facts)
        return {"right": (*right, *helpless) if right and helpless else ()}

    def _helpless(self, seen: History, facts: Facts) -> tuple[Evidence, ...]:
        """Returns the evidence that G does not get any further."""
        found: list[Evidence] = []
        for tag, meaning in (
            ("diagnosis/output_gradient", "the norm of the gradient at G's images"),
            ("generator/gradient_norm", "the norm of G's gradient"),
        ):
            highest, now = seen.high(tag), seen.level(tag)
            if highest and now is not None:
                found += below(tag, now, self.fallen * highest, f"{meaning}, {highest:.3g} at its largest,")
        loss, limit = seen.level("generator/adversarial"), {"hinge": 2.0}.get(facts.loss, 1.0) * self.loss
        if loss is not None and facts.loss in ("bce", "relativistic", "hinge"):
            found += above("generator/adversarial", loss, limit, "G's mean loss")
        if loss is not None and facts.loss == "minimax":
            meaning = "the size of G's mean loss, which is 0 where it is saturated,"
            found += below("generator/adversarial", abs(loss), self.saturated, meaning)
        return tuple(found)

    def explain(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> str:
        return (
            "D tells generated images from real ones nearly always, and what G learns from it no longer moves G "
            "towards the data."
        )

    def advise(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> tuple[Advice, ...]:
        return best_of(
            *unusual(facts, self.name),
            facts.lower_rate("discriminator") if facts.is_fast("discriminator") else None,
            facts.higher_rate("generator") if facts.is_slow("generator") else None,
            facts.slope_penalty("keeps its gradient useful"),
            facts.instance_noise(),
            facts.lower_rate("discriminator"),
        )


@dataclass(frozen=True)
class DiscriminatorAtChance(Detector):
    """D classifies reals and fakes no better than by chance, or worse, although they clearly differ by simple measures.

    D at chance beside images that resemble the data is no fault: it is where training should end (Goodfellow et al.
    2014, Theorem 1), and D of a relativistic loss or under a penalty on its slope is near it for most of a good run.
    """

    name: ClassVar[str] = "discriminator_at_chance"
    points: PositiveInt = 5
    # D's loss, in that of a D which always answers with the boundary: 97 % leaves it right on 60 % of both kinds.
    loss: Positive = 0.97
    # The gap of D's mean logits in standard deviations of them: from 1 on it does tell them apart.
    effect: Positive = 1.0
    # Below -1 it prefers the fakes, as if they were the reals, whatever its loss is.
    reversed: Positive = 1.0
    # Samples that differ from the data by more than these have not been made by a run that went well.
    distance: Fraction = 0.6
    contrast: Fraction = 0.6
    pixel_gap: Positive = 0.6
    # Without such measures: D that never brought its loss below 90 % of chance has not learned anything.
    learned: Positive = 0.9

    def look(self, seen: History, facts: Facts, network: str | None) -> Sight:
        chance, loss = facts.chance, seen.level(LOSS, 5)
        if chance is None or loss is None:
            return {}  # a critic, whose outputs have no unit
        guesses = self._guesses(seen, chance, loss)
        if not guesses:
            return {"indifferent": ()}
        unlike = differences(seen, self.distance, self.contrast, self.pixel_gap)
        if unlike is None:
            return {"indifferent": guesses if (seen.low(LOSS) or 0.0) > self.learned * chance else ()}
        return {"indifferent": (*guesses, *unlike) if unlike else ()}

    def _guesses(self, seen: History, chance: float, loss: float) -> tuple[Evidence, ...]:
        """Returns the evidence that D does not tell reals from fakes, or takes one for the other."""
        meaning = f"D's mean loss, {chance:.3g} of a D that guesses,"
        found = above(LOSS, loss, self.loss * chance, meaning)
        if (effect := seen.level(EFFECT, 5)) is None:
            return found
        gap = "the gap of D's logits of reals and of fakes, in standard deviations,"
        if wrong := below(EFFECT, effect, -self.reversed, gap):
            return wrong
        apart = below(EFFECT, effect, self.effect, gap)
        return (*found, *apart) if found and apart else ()

    def explain(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> str:
        differ = any(one.tag in (DISTANCE, CONTRAST, PIXEL_GAP) for one in evidence)
        reason = "although they differ" if differ else "and always has"
        return f"D gives real and generated images the same outputs, {reason}, so that G learns nothing from it."

    def advise(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> tuple[Advice, ...]:
        critic = facts.number("schedule.n_critic")
        return best_of(
            *unusual(facts, self.name),
            facts.lower_rate("discriminator") if facts.is_fast("discriminator") else None,
            facts.higher_rate("discriminator") if facts.is_slow("discriminator") else None,
            facts.lower_rate("generator") if facts.is_fast("generator") else None,
            Advice(("schedule.n_critic=2",), "D has one update for each of G") if critic == 1 else None,
            facts.higher_rate("discriminator"),
        )


@dataclass(frozen=True)
class DiscriminatorOverfits(Detector):
    """D tells the images that it was trained on from held-out ones. Karras et al. 2020 (ADA), sections 2 and 3."""

    name: ClassVar[str] = "discriminator_overfits"
    points: PositiveInt = 4
    # Of the training reals D calls 30 points more real than of held-out ones.
    gap: Fraction = 0.3
    # By mean logits: 30 % of the way from training images to fakes lies between training and held-out images. In runs
    # that train well it is 20 % at most.
    share: Fraction = 0.3
    # D's logits of training images and fakes a tenth of a scale apart: before that shares of the gap are noise.
    apart: Positive = 0.1
    # The rows whose median counts: the logits of a few held-out images vary much from row to row.
    rows: PositiveInt = 5
    # Without held-out images: D has seen each image 100 times, and is sure of nearly all of them.
    epochs: Positive = 100.0
    sure: Fraction = 0.97

    def look(self, seen: History, facts: Facts, network: str | None) -> Sight:
        found: dict[str, tuple[Evidence, ...]] = {}
        held, trained = seen.level("diagnosis/accuracy_held_out"), seen.level("diagnosis/accuracy_real")
        if held is not None and trained is not None:
            meaning = f"the share of training images that D calls real is {trained:.2f}; that of held-out ones"
            found["held out"] = below("diagnosis/accuracy_held_out", held, trained - self.gap, meaning)
        if (way := self._way(seen, facts)) is not None:
            meaning = "D's mean logit of held-out images, as a share of the way from training images to fakes,"
            found["way"] = above("discriminator/held_out", way, self.share, meaning)
        return found or self._often_seen(seen, facts)

    def _way(self, seen: History, facts: Facts) -> float | None:
        """Returns how far D's mean logit of held-out images is from that of training images (0) to that of fakes (1),
        the median of the newest rows; None if the row does not say."""
        tags = ("discriminator/held_out", "discriminator/trained_on", FAKE)
        if any(seen.now(tag) is None for tag in tags):
            return None
        least = self.apart * SCALES.get(facts.loss, 1.0)
        rows = zip(*(seen.recent(tag, self.rows) for tag in tags), strict=False)
        return median(
            (trained - held) / (trained - fake) if trained - fake > least else 0.0 for held, trained, fake in rows
        )

    def _often_seen(self, seen: History, facts: Facts) -> Sight:
        """Returns what the row of a run without held-out images shows: few images, seen often, all of them known."""
        size = facts.number("data.limit")
        if size is None or seen.images is None or facts.are_points or facts.is_critic:
            return {}
        right = is_right(seen, facts, self.sure, 3.0)
        if right is None:
            return {}
        meaning = "the number of times that D has seen each image"
        often = above("progress/images", seen.images / size, self.epochs, meaning)
        return {"often seen": (*often, *right) if often and right else ()}

    def explain(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> str:
        return (
            "D knows the training images one by one instead of what real images have in common, so that its answers no "
            "longer guide G to new images."
        )

    def advise(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> tuple[Advice, ...]:
        augmented = facts.are_points or any(facts.has("augment", one) for one in ("ada", "diff_augment"))
        return best_of(
            facts.slope_penalty("keeps D from rising at single images"),
            None if augmented else Advice(("augment.diff_augment={}",), "D sees each image changed (Zhao et al. 2020)"),
            facts.instance_noise(),
            facts.lower_rate("discriminator"),
        )
