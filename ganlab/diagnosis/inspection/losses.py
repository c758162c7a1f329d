"""The losses of the first update of each network, with their graphs, from the code that trains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor

from ganlab.training.gan import GAN, UpdateContext
from ganlab.training.learner import Learner
from ganlab.training.updates import update_discriminator, update_generator
from ganlab.types import Batch, Values


class LossCapture:
    """Takes the place of a network's learner in an update, and keeps the loss instead of applying its gradients."""

    def __init__(self, name: str, parameters: list[torch.nn.Parameter]) -> None:
        self.name, self.parameters = name, parameters
        self.loss: Tensor | None = None

    def backward(self, loss: Tensor) -> None:
        """Keeps the loss of an update."""
        self.loss = loss

    def apply(self, progress: float | Tensor) -> Values:
        """Changes nothing. Reports the update as left out, so that components keep their state."""
        return {f"{self.name}/blocked": torch.ones(())}

    @contextmanager
    def parameters_frozen(self) -> Iterator[None]:
        """Returns a context in which the network's parameters need no gradients, as a learner does."""
        learning = [one for one in self.parameters if one.requires_grad]
        for one in learning:
            one.requires_grad_(False)
        try:
            yield
        finally:
            for one in learning:
                one.requires_grad_(True)


def discriminator_loss(gan: GAN, real: Batch, context: UpdateContext) -> Tensor:
    """Returns the loss of D that an update would minimize, with its regularizers and targets."""
    capture = LossCapture("discriminator", [])
    update_discriminator(gan, cast(Learner, capture), real, context)
    assert capture.loss is not None
    return capture.loss


def generator_loss(gan: GAN, real: Batch, context: UpdateContext, parameters: list[torch.nn.Parameter]) -> Tensor:
    """Returns the loss of G that an update would minimize, through D, whose ``parameters`` get no gradient."""
    capture, other = LossCapture("generator", []), LossCapture("discriminator", parameters)
    update_generator(gan, cast(Learner, capture), cast(Learner, other), real, context)
    assert capture.loss is not None
    return capture.loss
