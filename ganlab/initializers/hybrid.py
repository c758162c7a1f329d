from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from ganlab.errors import nearest
from ganlab.initializers.base import WeightInitializer
from ganlab.layer import Initializer, Layer, UninitializedNetwork

NOT_HERE = {
    "equalized": "it needs norm.generator.weight=equalized in all layers; type init=equalized",
    "hybrid": "a hybrid inside a hybrid would have no end",
    "pretrained": "it needs a path of its own; type init.generator=pretrained init.generator.path=…",
}


@dataclass(frozen=True)
class Hybrid(WeightInitializer):
    """Hybrid initialization: one initializer for each type of layer, and one, ``output``, for the output layer and
    all layers before a tanh. Norm scales start at 1.

    Each setting is the name of an initializer, built-in or of a plugin, with its default settings. The defaults:
    ``he`` for dense layers, which rectifiers follow (He et al. 2015); ``orthogonal`` for convolutions and embeddings,
    as in Brock et al. 2019, which gives each class a vector of length 1, orthogonal to the others if the dimensions
    suffice; ``xavier`` where the activation is linear around 0 (Glorot & Bengio 2010).
    """

    dense: str = "he"
    convolution: str = "orthogonal"  # transposed convolutions too
    embedding: str = "orthogonal"
    output: str = "xavier"

    def __post_init__(self) -> None:
        for key in ("dense", "convolution", "embedding", "output"):
            name = getattr(self, key)
            if name in NOT_HERE:
                raise ValueError(f"found {key}={name}: {NOT_HERE[name]}")
            if name not in _table():
                guess = nearest(name, _table())
                meant = f"did you mean {guess}?" if guess else f"there are {', '.join(_table())}"
                raise ValueError(f"found {key}={name}, which is no initializer; {meant}")

    @property
    def zeroes_layers(self) -> bool:  # type: ignore[override]
        """Whether one of the chosen initializers starts weights at 0."""
        return any(_table()[name].zeroes_layers for name in (self.dense, self.convolution, self.embedding, self.output))

    def initialize(self, network: UninitializedNetwork, rng: torch.Generator) -> Sequence[str]:
        groups: dict[str, list[Layer]] = {}
        for layer in network.layers:
            if layer.kind == "norm":
                super().initialize(replace(network, layers=(layer,)), rng)
                continue
            initializer = _table()[self.scheme(layer)]()
            if type(initializer).initialize is WeightInitializer.initialize:  # one layer at a time, in order
                initializer.initialize(replace(network, layers=(layer,)), rng)
            else:
                groups.setdefault(self.scheme(layer), []).append(layer)
        notes: list[str] = []
        for name, layers in groups.items():
            notes += _table()[name]().initialize(replace(network, layers=tuple(layers)), rng)
        return notes

    def scheme(self, layer: Layer) -> str:
        """Returns the name of the initializer for a layer."""
        if layer.role == "output" or layer.activation == "tanh":
            return self.output
        if layer.kind == "dense":
            return self.dense
        return self.embedding if layer.kind == "embedding" else self.convolution


def _table() -> Mapping[str, type[Initializer]]:
    from ganlab.initializers import INITIALIZERS  # not at the top: this table contains Hybrid itself

    return INITIALIZERS
