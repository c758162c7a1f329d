"""What a derivative is taken by, told to the layers it passes."""

from __future__ import annotations

import torch
from torch import Tensor

_by_images_alone = False


def by_images_alone() -> bool:
    """Whether the derivative that is being taken is by D's images and by nothing else, so that layers can leave the
    gradients of their weights out."""
    return _by_images_alone


def input_gradient(logits: Tensor, images: Tensor) -> Tensor:
    """∇D at ``images`` (N, C, H, W), one row (n, m * C * H * W) per judged sample, in float32, differentiable again."""
    global _by_images_alone
    before, _by_images_alone = _by_images_alone, True  # no thread's own: a GPU's backward pass has another thread
    try:
        (gradient,) = torch.autograd.grad(logits.float().sum(), images, create_graph=True)
    finally:
        _by_images_alone = before
    return gradient.float().reshape(len(logits), -1)
