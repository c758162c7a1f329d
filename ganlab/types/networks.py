"""The contracts of the two networks, and the shapes that they are built for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal, Protocol

import torch
from torch import Tensor

from ganlab.types.records import Batch, Condition, DiscriminatorOutput, Generated, Values


@dataclass(frozen=True)
class Wiring:
    """The ways in which the networks take labels as input.

    ``generator``: a ``one_hot`` vector or a learned vector of length ``embedding`` is concatenated to the latent, or
    ``none`` (conditional norms may still carry the label). ``discriminator``: ``one_hot`` planes or one learned
    ``plane`` are concatenated to the image's channels, a ``projection`` is added to the logit, or a ``class`` head
    predicts it.
    """

    generator: Literal["none", "one_hot", "embedding"] = "none"
    discriminator: Literal["none", "one_hot", "plane", "projection", "class"] = "none"
    embedding: int = 50


@dataclass(frozen=True)
class Shapes:
    """The shapes that a network is built for: the image (C, H, W), the latent's length, the number of classes (0
    without labels), how labels enter, ``pack``, the number of images that D takes together as one sample, and the
    shapes (C, H, W) of the images that are its condition, by name.

    ``heads`` are the numbers of classes of the labels that D predicts, each with a head of its name. ``shared`` names,
    for some of ``sources``, the one of these labels that the source shares with the image: a glyph of the same font
    shares the ``font``.
    """

    image: tuple[int, int, int]
    latent: int
    classes: int = 0
    pack: int = 1
    wiring: Wiring = Wiring()
    sources: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    heads: Mapping[str, int] = field(default_factory=dict)
    shared: Mapping[str, str] = field(default_factory=dict)

    def example_condition(self, count: int) -> dict[str, Tensor]:
        """Returns a condition of ``count`` images with zeros of the right shapes and types: this is the one description
        of the inputs besides the latent and the images, in the order in which exported files name them."""
        labels = {"labels": torch.zeros(count, dtype=torch.long)} if self.classes else {}
        return {**labels, **{name: torch.zeros(count, *shape) for name, shape in self.sources.items()}}


class Network(Protocol):
    """The methods that the trainer calls on both networks, besides their forward pass."""

    def advance(self) -> None:
        """Updates the state that changes once per update of this network, whatever the number of forward passes: the
        vectors of spectral norm's power iteration."""

    def set_progress(self, progress: float | Tensor) -> None:
        """Sets the share of training that is done, 0 to 1, for settings of this network that are schedules. In a CUDA
        graph it is a scalar tensor. It is called before each update of either network."""

    def statistics_frozen(self) -> AbstractContextManager[None]:
        """Returns a context in which forward passes leave running statistics unchanged."""

    def weights(self) -> Sequence[Tensor]:
        """Returns the weights that the layers apply, each as a matrix (out, in * k * k), differentiable."""

    def report(self) -> Values:
        """Returns scalars to log (such as spectral norm's σ), by tag below the network's name."""


class Generator(Network, Protocol):
    """The generator G."""

    def __call__(self, latent: Tensor, condition: Condition) -> Generated:
        """Returns images for latents (N, latent) and the condition of each."""

    def codes(self, condition: Condition) -> Mapping[str, Tensor]:
        """Returns the codes (N, length) of the images of a condition, by their names; {} without encoders."""


class Discriminator(Network, Protocol):
    """The discriminator D, or critic."""

    mixes_samples: bool
    """Whether a sample's logit depends on the other samples of its batch (batch norm, minibatch statistics)."""

    def forward_all(self, *batches: Batch, features: bool = False) -> list[DiscriminatorOutput]:
        """Returns one output per batch. The batches share one forward pass if D does not mix samples; otherwise each
        has its own, so that their batch statistics stay separate."""
