"""Verdicts on the balance between D and G, from D's outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ganlab.diagnosis.verdicts.detector import Detector, Sight, above, below
from ganlab.diagnosis.verdicts.facts import SCALES, Facts, best_of
from ganlab.diagnosis.verdicts.history import History
from ganlab.diagnosis.verdicts.records import Advice, Evidence
from ganlab.diagnosis.verdicts.samples import DISTANCE, DISTANCE_MEANING
from ganlab.table import Fraction, Positive, PositiveInt

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
        return tuple(found)

    def explain(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> str:
        return (
            "D tells generated images from real ones nearly always, and what G learns from it no longer moves G "
            "towards the data."
        )

    def advise(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> tuple[Advice, ...]:
        return best_of(
            facts.lower_rate("discriminator") if facts.is_fast("discriminator") else None,
            facts.higher_rate("generator") if facts.is_slow("generator") else None,
            facts.saturating(),
            facts.fewer_updates(),
            facts.slope_penalty("keeps its gradient useful"),
            facts.instance_noise(),
            facts.lower_rate("discriminator"),
        )


@dataclass(frozen=True)
class DiscriminatorAtChance(Detector):
    """D classifies reals and fakes no better than by chance, or worse, although they differ: its classification was
    never better, or the images differ from the data by simple measures. D at chance beside good
    images is where training should end: its loss is log 4 with bce then (Goodfellow et al. 2014, Theorem 1)."""

    name: ClassVar[str] = "discriminator_at_chance"
    points: PositiveInt = 5
    # D's loss, in that of a D which always answers with the boundary: 97 % leaves it right on 60 % of both kinds.
    loss: Positive = 0.97
    # The gap of D's mean logits in standard deviations of them: from 1 on it does tell them apart.
    effect: Positive = 1.0
    # D that never brought its loss below 90 % of that has not learned anything.
    learned: Positive = 0.9
    # Samples that differ from the data by more than these have not been made by a run that went well.
    distance: Fraction = 0.6
    contrast: Fraction = 0.6
    pixel_gap: Positive = 0.6

    def look(self, seen: History, facts: Facts, network: str | None) -> Sight:
        chance, loss = facts.chance, seen.level(LOSS, 5)
        if chance is None or loss is None:
            return {}  # a critic, whose outputs have no unit
        meaning = f"D's mean loss, {chance:.3g} of a D that guesses,"
        found = above(LOSS, loss, self.loss * chance, meaning)
        tag = "diagnosis/logit_effect"
        if found and (effect := seen.level(tag, 5)) is not None:
            gap = "the gap of D's logits of reals and of fakes, in standard deviations,"
            found = (*found, *apart) if (apart := below(tag, effect, self.effect, gap)) else ()
        unlike = self._unlike(seen)
        never = (seen.low(LOSS) or 0.0) > self.learned * chance
        return {"indifferent": (*found, *unlike) if found and (unlike or never) else ()}

    def _unlike(self, seen: History) -> tuple[Evidence, ...]:
        """Returns the evidence that the samples differ from the data by simple measures."""
        found: list[Evidence] = []
        if (distance := seen.last(DISTANCE)) is not None:
            found += below(DISTANCE, distance, self.distance, DISTANCE_MEANING)
        if (contrast := seen.last("diagnosis/contrast")) is not None:
            meaning = "the standard deviation of the samples' pixels, over that of the data,"
            found += below("diagnosis/contrast", contrast, self.contrast, meaning)
        if (gap := seen.last("diagnosis/pixel_gap")) is not None:
            found += above(
                "diagnosis/pixel_gap", gap, self.pixel_gap, "the distance of the mean sample from that of the data"
            )
        return tuple(found)

    def explain(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> str:
        differ = any(one.tag in (DISTANCE, "diagnosis/contrast", "diagnosis/pixel_gap") for one in evidence)
        reason = "although they differ" if differ else "and always has"
        return f"D gives real and generated images the same outputs, {reason}, so that G learns nothing from it."

    def advise(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> tuple[Advice, ...]:
        flip, noise = facts.number("targets.flip", 0.0) or 0.0, facts.number("targets.noise", 0.0) or 0.0
        critic = facts.number("schedule.n_critic")
        return best_of(
            Advice(("targets.flip=0",), f"{100 * flip:.0f} % of D's labels are exchanged") if flip > 0.1 else None,
            Advice(("targets.noise=0",), "D's targets are mostly noise") if noise > 0.5 else None,
            facts.lower_rate("discriminator") if facts.is_fast("discriminator") else None,
            facts.higher_rate("discriminator") if facts.is_slow("discriminator") else None,
            facts.lower_rate("generator") if facts.is_fast("generator") else None,
            facts.weaker_penalty(),
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
    # Without accuracies: half of the way from reals to fakes lies between training and held-out reals.
    share: Fraction = 0.5
    # D's logits of reals and fakes a scale apart: before that shares of the gap are noise.
    apart: Positive = 1.0
    # Without held-out images: D has seen each image 100 times, and is sure of nearly all of them.
    epochs: Positive = 100.0
    sure: Fraction = 0.97

    def look(self, seen: History, facts: Facts, network: str | None) -> Sight:
        held, trained = seen.level("diagnosis/accuracy_held_out"), seen.level("diagnosis/accuracy_real")
        if held is not None and trained is not None:
            meaning = f"the share of training images that D calls real is {trained:.2f}; that of held-out ones"
            return {"held out": below("diagnosis/accuracy_held_out", held, trained - self.gap, meaning)}
        held, trained, fake = (seen.level(tag) for tag in ("discriminator/held_out", "discriminator/trained_on", FAKE))
        if held is not None and trained is not None and fake is not None:
            apart = trained - fake
            meaning = f"D's mean logit of training images is {trained:.3g}, of fakes {fake:.3g}; of held-out images it"
            found = below("discriminator/held_out", held, trained - self.share * apart, meaning)
            return {"held out": found if apart > self.apart * SCALES.get(facts.loss, 1.0) else ()}
        return self._often_seen(seen, facts)

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
            None if augmented else Advice(("augment.diff_augment={}",), "D sees each image changed (Zhao et al. 2020)"),
            facts.slope_penalty("keeps D from rising at single images"),
            facts.instance_noise(),
            facts.lower_rate("discriminator"),
        )
