"""The contracts of the networks' inputs: latents and conditions."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from ganlab import deprecated
from ganlab.types.networks import Wiring
from ganlab.types.records import Condition


class Latent:
    """A distribution of latents. Subclasses are dataclasses that have ``dim`` among their fields."""

    dim: int

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        deprecated.methods(cls, "Latent")

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """Draws latents (count, dim) on the device of ``rng``."""
        raise TypeError(f"{type(self).__name__} defines no draw")

    def sample(self, count: int, rng: torch.Generator) -> Tensor:
        """Draws latents (count, dim) for sample images, not for training, with the distribution's truncation if it has
        one."""
        return self.draw(count, rng)

    def interpolate(self, start: Tensor, end: Tensor, share: float) -> Tensor:
        """Interpolates from ``start`` to ``end``, both (n, dim), by ``share`` in [0, 1]: linearly, unless the line
        would leave the distribution's support."""
        return start.lerp(end, share)


class Conditioning:
    """Chooses the conditions of real and of generated images. Subclasses are dataclasses whose fields are settings."""

    needs_labels: ClassVar[bool] = False
    """Whether the data must have classes."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        deprecated.methods(cls, "Conditioning")

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the aligned images that the data must provide with each image."""
        return ()

    @property
    def heads(self) -> tuple[str, ...]:
        """The names of the labels that D predicts, each with a head, and that the data must provide."""
        return ()

    @property
    def wiring(self) -> Wiring:
        """The way in which the networks take labels as input."""
        return Wiring()

    @property
    def by_norm(self) -> bool:
        """Whether G receives the label through conditional norms alone."""
        return False

    def real_condition(self, condition: Condition) -> Condition:
        """Returns the condition that D receives with real images, from all that the data provides for them."""
        raise TypeError(f"{type(self).__name__} defines no condition of real images")

    def fake_condition(self, count: int, classes: int, real: Condition, rng: torch.Generator) -> Condition:
        """Returns the condition of ``count`` images to generate, for G and D. ``real`` is what the data provides for
        the real images of this update."""
        raise TypeError(f"{type(self).__name__} defines no condition of generated images")

    def grid_condition(self, count: int, classes: int, real: Condition) -> Condition:
        """Returns the condition of ``count`` samples in a grid: the classes in order, equally many of each."""
        raise TypeError(f"{type(self).__name__} defines no condition of a grid")


deprecated.methods(Latent, "Latent")
deprecated.methods(Conditioning, "Conditioning")
