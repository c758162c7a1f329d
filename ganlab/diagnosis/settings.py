"""The settings of the diagnosis of a training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from ganlab.diagnosis.verdicts.settings import VerdictSettings
from ganlab.table import Fraction, NonNegativeInt, Range, Table
from ganlab.training.verdicts import OnVerdict


class DiagnosisSetting:
    """A diagnosis of a training. Subclasses are dataclasses whose fields are settings."""


@dataclass(frozen=True)
class NoDiagnosis(DiagnosisSetting):
    """No signals and no verdicts."""


@dataclass(frozen=True)
class SignalSettings(DiagnosisSetting):
    """The settings of the signals that are computed at log points, and of the verdicts that follow from them.

    ``samples`` real and as many generated images pass through both networks at each log point, at most as many as a
    microbatch has. ``pictures`` images, ``latents`` and singular values of the weights are examined at
    sample points only (``logging.samples_every``). A generated image counts as a duplicate if another is nearer than
    ``near`` times the median distance from a real image to its nearest other real image.

    ``on_verdict`` is what follows a verdict: ``tell`` reports it, ``stop`` also ends the run, and ``rollback`` goes
    back to a checkpoint before it with lower learning rates, as ``divergence=rollback`` does. ``verdicts`` are the
    thresholds.
    """

    # 24: a share of images has a standard error of 0.1 at most, and the pass costs a quarter of a step with 64 images.
    samples: Annotated[int, Range(least=2, most=4096)] = 24
    # 128: the birthday test finds duplicates where G makes fewer than about 128² / 2 = 8,000 different images.
    pictures: Annotated[int, Range(least=2, most=4096)] = 128
    # 1: G's Jacobian takes as many rows as the latent has numbers, for each latent.
    latents: NonNegativeInt = 1
    # 0.25: a copy with small differences is nearer; two different real images hardly ever are.
    near: Fraction = 0.25
    on_verdict: OnVerdict = "tell"
    verdicts: VerdictSettings = field(default_factory=VerdictSettings)


DIAGNOSES = Table[DiagnosisSetting]("diagnosis", {"default": SignalSettings, "none": NoDiagnosis})
