"""The contract of adversarial losses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from ganlab.table import Moving, Positive
from ganlab.types.records import TargetPair


@dataclass(frozen=True)
class Recommended:
    """The values that ``auto`` resolves to for a loss, as its paper used them."""

    discriminator_norm: str
    """The option of ``norm`` that D has between its layers, such as batch, layer or none."""
    n_critic: int
    """D updates per step."""
    learning_rate: float
    """The learning rate of both networks."""
    betas: tuple[float, float]
    """Adam's decay rates of both networks."""


@dataclass(frozen=True)
class Loss:
    """An adversarial loss: elementwise losses of D and of G from logits (n,), or (n, …) where D's output is a map; the
    trainer averages them, over the places of each sample too, and multiplies them by ``weight``. Subclasses are
    dataclasses whose fields are settings."""

    weight: Moving[Positive] = field(default=1.0, kw_only=True)

    has_targets: ClassVar[bool] = False
    """Whether D has target probabilities, which can be smoothed."""
    needs_lipschitz: ClassVar[bool] = False
    """Whether the loss is bounded only for a Lipschitz-continuous D (Wasserstein losses)."""
    needs_real: ClassVar[bool] = False
    """Whether G's loss uses D's logits on reals too (relativistic losses)."""
    boundary: ClassVar[float | None] = 0.0
    """The logit that separates reals from fakes, halfway between their targets; None if only differences of logits
    matter (Wasserstein and relativistic losses)."""
    recommended: ClassVar[Recommended] = Recommended("batch", n_critic=1, learning_rate=2e-4, betas=(0.5, 0.999))
    """What ``auto`` resolves to with this loss; by default the settings of Radford et al. 2016, section 4."""

    def discriminator(self, real: Tensor, fake: Tensor, targets: TargetPair) -> Tensor:
        """Returns D's loss (n, …) from its logits (n, …) on reals and on fakes; ``targets`` broadcast with them."""
        raise TypeError(f"{type(self).__name__} defines no discriminator loss")

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Returns G's loss (n, …) from D's logits on fakes, and on reals if ``needs_real``."""
        raise TypeError(f"{type(self).__name__} defines no generator loss")
