"""Critics whose gradients are known by hand, and an update made of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ganlab.networks.base import DiscriminatorModule
from ganlab.types import Batch, DiscriminatorOutput, TargetPair, Update


class Critic(DiscriminatorModule):
    """f applied to images that are judged m at a time."""

    def __init__(self, f, pack: int = 1) -> None:  # type: ignore[no-untyped-def]
        super().__init__()
        self.f, self.pack, self.seen = f, pack, []

    def forward(self, batch: Batch, features: bool = False) -> DiscriminatorOutput:
        self.seen.append(batch.images)
        return DiscriminatorOutput(self.f(batch.images.unflatten(0, (-1, self.pack))))


def update(critic: Critic, real: Tensor, fake: Tensor, **changes: Any) -> Update:
    """An update in which D saw ``real`` and ``fake``, leaves that the logits can be differentiated by."""
    augmented_real, augmented_fake = Batch(real.clone().requires_grad_()), Batch(fake.clone().requires_grad_())
    before = Batch(torch.full_like(real, 99.0))  # what D did not see: a penalty must not look at it
    facts: dict[str, Any] = {
        "generator": None, "discriminator": critic, "real": before, "fake": before, "latent": None,
        "augmented_real": augmented_real, "augmented_fake": augmented_fake,
        "real_output": critic(augmented_real), "fake_output": critic(augmented_fake),
        "augment": lambda batch, view: batch, "targets": TargetPair(),
        "rngs": lambda stream: torch.Generator().manual_seed(1), "progress": 0.0,
    }  # fmt: skip
    return Update(**{**facts, **changes})


REAL = torch.randn(6, 3, 4, 5, generator=torch.Generator().manual_seed(0))
FAKE = torch.randn(6, 3, 4, 5, generator=torch.Generator().manual_seed(9))
W = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(2))


def linear(w: Tensor = W, pack: int = 1) -> Critic:
    """D(x) = w·x, whose gradient is w everywhere."""
    return Critic(lambda x: (x * w).sum(dim=(1, 2, 3, 4)), pack)


def quadratic() -> Critic:
    """D(x) = ‖x‖²/2, whose gradient is x."""
    return Critic(lambda x: 0.5 * (x**2).sum(dim=(1, 2, 3, 4)))
