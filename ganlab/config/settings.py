"""All settings of a run, as one tree of dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from ganlab.augment import AUGMENTATIONS
from ganlab.conditions import CONDITIONS
from ganlab.conditions.unconditional import Unconditional
from ganlab.data import SOURCES, Source
from ganlab.data.digits import Digits
from ganlab.diagnosis.settings import DIAGNOSES, DiagnosisSetting, SignalSettings
from ganlab.evaluation import EVALUATIONS, Evaluation, NoEvaluation
from ganlab.initializers import INITIALIZERS
from ganlab.latents import LATENTS, NormalLatent
from ganlab.layer import Initializer
from ganlab.losses import LOSSES, Targets
from ganlab.losses.bce import BCE
from ganlab.monitor import OBSERVERS
from ganlab.networks import (
    DISCRIMINATORS,
    GENERATORS,
    NORMS,
    PARAMETRIZATIONS,
    DiscriminatorArchitecture,
    GeneratorArchitecture,
    Norm,
    WeightSetting,
)
from ganlab.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from ganlab.regularizers import REGULARIZERS
from ganlab.table import PATH, PositiveInt, Range
from ganlab.training.averaging import AVERAGINGS, Averaging, NoAveraging
from ganlab.training.checkpoint import CheckpointSettings
from ganlab.training.constraints import CONSTRAINTS, Constraint, Unconstrained
from ganlab.training.device import Runtime
from ganlab.training.divergence import DIVERGENCES, Divergence, Stop
from ganlab.training.observer import ObserverSetting
from ganlab.training.optimizers import OPTIMIZERS, Adam, OptimizerSetting
from ganlab.training.schedule import SCHEDULES, Alternating, Schedule
from ganlab.training.trainer import Logging
from ganlab.types import Augmentation, Conditioning, Latent, Loss, Regularizer


@dataclass(frozen=True)
class InitSettings:
    """The initializer of each network. ``auto`` is normal, or the initializer that the weight parametrization
    requires."""

    generator: Literal["auto"] | Annotated[Initializer, INITIALIZERS] = "auto"
    discriminator: Literal["auto"] | Annotated[Initializer, INITIALIZERS] = "auto"


@dataclass(frozen=True)
class NetworkNorm:
    """An activation norm and a weight parametrization, independent of each other. ``layer: auto`` is the norm that
    the loss and the architecture recommend for D, and batch norm for G, conditional if G receives labels through its
    norm. ``weight: auto`` is the parametrization that the initializer requires, usually none."""

    layer: Literal["auto"] | Annotated[Norm, NORMS] = "auto"
    weight: Literal["auto"] | Annotated[WeightSetting, PARAMETRIZATIONS] = "auto"


@dataclass(frozen=True)
class NormSettings:
    """The norm and weight parametrization of each network."""

    generator: NetworkNorm = field(default_factory=NetworkNorm)
    discriminator: NetworkNorm = field(default_factory=NetworkNorm)


@dataclass(frozen=True)
class OptimizerSettings:
    """One optimizer per network; different learning rates are TTUR."""

    generator: Annotated[OptimizerSetting, OPTIMIZERS] = field(default_factory=Adam)
    discriminator: Annotated[OptimizerSetting, OPTIMIZERS] = field(default_factory=Adam)


def _default_observers() -> Mapping[str, ObserverSetting]:
    return {name: OBSERVERS[name]() for name in ("files", "tensorboard", "progress")}


@dataclass(frozen=True)
class LoggingSettings(Logging):
    """The intervals of reports, and the observers that receive them. ``progress: none`` removes the observer
    of that name."""

    observers: Annotated[Mapping[str, ObserverSetting], OBSERVERS] = field(default_factory=_default_observers)

    @property
    def chosen_observers(self) -> Mapping[str, ObserverSetting]:
        """The observers of the run, by name."""
        shown = self.progress not in ("none", False)
        return {name: one for name, one in self.observers.items() if name != "progress" or shown}


@dataclass(frozen=True)
class Settings:
    """The settings of one run. A step consists of the D updates of the schedule's plan and then its G updates (one,
    with the default schedule); ``steps`` is the number of steps. ``batch_size`` is the number of reals in every
    update. ``rules: warn`` trains combinations that theory or published results speak against, and records which;
    what cannot be computed is refused nevertheless."""

    steps: PositiveInt = 2000
    batch_size: PositiveInt = 64
    seed: Annotated[int, Range(least=0, most=2**63 - 1)] = 0
    data: Annotated[Source, SOURCES] = field(default_factory=Digits)
    generator: Annotated[GeneratorArchitecture, GENERATORS] = field(default_factory=DCGANGenerator)
    discriminator: Annotated[DiscriminatorArchitecture, DISCRIMINATORS] = field(default_factory=DCGANDiscriminator)
    condition: Annotated[Conditioning, CONDITIONS] = field(default_factory=Unconditional)
    latent: Annotated[Latent, LATENTS] = field(default_factory=NormalLatent)
    init: InitSettings = field(default_factory=InitSettings)
    norm: NormSettings = field(default_factory=NormSettings)
    loss: Annotated[Loss, LOSSES] = field(default_factory=BCE)
    targets: Targets = field(default_factory=Targets)
    regularizer: Annotated[Mapping[str, Regularizer], REGULARIZERS] = field(default_factory=dict)
    augment: Annotated[Mapping[str, Augmentation], AUGMENTATIONS] = field(default_factory=dict)
    schedule: Annotated[Schedule, SCHEDULES] = field(default_factory=Alternating)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    constraint: Annotated[Constraint, CONSTRAINTS] = field(default_factory=Unconstrained)
    averaging: Annotated[Averaging, AVERAGINGS] = field(default_factory=NoAveraging)
    runtime: Runtime = field(default_factory=Runtime)
    logging: LoggingSettings = field(default_factory=LoggingSettings)
    checkpoint: CheckpointSettings = field(default_factory=CheckpointSettings)
    divergence: Annotated[Divergence, DIVERGENCES] = field(default_factory=Stop)
    diagnosis: Annotated[DiagnosisSetting, DIAGNOSES] = field(default_factory=SignalSettings)
    evaluation: Annotated[Evaluation, EVALUATIONS] = field(default_factory=NoEvaluation)
    rules: Literal["refuse", "warn"] = "refuse"
    plugins: tuple[str, ...] = ()
    resume: Annotated[str | None, PATH] = None
    resume_override: bool = False
    branch: Annotated[str | None, PATH] = None
    jobs: Literal["auto"] | PositiveInt = 1
