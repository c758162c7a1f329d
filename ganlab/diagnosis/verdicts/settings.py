"""The settings of the verdicts: the thresholds of each detector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

from ganlab.diagnosis.verdicts.adversaries import (
    DiscriminatorAtChance,
    DiscriminatorOverfits,
    DiscriminatorOverpowers,
)
from ganlab.diagnosis.verdicts.course import Divergence, NoLearning, Oscillation
from ganlab.diagnosis.verdicts.critics import NotLipschitz
from ganlab.diagnosis.verdicts.detector import Detector
from ganlab.diagnosis.verdicts.gradients import DeadLayers, ExplodingGradients, VanishingGradients
from ganlab.diagnosis.verdicts.records import NAMES
from ganlab.diagnosis.verdicts.samples import ModeCollapse, PartialCollapse
from ganlab.table import Fraction, NonNegativeInt


@dataclass(frozen=True)
class VerdictSettings:
    """When a verdict is given, and the thresholds of each.

    In the first ``warm_up`` of the planned training, and at most in its first ``warm_up_images``, nothing but
    divergence is looked for: G's first images are all alike, and D is right about all of them. A condition must hold
    for ``images`` training images too, or for the share ``part`` of the planned training if that is less, so that
    frequent rows do not make verdicts hasty.
    """

    warm_up: Fraction = 0.1
    warm_up_images: NonNegativeInt = 50_000
    images: NonNegativeInt = 1000
    part: Fraction = 0.15
    divergence: Divergence = field(default_factory=Divergence)
    exploding_gradients: ExplodingGradients = field(default_factory=ExplodingGradients)
    dead_layers: DeadLayers = field(default_factory=DeadLayers)
    no_learning: NoLearning = field(default_factory=NoLearning)
    not_lipschitz: NotLipschitz = field(default_factory=NotLipschitz)
    discriminator_overpowers: DiscriminatorOverpowers = field(default_factory=DiscriminatorOverpowers)
    vanishing_gradients: VanishingGradients = field(default_factory=VanishingGradients)
    discriminator_overfits: DiscriminatorOverfits = field(default_factory=DiscriminatorOverfits)
    discriminator_at_chance: DiscriminatorAtChance = field(default_factory=DiscriminatorAtChance)
    mode_collapse: ModeCollapse = field(default_factory=ModeCollapse)
    partial_collapse: PartialCollapse = field(default_factory=PartialCollapse)
    oscillation: Oscillation = field(default_factory=Oscillation)

    @property
    def detectors(self) -> tuple[Detector, ...]:
        """The detectors, causes first."""
        return tuple(getattr(self, name) for name in NAMES)


def of_plain(plain: Any) -> VerdictSettings:
    """Returns the settings that plain values describe; what is missing or of another kind has its default."""
    settings: VerdictSettings = _merged(VerdictSettings(), plain)
    return settings


def _merged(default: Any, plain: Any) -> Any:
    if not isinstance(plain, Mapping):
        return default
    changes: dict[str, Any] = {}
    for one in fields(default):
        value, own = plain.get(one.name), getattr(default, one.name)
        if is_dataclass(own):
            changes[one.name] = _merged(own, value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            changes[one.name] = type(own)(value)
    return replace(default, **changes)
