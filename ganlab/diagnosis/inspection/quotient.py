"""The gradient quotient of a loss at its weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

EPSILON = 1e-5


def gradient_quotient(gradients: Sequence[Tensor | None], weights: Sequence[Tensor]) -> float:
    """Returns the gradient quotient of a loss, from its ``gradients`` g by ``weights``, computed with
    ``create_graph=True``:

        GQ = 1/N ‖ (g - H g) / (g + ε sign(g)) - 1 ‖₁,

    with H the loss's Hessian, N the number of weights and sign(0) = 1. It is small if a step along the gradient leaves
    the gradient nearly unchanged: 0 for a linear loss, and 1 for a weight without a gradient. Dauphin & Schoenholz
    2019 (MetaInit), Eq. 1 and the published code (ε = 1e-5).
    """
    count = sum(weight.numel() for weight in weights)
    pairs = [(one, weight) for one, weight in zip(gradients, weights, strict=True) if one is not None]
    without = count - sum(weight.numel() for _, weight in pairs)
    curved = [one for one, _ in pairs if one.requires_grad]
    products: list[Tensor | None] = [None] * len(pairs)
    if curved:
        half = sum(((one**2).sum() / 2 for one in curved), torch.zeros((), device=curved[0].device))
        products = list(
            torch.autograd.grad(half, [weight for _, weight in pairs], retain_graph=True, allow_unused=True)
        )
    total = 0.0
    for (gradient, _), product in zip(pairs, products, strict=True):
        g = gradient.detach()
        step = g if product is None else g - product.detach()
        total += float((step / (g + torch.where(g >= 0, EPSILON, -EPSILON)) - 1).abs().double().sum())
    return (total + without) / max(count, 1)
