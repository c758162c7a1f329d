"""R1 and R2: zero-centred gradient penalties on D, at reals and at fakes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ganlab.input_gradient import input_gradient, without_float16
from ganlab.table import Moving, Positive, PositiveInt
from ganlab.types import Batch, DiscriminatorOutput, Need, Regularizer, Update


def half_squared_slope(output: DiscriminatorOutput, batch: Batch) -> Tensor:
    """Returns ½ of the mean of ‖∇D‖² at D's input, with one norm per sample of D. The forward pass that computed the
    output is differentiated; there is no other pass."""
    with without_float16(batch.images.device.type):
        penalty: Tensor = 0.5 * input_gradient(output.logits, batch.images).square().sum(dim=1).mean()
        return penalty


@dataclass(frozen=True)
class R1(Regularizer):
    """The R1 penalty, ½ E‖∇D(x)‖² at the augmented reals; ``weight`` is the paper's γ. Mescheder et al. 2018, Eq. 9:
    10."""

    weight: Moving[Positive] = 10.0
    interval: PositiveInt = 1  # D updates; Karras et al. 2020 (StyleGAN2): 16
    per_sample: ClassVar[bool] = True
    discriminator_needs: ClassVar[frozenset[Need]] = frozenset({"real_gradient"})

    def discriminator(self, update: Update) -> Tensor:
        assert update.real_output is not None
        return half_squared_slope(update.real_output, update.augmented_real)


@dataclass(frozen=True)
class R2(Regularizer):
    """The R2 penalty, ½ E‖∇D(G(z))‖² at the augmented fakes; ``weight`` is the paper's γ. Mescheder et al. 2018, Eq.
    10: 10."""

    weight: Moving[Positive] = 10.0
    interval: PositiveInt = 1  # D updates
    per_sample: ClassVar[bool] = True
    discriminator_needs: ClassVar[frozenset[Need]] = frozenset({"fake_gradient"})

    def discriminator(self, update: Update) -> Tensor:
        return half_squared_slope(update.fake_output, update.augmented_fake)
