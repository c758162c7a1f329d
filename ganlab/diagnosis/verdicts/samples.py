"""Verdicts on the samples: too much alike, or with modes missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import ClassVar

from ganlab.diagnosis.verdicts.detector import Detector, Sight, above, below
from ganlab.diagnosis.verdicts.facts import Facts, best_of
from ganlab.diagnosis.verdicts.history import History
from ganlab.diagnosis.verdicts.records import Advice, Evidence
from ganlab.diagnosis.verdicts.unusual import unusual
from ganlab.table import Fraction, PositiveInt

DISTANCE, FEATURES = "diagnosis/distance", "diagnosis/feature_distance"
DUPLICATES, CLASSES = "diagnosis/duplicates", "diagnosis/classes"
CONTRAST, PIXEL_GAP = "diagnosis/contrast", "diagnosis/pixel_gap"
FLAT = 0.01
"""The contrast from which an output is called an image: 1 % of the data's is a level or two of grey."""
PALE = 0.4
"""The share of the data's contrast from which on copies and missing modes count: grey images are copies of each other,
and of no class, before G has begun."""
AGO, GROWING = 8, 1.15
"""The distance between samples grows if it is more than 15 % larger than it was 8 rows ago. In runs that train it
doubles in that time at first."""
GROWS = 1.05
"""The factor from one score to the next from which the number of modes is called growing."""
DISTANCE_MEANING = "the mean distance between two samples, over that between two real images,"
MODES_MEANING = "the share of the data's modes among the samples"
COPIES_MEANING = "the share of samples with a near copy"


def differences(seen: History, distance: float, contrast: float, pixel_gap: float) -> tuple[Evidence, ...] | None:
    """Returns the evidence that the samples differ from the data by simple measures: the newest values below
    ``distance`` or ``contrast``, or above ``pixel_gap``; None if there is no such measure."""
    values = {tag: seen.last(tag) for tag in (DISTANCE, CONTRAST, PIXEL_GAP)}
    if all(value is None for value in values.values()):
        return None
    found: list[Evidence] = []
    if (value := values[DISTANCE]) is not None:
        found += below(DISTANCE, value, distance, DISTANCE_MEANING)
    if (value := values[CONTRAST]) is not None:
        meaning = "the standard deviation of the samples' pixels, over that of the data,"
        found += below(CONTRAST, value, contrast, meaning)
    if (value := values[PIXEL_GAP]) is not None:
        found += above(PIXEL_GAP, value, pixel_gap, "the distance of the mean sample from that of the data")
    return tuple(found)


def on_its_way(seen: History) -> bool:
    """Whether the variety of the samples still grows, or is not known for long enough to tell."""
    distances = seen.recent(DISTANCE, AGO + 3)
    if len(distances) <= 3:
        return True
    return median(distances[-3:]) > GROWING * median(distances[: max(len(distances) - AGO, 1)])


def alike(seen: History, facts: Facts, distance: float, share: float) -> tuple[Evidence, ...] | None:
    """Returns the evidence that samples are nearer to each other than ``distance``, in distances of real images, and
    than ``share`` of what their contrast would allow; None if the row does not say.

    Before G makes images its outputs are grey, and near to each other for that reason: their distance is then as small
    as their contrast, and no smaller. While it grows, G is still on its way. Points of the plane are never grey.
    """
    if (found := seen.level(DISTANCE)) is None:
        return None
    if on_its_way(seen):
        return ()
    limit, contrast = distance, None if facts.are_points else seen.level(CONTRAST)
    if contrast is not None and contrast > FLAT:
        limit = min(limit, share * contrast)
    return below(DISTANCE, found, limit, DISTANCE_MEANING)


def has_grown(values: Sequence[float]) -> bool:
    """Whether the newer one of two values is clearly above the older one."""
    return len(values) == 2 and values[1] > values[0] * GROWS


def missing(
    seen: History, facts: Facts, tag: str, value: float | None, limit: float, meaning: str
) -> tuple[Evidence, ...]:
    """Returns the evidence that a value of a rare row is below ``limit``, and has not grown since the one before: a G
    that still finds modes is no collapsed one, and neither is one whose images are grey."""
    before, contrast = seen.recent(tag, 2), None if facts.are_points else seen.last(CONTRAST)
    if value is None or len(before) < 2 or has_grown(before) or (contrast is not None and contrast < PALE):
        return ()
    return below(tag, value, limit, meaning)


def mode_share(seen: History, facts: Facts) -> float | None:
    """Returns the share of the data's modes that the newest score found, None if the row has no such score."""
    found = seen.now("scores/modes")
    expected = facts.modes or seen.now("scores/modes_expected")
    return None if found is None or not expected else min(found / expected, 1.0)


