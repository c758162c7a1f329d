from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from ganlab.initializers.base import WeightInitializer
from ganlab.initializers.default import Default
from ganlab.initializers.he import He, HeUniform
from ganlab.initializers.normal import NormalInitializer, TruncatedNormal
from ganlab.initializers.orthogonal import OrthogonalInitializer
from ganlab.initializers.uniform import UniformInitializer
from ganlab.initializers.xavier import Xavier, XavierNormal
from ganlab.layer import Layer

# Names and not slots: a slot of initializers here would hold a hybrid again, and so on without end.
Scheme = Literal[
    "normal",
    "truncated_normal",
    "uniform",
    "xavier",
    "xavier_normal",
    "he",
    "he_uniform",
    "orthogonal",
    "default",
]
"""A scheme with its default settings, biases included."""

SCHEMES: dict[Scheme, WeightInitializer] = {
    "normal": NormalInitializer(),
    "truncated_normal": TruncatedNormal(),
    "uniform": UniformInitializer(),
    "xavier": Xavier(),
    "xavier_normal": XavierNormal(),
    "he": He(),
    "he_uniform": HeUniform(),
    "orthogonal": OrthogonalInitializer(),
    "default": Default(),
}


@dataclass(frozen=True)
class Hybrid(WeightInitializer):
    """A scheme for each type of layer, and one, ``output``, for the output layer and layers before a tanh, of whatever
    type. Norms start at scale 1.

    The defaults: ``he`` in dense layers, which rectifiers follow (He et al. 2015); ``orthogonal`` in convolutions and
    embeddings, as in Brock et al. 2019, which gives each class a vector of length 1, at right angles to the others
    where there is room for that; ``xavier`` where the activation is linear around 0 (Glorot & Bengio 2010).
    """

    dense: Scheme = "he"
    convolution: Scheme = "orthogonal"  # transposed ones too
    embedding: Scheme = "orthogonal"
    output: Scheme = "xavier"

    def scheme(self, layer: Layer) -> WeightInitializer:
        """What fills this layer."""
        if layer.role == "output" or layer.activation == "tanh":
            return SCHEMES[self.output]
        if layer.kind == "dense":
            return SCHEMES[self.dense]
        return SCHEMES[self.embedding if layer.kind == "embedding" else self.convolution]

    def fill(self, layer: Layer, rng: torch.Generator) -> None:
        self.scheme(layer).fill(layer, rng)

    def fill_bias(self, layer: Layer, rng: torch.Generator) -> None:
        self.scheme(layer).fill_bias(layer, rng)
