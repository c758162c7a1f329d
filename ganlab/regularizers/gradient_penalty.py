from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

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
        # float16 overflows where squared gradients are summed twice differentiated; bfloat16 has float32's range.
        device = real.device.type
        half = torch.is_autocast_enabled(device) and torch.get_autocast_dtype(device) == torch.half
        with torch.autocast(device, enabled=False) if half else nullcontext():
            (judgement,) = update.discriminator.judge(Batch(x_hat, update.seen_real.condition))
            norm = input_gradient(judgement.logits, x_hat).norm(2, dim=1)
        penalty: Tensor = ((norm - 1) ** 2).mean()
        return penalty