def diversity_advice(facts: Facts, verdict: str) -> tuple[Advice, ...]:
    """Returns advice for more diverse samples."""
    critic = facts.number("schedule.n_critic", 1.0) or 1.0
    pack = None
    if facts.number("discriminator.pack") == 1:
        pack = Advice(("discriminator.pack=2",), "D sees two samples at once (Lin et al. 2018)", restart=True)
    return best_of(
        *unusual(facts, verdict),
        facts.lower_rate("generator") if facts.is_fast("generator") else None,
        facts.lower_rate("discriminator") if facts.is_fast("discriminator") else None,
        facts.higher_rate("discriminator") if facts.is_slow("discriminator") else None,
        facts.relativistic("lets modes that G has left attract it again"),
        facts.slope_penalty("lets modes that G has left attract it again"),
        facts.small_weights(),
        Advice(("schedule.n_critic=2",), "D follows G's changes sooner") if critic == 1 else None,
        facts.lower_rate("generator"),
        pack,
    )


@dataclass(frozen=True)
class ModeCollapse(Detector):
    """G makes nearly the same image, or a few, for all latents. The distance between samples is that of Odena et al.
    2017, section 4.2, with pixels in place of MS-SSIM; duplicates are those of the birthday test, Arora & Zhang 2017.
    """

    name: ClassVar[str] = "mode_collapse"
    # A G that starts slowly makes images that are alike for up to a fifth of a short run.
    begins: Fraction = 0.2
    points: PositiveInt = 3
    rare_points: PositiveInt = 2
    # Samples 0.35 times as far from each other as real images are; those of healthy runs are at 0.8 to 1.1.
    distance: Fraction = 0.35
    # And half as far as their contrast allows: a G that is still grey makes outputs that are alike, and not collapsed.
    share: Fraction = 0.5
    # Half of the samples have a copy among 127 others: at most about a hundred different images are made.
    duplicates: Fraction = 0.5

    def look(self, seen: History, facts: Facts, network: str | None) -> Sight:
        found: dict[str, tuple[Evidence, ...]] = {}
        if (evidence := alike(seen, facts, self.distance, self.share)) is not None:
            found["distance"] = evidence
        if (copies := seen.now(DUPLICATES)) is not None and not facts.are_points:
            near = above(DUPLICATES, copies, self.duplicates, COPIES_MEANING)
            contrast = seen.last(CONTRAST)
            found["rare duplicates"] = near if contrast is None or contrast > PALE else ()
        return found

    def explain(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> str:
        return (
            "G makes nearly the same image, or one of a few, whatever its latent is. D is fooled by it for a while, "
            "and nothing in the losses rewards variety."
        )

    def advise(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> tuple[Advice, ...]:
        return diversity_advice(facts, self.name)


@dataclass(frozen=True)
class PartialCollapse(Detector):
    """G makes varied images, but not of all modes of the data."""

    name: ClassVar[str] = "partial_collapse"
    begins: Fraction = 0.2  # as above
    points: PositiveInt = 4
    rare_points: PositiveInt = 2
    # Samples 0.6 times as far from each other as real images are, and as their contrast allows.
    distance: Fraction = 0.6
    share: Fraction = 0.75
    # 1 is the entropy of equally many samples of each class. Of 128 samples of runs that train it is 0.65 to 1; with
    # four of ten classes it is at most 0.6.
    classes: Fraction = 0.6
    # Three quarters of the modes.
    modes: Fraction = 0.75
    # Recall of a tenth beside a precision of a half: good images of a small part of the data.
    recall: Fraction = 0.1
    precision: Fraction = 0.5

    def look(self, seen: History, facts: Facts, network: str | None) -> Sight:
        found: dict[str, tuple[Evidence, ...]] = {}
        if (evidence := alike(seen, facts, self.distance, self.share)) is not None:
            found["distance"] = evidence
        if (entropy := seen.now(CLASSES)) is not None:
            meaning = "the entropy of the samples' classes, over its largest value,"
            found["rare classes"] = missing(seen, facts, CLASSES, entropy, self.classes, meaning)
        if (modes := mode_share(seen, facts)) is not None:
            found["rare modes"] = missing(seen, facts, "scores/modes", modes, self.modes, MODES_MEANING)
        recall, precision = seen.now("scores/recall"), seen.now("scores/precision")
        if recall is not None and precision is not None:
            missed = below("scores/recall", recall, self.recall, "the share of real images that are near a sample")
            good = above("scores/precision", precision, self.precision, "the share of samples near a real image")
            grows = DISTANCE in seen.series and on_its_way(seen)  # otherwise the scores are all that is known
            grows = grows or has_grown(seen.recent("scores/modes", 2))
            found["rare recall"] = (*missed, *good) if missed and good and not grows else ()
        return found

    def needed(self, clause: str) -> int:
        # Missing modes are told from two scores already: the one before is compared with.
        return 1 if clause == "rare modes" else super().needed(clause)

    def explain(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> str:
        return "G's images vary, but parts of the data are missing among them."

    def advise(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> tuple[Advice, ...]:
        return diversity_advice(facts, self.name)
