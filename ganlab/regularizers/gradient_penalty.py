from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from ganlab.input_gradient import input_gradient, without_float16
from ganlab.random_numbers import uniform
from ganlab.ranks import std_of_batch
from ganlab.scalars import at, scale
from ganlab.table import Moving, NonNegative, Positive, PositiveInt
from ganlab.types import Batch, Regularizer, Update

KODALI = 0.5


@dataclass(frozen=True)
class GradientPenalty(Regularizer):
    """The gradient penalty: the mean of (‖∇D(x̂)‖₂ - center)², with one norm per sample of D, over C, H, W of its
    images together. Gulrajani et al. 2017, Eq. 3: weight 10, center 1.

    ``at`` is the position of x̂: ``interpolates`` between augmented reals and fakes, at one uniform position per
    sample; the augmented ``real`` or ``fake`` images themselves; or the ``neighbourhood`` of the reals, x + α u ·
    spread · std with one α from U(0, 1) per sample, u from U(0, 1) per value, and std the standard deviation of all
    values of the batch's reals (DRAGAN, Kodali et al. 2017, published code). ``center: 0`` penalizes every gradient
    other than 0 (Thanh-Tung et al. 2019). ``one_sided`` squares max(0, ‖∇D(x̂)‖ - center), so that smaller norms have
    no penalty (Gulrajani et al. 2017, section 4; Petzka et al. 2018). Raises ValueError if settings contradict each
    other.
    """

    weight: Moving[Positive] = 10.0
    interval: PositiveInt = 1  # D updates
    center: Moving[NonNegative] = 1.0
    one_sided: bool = False
    at: Literal["interpolates", "real", "fake", "neighbourhood"] = "interpolates"
    spread: Moving[Positive] = KODALI  # of the neighbourhood, in standard deviations of the reals
    per_sample: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.one_sided and self.center == 0:
            raise ValueError(
                "found one_sided=true with center=0, but no slope is below 0, so one side is both; type center=1 or "
                "one_sided=false"
            )
        if self.spread != KODALI and self.at != "neighbourhood":
            raise ValueError(
                f"found spread={self.spread:g} with at={self.at}, which has no neighbourhood to spread; type "
                "at=neighbourhood, or leave spread out"
            )

    def discriminator(self, update: Update) -> Tensor:
        x_hat = self._points(update).requires_grad_()
        condition = (update.augmented_fake if self.at == "fake" else update.augmented_real).condition
        with without_float16(x_hat.device.type):
            (output,) = update.discriminator.forward_all(Batch(x_hat, condition))
            norm = input_gradient(output.logits, x_hat).norm(2, dim=1)
        above = norm - at(self.center, update.progress)
        penalty: Tensor = ((above.relu() if self.one_sided else above) ** 2).mean()
        return penalty

    def _points(self, update: Update) -> Tensor:
        real, fake = update.augmented_real.images.detach(), update.augmented_fake.images.detach()
        if self.at == "real":
            return real.clone()
        if self.at == "fake":
            return fake.clone()
        rng = update.rngs("gradient_penalty")
        samples = len(update.fake_output.logits)
        position = uniform((samples, 1, 1, 1), rng, per_sample=True)
        # One position per sample: the images of a packed sample have the same position on their segments.
        position = position.repeat_interleave(len(fake) // samples, 0)
        if self.at == "interpolates":
            return torch.lerp(real, fake, position)
        noise = uniform(real.shape, rng, dtype=real.dtype)
        return real + position * noise * scale(std_of_batch(real), at(self.spread, update.progress))
