"""The contract of regularizers, and the facts of an update that they compute their terms from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from torch import Tensor

from ganlab import deprecated
from ganlab.table import Moving
from ganlab.types.networks import Discriminator, Generator
from ganlab.types.records import Batch, DiscriminatorOutput, Generated, RandomStreams, TargetPair
from ganlab.types.state import State, Stateful

Need = Literal["real", "features", "real_gradient", "fake_gradient"]
"""A quantity that a regularizer needs in an update: ``real``, D's output on reals in G's update; ``features`` of D's
inner layers; ``real_gradient`` / ``fake_gradient``, D's input as a leaf, so that logits can be differentiated by it."""


FeatureMaps = Callable[[Tensor], Mapping[str, Tensor]]
"""Maps images (N, C, H, W) in [-1, 1] to feature maps (N, C', H', W') of a network with constant weights, by layer."""


@dataclass(frozen=True)
class FeatureNetwork:
    """A network with constant weights that a regularizer compares images by: ``network`` is its name, ``layers`` those
    of which it needs the maps, and ``weights`` a file of its weights, or None."""

    network: str
    layers: tuple[str, ...]
    weights: str | None = None


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
    """The latents (N, latent) of the fakes, for regularizers of plugins, such as one of G's path lengths; ganlab's own
    regularizers do not read it."""
    augmented_real: Batch
    augmented_fake: Batch
    real_output: DiscriminatorOutput | None
    fake_output: DiscriminatorOutput
    augment: Callable[[Batch, str], Batch]
    """Augments a batch with the random numbers of another stream name: a second view. ganlab's own regularizers do not
    call it; consistency regularizers of plugins do."""
    targets: TargetPair
    """D's target probabilities in this update: smoothed in D's update, hard in G's. Heads of D may use them too."""
    rngs: RandomStreams
    progress: float | Tensor
    """The share of the training's steps that are done, 0 to 1. In a CUDA graph it is a scalar tensor."""
    state: State = field(default_factory=dict)
    """The state of the regularizer that receives this update. Its term may change it in place, without a graph."""
    generated: Generated | None = None
    """G's output for the fakes, with the codes and heads of its encoders if it has some. The trainer always gives it;
    None is for updates that are made by hand."""
    feature_maps: FeatureMaps | None = None
    """The feature maps of the ``feature_network`` of the regularizer that receives this update, if it has one."""


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
    needs_codes: ClassVar[bool] = False
    """Whether it compares codes of G's encoders, so that it needs a generator that has encoders."""
    trains_encoder_heads: ClassVar[bool] = False
    """Whether it trains heads on the codes of G's encoders, so that it needs a generator that has them."""
    penalizes_weights: ClassVar[bool] = False
    """Whether it penalizes the size of D's weights, so that it needs weights whose size matters."""
    per_sample: ClassVar[bool] = False
    """Whether it is defined for each sample alone, so that it is wrong for a D that mixes samples."""
    discriminator_needs: ClassVar[frozenset[Need]] = frozenset()
    generator_needs: ClassVar[frozenset[Need]] = frozenset()

    @property
    def feature_network(self) -> FeatureNetwork | None:
        """The network with constant weights by which it compares images, given to it as ``Update.feature_maps``."""
        return None

    def discriminator(self, update: Update) -> Tensor | None:
        """Returns the term of D's loss, an unweighted scalar, or None if there is none."""
        return None

    def generator(self, update: Update) -> Tensor | None:
        """Returns the term of G's loss, an unweighted scalar, or None if there is none."""
        return None


deprecated.attributes(Update)
