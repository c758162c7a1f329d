"""The components of a GAN, the context of one update, and what both updates and held-out images do with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from ganlab.training.component_state import ComponentStates
from ganlab.training.diagnosis import LogitSignals
from ganlab.types import (
    Augmentation,
    Batch,
    Conditioning,
    Discriminator,
    FeatureMaps,
    Generator,
    Latent,
    Loss,
    RandomStreams,
    Regularizer,
    TargetPair,
)


class TargetSetting(Protocol):
    """The setting of D's target probabilities."""

    def draw(self, samples: int, rngs: RandomStreams, progress: float | Tensor = 0.0) -> TargetPair:
        """Draws the targets of an update of D, for ``samples`` reals and as many fakes, at ``progress`` of training."""


@dataclass(frozen=True)
class GAN:
    """The components of a GAN that both updates use. They stay the same for a whole run; the state that some of them
    have is in ``states``. ``logit_signals`` are those of the diagnosis."""

    generator: Generator
    discriminator: Discriminator
    loss: Loss
    targets: TargetSetting
    latent: Latent
    condition: Conditioning
    classes: int
    regularizers: Mapping[str, Regularizer]
    augmentations: Mapping[str, Augmentation]
    autocast: Callable[[], AbstractContextManager[None]]
    pack: int = 1
    states: ComponentStates = field(default_factory=ComponentStates)
    logit_signals: LogitSignals | None = None
    feature_maps: Mapping[str, FeatureMaps] = field(default_factory=dict)
    """Those of the regularizers' feature networks, by the regularizer's name."""


@dataclass(frozen=True)
class UpdateContext:
    """The facts of one update besides its data: the regularizers that are due, its random streams, the share of
    training that is done, the number of microbatches, and the share of its images that G learns from (top-k).

    In a CUDA graph, which is recorded once and replayed at later steps, the shares are scalar tensors.
    """

    due: frozenset[str]
    rngs: RandomStreams
    progress: float | Tensor
    microbatches: int = 1
    top_share: float | Tensor = 1.0


def augmented(gan: GAN, batch: Batch, view: str, rngs: RandomStreams, progress: float | Tensor) -> Batch:
    """Returns the batch as D receives it, with the random numbers of a ``view``. Images of the condition are augmented
    with the same numbers as the image that they belong to."""

    def through(images: Tensor) -> Tensor:
        for name, augmentation in gan.augmentations.items():
            images = augmentation.augment(images, rngs(f"{name}/{view}"), progress, gan.states.of("augment", name))
        return images

    condition = {key: through(value) if value.dim() == 4 else value for key, value in batch.condition.items()}
    return Batch(through(batch.images), condition)


def set_progress(gan: GAN, progress: float | Tensor) -> None:
    """Sets the share of training that is done in both networks, whose settings may be schedules."""
    gan.generator.set_progress(progress)
    gan.discriminator.set_progress(progress)


def needs_real(gan: GAN, due: frozenset[str]) -> bool:
    """Whether G's update uses reals if these regularizers are due."""
    return gan.loss.needs_real or any("real" in gan.regularizers[name].generator_needs for name in due)
