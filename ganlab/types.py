"""The contract: what the trainer hands to networks, losses and regularizers, and what it expects back.

The trainer knows these types and nothing of any concrete component; a component knows these types and nothing of the
trainer. Shapes: N images a batch, m of them judged together (packing; otherwise m = 1), n = N / m judged samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

import torch
from torch import Tensor

Condition = Mapping[str, Tensor]
"""What G and D are told besides the latent and the images: {} or ``labels`` (N,), or ``content`` and ``style``
images."""

RandomStreams = Callable[[str], torch.Generator]
"""Stream name -> its generator for the current update, seeded from (seed, stream, update) alone. A component takes the
numbers of its images out of it with ``ganlab.random_numbers``, so that several ranks share what one would draw."""

Values = Mapping[str, Tensor]
"""TensorBoard tag -> scalar tensor, still on the device."""


@dataclass(frozen=True)
class Batch:
    """Images (N, C, H, W) in [-1, 1] with the condition that belongs to each."""

    images: Tensor
    condition: Condition = field(default_factory=dict)


@dataclass(frozen=True)
class Generated:
    """What G returns: images (N, C, H, W) in [-1, 1], and codes that some losses ask back (encoders, InfoGAN)."""

    images: Tensor
    codes: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class DiscriminatorOutput:
    """What D says. ``logits`` (n,), one per judged sample, before any sigmoid; further ``heads`` such as ``class``
    (n, classes); ``features`` of its inner layers, first to last, where they were asked for."""

    logits: Tensor
    heads: Mapping[str, Tensor] = field(default_factory=dict)
    features: Sequence[Tensor] = ()


@dataclass(frozen=True)
class Wiring:
    """How labels reach the networks.

    ``generator``: a ``one_hot`` or learned ``embedding`` of length ``embedding`` joined to the latent, or nothing
    there (conditional norms may still tell G). ``discriminator``: ``one_hot`` planes or one learned ``plane`` beside
    the image's channels, a ``projection`` added to the logit, or a ``class`` head that names the class itself.
    """

    generator: Literal["none", "one_hot", "embedding"] = "none"
    discriminator: Literal["none", "one_hot", "plane", "projection", "class"] = "none"
    embedding: int = 50


@dataclass(frozen=True)
class Shapes:
    """What a network is built for: image (C, H, W), the latent's length, classes (0: no labels) and how they are
    wired, and how many images D judges together."""

    image: tuple[int, int, int]
    latent: int
    classes: int = 0
    pack: int = 1
    wiring: Wiring = Wiring()


class Network(Protocol):
    """What the trainer asks of both networks besides their forward pass."""

    def advance(self) -> None:
        """Move what moves once per update of this network, however many passes it takes (spectral vectors)."""

    def statistics_frozen(self) -> AbstractContextManager[None]:
        """A context in which running statistics stay as they are, so that the other network's update leaves none."""

    def weights(self) -> Sequence[Tensor]:
        """The weights that the layers apply, each as a matrix (out, in * k * k), with their graph."""

    def report(self) -> Values:
        """What the network's parts want logged (spectral norm's σ), by tag below the network's name."""


class Generator(Network, Protocol):
    def __call__(self, latent: Tensor, condition: Condition) -> Generated: ...


class Discriminator(Network, Protocol):
    mixes_samples: bool
    """Whether one judged sample's logit depends on the others in its batch (batch norm, minibatch statistics)."""

    def forward_all(self, *parts: Batch, features: bool = False) -> list[DiscriminatorOutput]:
        """One judgement per part. One pass where D mixes no samples; otherwise a pass each, so that batch statistics
        are kept apart."""


# ---------------------------------------------------------------------------------------------------- losses, targets


@dataclass(frozen=True)
class TargetPair:
    """What the loss wants D to say of reals and of fakes, as probabilities: a number, or one per judged sample (n,)."""

    real: Tensor | float = 1.0
    fake: Tensor | float = 0.0


@dataclass(frozen=True)
class Recommended:
    """What ``auto`` stands for with a loss, as its paper used it."""

    discriminator_norm: str
    n_critic: int
    learning_rate: float
    betas: tuple[float, float]


class Loss:
    """Adversarial arithmetic on logits (n,), per judged sample. Subclasses are dataclasses: their fields are
    settings."""

    has_targets: ClassVar[bool] = False
    """Whether D is told probabilities (so that they can be smoothed)."""
    needs_real: ClassVar[bool] = False
    """Whether G's update judges reals too (relativistic losses)."""
    # Radford et al. 2016, section 4: what a loss starts from that says nothing else.
    recommended: ClassVar[Recommended] = Recommended("batch", n_critic=1, learning_rate=2e-4, betas=(0.5, 0.999))

    def discriminator(self, real: Tensor, fake: Tensor, targets: TargetPair) -> Tensor:
        """D's loss (n,) from its logits on reals and fakes."""
        raise TypeError(f"{type(self).__name__} does not say what D minimises")

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """G's loss (n,) from D's logits on fakes, and on reals where ``needs_real``."""
        raise TypeError(f"{type(self).__name__} does not say what G minimises")


