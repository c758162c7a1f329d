from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ganlab.precision import not_in_half
from ganlab.table import Count, Positive
from ganlab.types import Batch, Regularizer, Update


def input_gradient(logits: Tensor, images: Tensor) -> Tensor:
    """∇D at ``images`` (N, C, H, W), one row (n, m * C * H * W) per judged sample, in float32, differentiable again."""
    (gradient,) = torch.autograd.grad(logits.float().sum(), images, create_graph=True)
    return gradient.float().reshape(len(logits), -1)


@dataclass(frozen=True)
class GradientPenalty(Regularizer):
    """Mean of (‖∇D(x̂)‖₂ - 1)² over x̂ uniform on segments between what D saw of reals and of fakes.

    The norm is per judged sample, over C, H, W of its images together. Gulrajani et al. 2017, Eq. 3: weight 10.
    """

    weight: Positive = 10.0
    interval: Count = 1  # D updates
    per_sample: ClassVar[bool] = True

    def discriminator(self, update: Update) -> Tensor:
        real, fake = update.seen_real.images, update.seen_fake.images
        judged = len(update.judged_fake.logits)
        pack = len(fake) // judged
        position = torch.rand(judged, 1, 1, 1, generator=update.draw("gradient_penalty"), device=real.device)
        # One position per judged sample: images that are judged together move along one segment.
        x_hat = torch.lerp(real.detach(), fake.detach(), position.repeat_interleave(pack, 0)).requires_grad_()
        with not_in_half(real.device.type):
            (judgement,) = update.discriminator.judge(Batch(x_hat, update.seen_real.condition))
            norm = input_gradient(judgement.logits, x_hat).norm(2, dim=1)
        penalty: Tensor = ((norm - 1) ** 2).mean()
        return penalty
