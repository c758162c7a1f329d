"""The interfaces between the trainer and its components: networks, losses, regularizers, augmentations, conditions.

The trainer imports these types and no concrete component; a component imports these types and nothing of the trainer.
Shapes: a batch has N images. The discriminator takes m images together as one sample (packing, Lin et al. 2018;
m = 1 without it), so it returns outputs for n = N / m samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

import torch
from torch import Tensor

from ganlab import deprecated
from ganlab.table import Moving

Condition = Mapping[str, Tensor]
"""The condition of each image, by name: {} without a condition, ``labels`` (N,) of integers, or aligned images
(N, C, H, W) in [-1, 1], such as ``source``."""

RandomStreams = Callable[[str], torch.Generator]
"""Maps the name of a random stream to its generator for the current update. Its seed depends on (seed, stream, update)
alone. A component draws with ``ganlab.random_numbers``, so that several ranks together draw the numbers of one process.
"""

Values = Mapping[str, Tensor]
"""Scalar tensors on the device, by TensorBoard tag."""


@dataclass(frozen=True)
class Batch:
    """Images (N, C, H, W) in [-1, 1], and the condition of each."""

    images: Tensor
    condition: Condition = field(default_factory=dict)


@dataclass(frozen=True)
class Generated:
    """The generator's output: images (N, C, H, W) in [-1, 1]."""

    images: Tensor


@dataclass(frozen=True)
class DiscriminatorOutput:
    """The discriminator's output: ``logits`` before any sigmoid, one per sample (n,), or a map (n, …) with one for each
    place of a sample, such as its patches (Isola et al. 2017), whose mean is the sample's logit; further ``heads`` by
    name, such as ``class`` (n, classes); and ``features`` of its inner layers, first to last, if they were
    requested."""

    logits: Tensor
    heads: Mapping[str, Tensor] = field(default_factory=dict)
    features: Sequence[Tensor] = ()

    @property
    def sample_logits(self) -> Tensor:
        """The logit of each sample, (n,) in float32: the mean over its places if ``logits`` is a map."""
        return sample_means(self.logits.float())


