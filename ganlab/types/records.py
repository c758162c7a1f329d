"""The records that components exchange: batches, outputs of the networks, and target probabilities."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

Condition = Mapping[str, Tensor]
"""The condition of each image, by name: {} without a condition, ``labels`` (N,) of integers, aligned images
(N, C, H, W) in [-1, 1], such as ``source``, or further labels (N,), such as ``font``, which D predicts."""

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
    """The generator's output: images (N, C, H, W) in [-1, 1]; if it has encoders, the ``codes`` (N, length) of the
    images of its condition, by their names, and the logits of ``heads`` (N, classes) on these codes, by the names of
    the labels that they predict."""

    images: Tensor
    codes: Mapping[str, Tensor] = field(default_factory=dict)
    heads: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class DiscriminatorOutput:
    """The discriminator's output: ``logits`` before any sigmoid, one per sample (n,), or a map (n, …) with one for each
    place of a sample, such as its patches (Isola et al. 2017), whose mean is the sample's logit; further ``heads`` by
    name, such as ``class`` (n, classes), or one with the name of each label that D predicts; and ``features`` of its
    inner layers, first to last, if they were requested."""

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
