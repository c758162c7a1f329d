from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import torch

from ganlab.errors import UserError
from ganlab.initializers.base import WeightInitializer
from ganlab.initializers.default import Default
from ganlab.initializers.he import He
from ganlab.initializers.normal import NormalInitializer
from ganlab.initializers.orthogonal import OrthogonalInitializer
from ganlab.initializers.weight_files import HOW, PARAMETRIZATION, Weights, check, published, read
from ganlab.initializers.xavier import Xavier
from ganlab.layer import Initializer, UninitializedNetwork
from ganlab.table import PATH

IMAGENET = "imagenet"
REST: dict[str, WeightInitializer] = {
    "normal": NormalInitializer(),
    "he": He(),
    "xavier": Xavier(),
    "orthogonal": OrthogonalInitializer(),
    "default": Default(),
}


@dataclass(frozen=True)
class Pretrained(Initializer):
    """Loads the weights of a trained network. Wang et al. 2018 (Transferring GANs).

    ``path``: a run folder (its newest complete checkpoint), a ganlab checkpoint, a ``.safetensors`` or ``.pth`` file
    of tensors by name, or ``imagenet`` for the weights that torchvision publishes for a torchvision backbone.
    ``layers: fitting`` loads the tensors whose names and shapes match; ``all`` requires that every tensor matches, of
    the network and of the file. ``weights`` selects from a checkpoint: those of the ``network``, their ``average``,
    or ``auto``, the average if there is one. ``rest`` is the initializer for everything that the file does not
    contain; ``default`` keeps PyTorch's initialization.

    A weight is loaded as the trained network applied it, multiplied by its σ, g or equalized scale, and stored so
    that the new network applies the same weight: with an equalized learning rate, it is divided by the scale.
    Spectral norm divides it by its own σ.
    """

    undoes_scale: ClassVar[bool] = True
    path: Annotated[str | None, PATH] = None
    layers: Literal["fitting", "all"] = "fitting"
    weights: Literal["auto", "network", "average"] = "auto"
    rest: Literal["normal", "he", "xavier", "orthogonal", "default"] = "normal"

    def check(self) -> None:
        if self.path is None:
            raise UserError(
                "a pretrained network without a path: type init.generator.path=… or init.discriminator.path=… (a run "
                "folder, a file, or imagenet), and another initializer for a network that has none, such as "
                "init.discriminator=normal"
            )
        if self.path != IMAGENET:
            check(Path(self.path), self.weights)

    @torch.no_grad()
    def initialize(self, network: UninitializedNetwork, rng: torch.Generator) -> Sequence[str]:
        if self.path is None:
            raise UserError(f"init.{network.name}.path is null; {HOW}")
        if self.path == IMAGENET:
            source = published(network.origin, network.name)
        else:
            source = read(Path(self.path), network.name, self.weights)
        tensors = self._applied(source, network)
        loaded = [name for name, tensor in network.tensors.items() if _fits(tensors.get(name), tensor)]
        left = [name for name in network.tensors if name not in loaded]
        unused = [name for name in tensors if name not in loaded]
        if not loaded or (self.layers == "all" and (left or unused)):
            self._refuse(network, source, tensors, loaded)
        if self.rest != "default":
            REST[self.rest].initialize(network, rng)
        for name in loaded:
            network.tensors[name].copy_(tensors[name])
        for layer in network.layers:
            if layer.kind != "norm":
                layer.weight.div_(network.scale(layer))
        notes = [f"{len(loaded)} of {len(network.tensors)} tensors from {source.source}"]
        if left:
            notes.append(f"{len(left)} tensors that it does not hold, filled by {self.rest}: {_few(left)}")
        if unused:
            notes.append(f"{len(unused)} of its tensors have no place here: {_few(unused)}")
        return notes

    @staticmethod
    def _applied(source: Weights, network: UninitializedNetwork) -> dict[str, torch.Tensor]:
        """Returns the file's tensors by name; a weight that matches a layer of the network is returned as the trained
        layer applied it."""
        tensors = {name: tensor for name, tensor in source.tensors.items() if PARAMETRIZATION not in name}
        for layer in network.layers:
            name = f"{layer.name}.weight"
            if layer.kind != "norm" and _fits(tensors.get(name), layer.weight):
                tensors[name] = source.applied(layer)
        return tensors

    def _refuse(
        self, network: UninitializedNetwork, source: Weights, tensors: dict[str, torch.Tensor], loaded: Sequence[str]
    ) -> None:
        misfits = [
            f"{name} ({_shape(found)} there, {_shape(tensor)} here)" if found is not None else f"{name} (not there)"
            for name, tensor in network.tensors.items()
            for found in [tensors.get(name)]
            if name not in loaded
        ] + [f"{name} (not here)" for name in tensors if name not in network.tensors]
        if not loaded:
            raise UserError(
                f"{source.source}: none of its {len(tensors)} tensors fits this {network.name}: {_few(misfits)}; type "
                f"another init.{network.name}.path, or the network's settings that it was trained with"
            )
        raise UserError(
            f"{source.source} does not fit this {network.name} in {len(misfits)} tensors: {_few(misfits)}; type "
            f"init.{network.name}.layers=fitting to take the others"
        )


def _fits(found: torch.Tensor | None, expected: torch.Tensor) -> bool:
    return found is not None and found.shape == expected.shape


def _shape(tensor: torch.Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "a number"


def _few(names: Sequence[str], most: int = 4) -> str:
    return ", ".join([*names[:most], *(["…"] if len(names) > most else [])])