# --------------------------------------------------------------------------------- latents, conditions, what D sees


class Latent:
    """A distribution of latents. Subclasses are dataclasses with ``dim`` among their fields."""

    dim: int

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """``count`` latents (count, dim) on the generator's device."""
        raise TypeError(f"{type(self).__name__} does not say how it draws")

    def sample(self, count: int, rng: torch.Generator) -> Tensor:
        """As ``draw``, for pictures to look at and not for training: truncated where the setting says so."""
        return self.draw(count, rng)

    def interpolate(self, start: Tensor, end: Tensor, share: float) -> Tensor:
        """Latents (n, dim) that lie ``share`` of the way, 0 to 1, from ``start`` to ``end``: on the straight line,
        unless that would leave where latents lie."""
        return start.lerp(end, share)


class Conditioning:
    """Chooses the condition of real and of fake images. Subclasses are dataclasses: their fields are settings."""

    needs_labels: ClassVar[bool] = False
    """Whether the data must have classes."""

    @property
    def wiring(self) -> Wiring:
        """How the networks take the labels in."""
        return Wiring()

    @property
    def by_norm(self) -> bool:
        """Whether G is told by conditional norms alone."""
        return False

    def real_condition(self, condition: Condition) -> Condition:
        """What D is told of real images, out of all that the data knows of them."""
        raise TypeError(f"{type(self).__name__} does not say what D is told")

    def fake_condition(self, count: int, classes: int, real: Condition, rng: torch.Generator) -> Condition:
        """What G and D are told of ``count`` images to generate; ``real`` is what the data knows of this update's
        reals."""
        raise TypeError(f"{type(self).__name__} does not say what G is told")

    def grid_condition(self, count: int, classes: int, real: Condition) -> Condition:
        """What G is told of ``count`` samples in a grid: the classes in order, as many of each."""
        raise TypeError(f"{type(self).__name__} does not say what a grid shows")


class Augmentation:
    """Changes what D sees, of real and fake images alike, and lets the gradient through in G's update (Zhao et al.
    2020, Eq. 4 and 5). Subclasses are dataclasses: their fields are settings."""

    def __call__(self, images: Tensor, rng: torch.Generator, progress: float | Tensor) -> Tensor:
        """Images (N, C, H, W) in, the same shape out; ``progress`` is the share of training that is done, 0 to 1. In a
        CUDA graph it is a scalar tensor, and reading it back as a number makes training run without graphs."""
        raise TypeError(f"{type(self).__name__} does not say what it changes")


# ------------------------------------------------------------------------------------------------------- regularizers

Need = Literal["real", "features", "real_gradient", "fake_gradient"]
"""What a term wants computed in an update: ``real``, reals judged in G's update too; ``features`` of D's inner layers;
``real_gradient`` / ``fake_gradient``, what D saw as a leaf that the logits can be differentiated by."""


@dataclass(frozen=True)
class Update:
    """The facts of one update, computed once and shared by all its terms. A record, not a place for behaviour.

    ``real`` and ``fake`` are the batches before augmentation, ``seen_*`` what D saw of them after it, ``judged_*`` what
    it said. In G's update ``real_output`` is None, and ``augmented_real`` not augmented, unless the loss or a term needs
    reals; in D's update ``fake`` has no graph.
    """

    generator: Generator
    discriminator: Discriminator
    real: Batch
    fake: Batch
    latent: Tensor
    codes: Mapping[str, Tensor]
    augmented_real: Batch
    augmented_fake: Batch
    real_output: DiscriminatorOutput | None
    fake_output: DiscriminatorOutput
    augment: Callable[[Batch, str], Batch]
    """What D would see of a batch under another stream name: a second view, for consistency terms."""
    targets: TargetPair
    """What D is asked to say in its update; heads of its own may be smoothed by it. Hard in G's update."""
    rngs: RandomStreams
    progress: float | Tensor
    """Share of the training's steps that are done, 0 to 1; in a CUDA graph a scalar tensor."""


class Regularizer:
    """An extra term of D's or G's loss. Subclasses are dataclasses with ``weight`` and ``interval`` among their fields.

    A term that is due every ``interval`` updates counts ``weight * interval`` then (lazy regularization, Karras et al.
    2020, StyleGAN2, appendix B); the trainer does that in one place.
    """

    weight: float
    interval: int
    has_targets: ClassVar[bool] = False
    """Whether the term asks for probabilities that ``Update.targets`` may smooth."""
    per_sample: ClassVar[bool] = False
    """Whether the term is defined for each sample alone, so that a D that mixes samples falsifies it."""
    discriminator_needs: ClassVar[frozenset[Need]] = frozenset()
    generator_needs: ClassVar[frozenset[Need]] = frozenset()

    def discriminator(self, update: Update) -> Tensor | None:
        """The term in D's update, unweighted, a scalar; None where it has none."""
        return None

    def generator(self, update: Update) -> Tensor | None:
        """The term in G's update, unweighted, a scalar; None where it has none."""
        return None