def sample_means(values: Tensor) -> Tensor:
    """Returns the mean (n,) over the places of each sample of values (n, …)."""
    return values if values.dim() == 1 else values.flatten(1).mean(dim=1)


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
    shapes (C, H, W) of the images that are its condition, by name."""

    image: tuple[int, int, int]
    latent: int
    classes: int = 0
    pack: int = 1
    wiring: Wiring = Wiring()
    sources: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)

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

    def statistics_frozen(self) -> AbstractContextManager[None]:
        """Returns a context in which forward passes leave running statistics unchanged."""

    def weights(self) -> Sequence[Tensor]:
        """Returns the weights that the layers apply, each as a matrix (out, in * k * k), differentiable."""

    def report(self) -> Values:
        """Returns scalars to log (such as spectral norm's σ), by tag below the network's name."""


class Generator(Network, Protocol):
    def __call__(self, latent: Tensor, condition: Condition) -> Generated: ...


class Discriminator(Network, Protocol):
    mixes_samples: bool
    """Whether a sample's logit depends on the other samples of its batch (batch norm, minibatch statistics)."""

    def forward_all(self, *batches: Batch, features: bool = False) -> list[DiscriminatorOutput]:
        """Returns one output per batch. The batches share one forward pass if D does not mix samples; otherwise each
        has its own, so that their batch statistics stay separate."""


# ---------------------------------------------------------------------------------------------------- losses, targets


@dataclass(frozen=True)
class TargetPair:
    """The target probabilities of D for reals and for fakes: a number, or one per sample (n,)."""

    real: Tensor | float = 1.0
    fake: Tensor | float = 0.0

    def over(self, logits: Tensor) -> TargetPair:
        """Returns the pair with shapes that broadcast over ``logits`` (n, …): all places of a sample share its
        target."""
        shape = (-1, *[1] * (logits.dim() - 1))
        real, fake = (
            one.view(shape) if isinstance(one, Tensor) and one.dim() else one for one in (self.real, self.fake)
        )
        return TargetPair(real, fake)


@dataclass(frozen=True)
class Recommended:
    """The values that ``auto`` resolves to for a loss, as its paper used them."""

    discriminator_norm: str
    n_critic: int
    learning_rate: float
    betas: tuple[float, float]


class Loss:
    """An adversarial loss: elementwise losses of D and of G from logits (n,), or (n, …) where D's output is a map; the
    trainer averages them, over the places of each sample too. Subclasses are dataclasses whose
    fields are settings."""

    has_targets: ClassVar[bool] = False
    """Whether D has target probabilities, which can be smoothed."""
    needs_lipschitz: ClassVar[bool] = False
    """Whether the loss is bounded only for a Lipschitz-continuous D (Wasserstein losses)."""
    needs_real: ClassVar[bool] = False
    """Whether G's loss uses D's logits on reals too (relativistic losses)."""
    boundary: ClassVar[float | None] = 0.0
    """The logit that separates reals from fakes, halfway between their targets; None if only differences of logits
    matter (Wasserstein and relativistic losses)."""
    # Radford et al. 2016, section 4: the default of a loss that recommends nothing else.
    recommended: ClassVar[Recommended] = Recommended("batch", n_critic=1, learning_rate=2e-4, betas=(0.5, 0.999))

    def discriminator(self, real: Tensor, fake: Tensor, targets: TargetPair) -> Tensor:
        """Returns D's loss (n, …) from its logits (n, …) on reals and on fakes; ``targets`` broadcast with them."""
        raise TypeError(f"{type(self).__name__} defines no discriminator loss")

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Returns G's loss (n, …) from D's logits on fakes, and on reals if ``needs_real``."""
        raise TypeError(f"{type(self).__name__} defines no generator loss")


# -------------------------------------------------------------------------------------------------- component state

State = Mapping[str, Tensor]
"""The state of a component: tensors by name, all on the device of the networks. They keep their memory for a whole run,
since a CUDA graph writes to addresses: a component changes them in place (``state["p"].copy_(…)``)."""


@dataclass(frozen=True)
class Observation:
    """D's outputs in one update of D, for all microbatches and all ranks together, without a graph.

    ``real_output`` and ``fake_output`` hold logits (n, …) and heads, in float32 and without features, for the reals and
    the fakes as D received them, after augmentation. ``images`` is the number of reals N. ``boundary`` is the logit
    that separates reals from fakes (``Loss.boundary``).
    """

    real_output: DiscriminatorOutput
    fake_output: DiscriminatorOutput
    images: int
    boundary: float | None = 0.0


class Stateful:
    """A component that may have state, which lasts from update to update. The component itself is a frozen setting;
    its state is kept by the trainer.

    The trainer saves the state in checkpoints and restores it, also when it goes back after a divergence, and averages
    its floating-point tensors over the ranks after each update. If an update is blocked because it is not finite, or a
    tensor's element is not finite after an update, the state before that update stays. Nothing in ``observe`` or in an
    update may read a tensor back to the host. Sampling and held-out images use the state without changing it.
    """

    def initial_state(self, device: torch.device) -> State:
        """Returns the state before the first update, as new tensors on ``device``; {} (the default) for no state."""
        return {}

    def observe(self, state: State, observation: Observation) -> None:
        """Changes ``state`` in place after an update of D. It is called once per update of D, with the outputs that the
        update used, before its weights changed. All ranks receive the same ``observation``."""

    def report(self, state: State) -> Values:
        """Returns scalars to log from ``state``, by tag below the component's name. It is called at log points only,
        so reading tensors back is allowed here."""
        return {}


# ---------------------------------------------------------------------------------- latents, conditions, augmentation


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
        """Draws latents (count, dim) for sample images, not for training: truncated if the setting says so."""
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
    def wiring(self) -> Wiring:
        """How the networks take labels as input."""
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


class Augmentation(Stateful):
    """Augments the images that D receives, real and generated ones alike, differentiably, so that G's update passes
    through it (Zhao et al. 2020, Eq. 4 and 5). Subclasses are dataclasses whose fields are settings. One without state
    defines ``__call__``, one with state defines ``augment`` and the methods of ``Stateful``."""

    needs_pixels: ClassVar[bool] = False
    """Whether it is defined for images alone, not for points of the plane (1×1)."""

    @property
    def needs_boundary(self) -> bool:
        """Whether it compares D's logits with ``Loss.boundary``, so that it needs a loss that has one."""
        return False

    def augment(self, images: Tensor, rng: torch.Generator, progress: float | Tensor, state: State) -> Tensor:
        """Returns augmented images as ``__call__`` does, with the augmentation's ``state``, which it does not
        change."""
        return self(images, rng, progress)

    def __call__(self, images: Tensor, rng: torch.Generator, progress: float | Tensor) -> Tensor:
        """Returns augmented images of the same shape (N, C, H, W). ``progress`` is the share of training that is done,
        0 to 1. In a CUDA graph it is a scalar tensor; a component that reads it back as a number disables graphs."""
        raise TypeError(f"{type(self).__name__} defines no augmentation")


# ------------------------------------------------------------------------------------------------------- regularizers

Need = Literal["real", "features", "real_gradient", "fake_gradient"]
"""A quantity that a regularizer needs in an update: ``real``, D's output on reals in G's update; ``features`` of D's
inner layers; ``real_gradient`` / ``fake_gradient``, D's input as a leaf, so that logits can be differentiated by it."""


@dataclass(frozen=True)
class Update:
    """The batches and outputs of one update, computed once and shared by all its regularizers.

    ``real`` and ``fake`` are the batches before augmentation, ``augmented_*`` after it, and ``*_output`` D's outputs on
    them. In G's update ``real_output`` is None, and ``augmented_real`` is not augmented, unless the loss or a
    regularizer needs reals. In D's update ``fake`` has no graph.
    """

    generator: Generator
    discriminator: Discriminator
    real: Batch
    fake: Batch
    latent: Tensor
    augmented_real: Batch
    augmented_fake: Batch
    real_output: DiscriminatorOutput | None
    fake_output: DiscriminatorOutput
    augment: Callable[[Batch, str], Batch]
    """Augments a batch with the random numbers of another stream name: a second view, for consistency regularizers."""
    targets: TargetPair
    """D's target probabilities in this update: smoothed in D's update, hard in G's. Heads of D may use them too."""
    rngs: RandomStreams
    progress: float | Tensor
    """The share of the training's steps that are done, 0 to 1. In a CUDA graph it is a scalar tensor."""
    state: State = field(default_factory=dict)
    """The state of the regularizer that receives this update. Its term may change it in place, without a graph."""


class Regularizer(Stateful):
    """A regularizer: an additional term of D's or G's loss. Subclasses are dataclasses that have ``weight`` and
    ``interval`` among their fields.

    A regularizer that is computed every ``interval`` updates is multiplied by ``weight * interval`` then (lazy
    regularization, Karras et al. 2020, StyleGAN2, appendix B). The trainer does that in one place.
    """

    weight: Moving[float]
    interval: int
    has_targets: ClassVar[bool] = False
    """Whether it uses target probabilities, which ``Update.targets`` may smooth."""
    trains_head: ClassVar[str | None] = None
    """The head of D that it trains, such as ``class``; it needs a condition that gives D this head."""
    needs_sources: ClassVar[bool] = False
    """Whether it compares each generated image with the real image of the same source (image conditions)."""
    penalizes_weights: ClassVar[bool] = False
    """Whether it penalizes the size of D's weights, so that it needs weights whose size matters."""
    per_sample: ClassVar[bool] = False
    """Whether it is defined for each sample alone, so that it is wrong for a D that mixes samples."""
    discriminator_needs: ClassVar[frozenset[Need]] = frozenset()
    generator_needs: ClassVar[frozenset[Need]] = frozenset()

    def discriminator(self, update: Update) -> Tensor | None:
        """Returns the term of D's loss, an unweighted scalar, or None if there is none."""
        return None

    def generator(self, update: Update) -> Tensor | None:
        """Returns the term of G's loss, an unweighted scalar, or None if there is none."""
        return None


# ----------------------------------------------------------------------------------- the names of the previous version

deprecated.methods(Latent, "Latent")
deprecated.methods(Conditioning, "Conditioning")
deprecated.attributes(Update)
__getattr__ = deprecated.names(__name__)
