"""Functions of a network's layers: their descriptions for initializers, their parametrizations and their kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ganlab.layer import BranchPlace, Layer, UninitializedNetwork
from ganlab.networks.dropout import without_dropout
from ganlab.networks.layers import NormLayer, WeightLayer
from ganlab.networks.parametrizations import WeightSetting


def use_fast_kernels(network: nn.Module, fast: bool) -> None:
    """Sets whether the network's layers use fused kernels, with the same results up to rounding.

    It is a mode, as PyTorch's ``train`` is, and no argument of each layer: every architecture, those of plugins too,
    would have to pass it on.
    """
    for module in network.modules():
        if hasattr(module, "fast"):
            module.fast = fast  # type: ignore[assignment]


@contextmanager
def _each_layer_by_itself(network: nn.Module) -> Iterator[None]:
    """Returns a context without fused kernels, so that the hook of each layer is called."""
    fused = [module for module in network.modules() if getattr(module, "fast", False)]
    for module in fused:
        module.fast = False  # type: ignore[assignment]
    try:
        yield
    finally:
        for module in fused:
            module.fast = True  # type: ignore[assignment]


def walk(network: nn.Module) -> Iterator[Layer]:
    """Yields the descriptions for initializers of a network's layers, in the order in which they were built.

    Raises TypeError if a parameter belongs to no layer, so that none is left out silently.
    """
    yielded: set[Tensor] = set()
    places = _branch_places(network)
    for name, module in network.named_modules():
        if isinstance(module, WeightLayer):
            stride = module.stride[0] if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) else 1
            follows = module.follows
            layer = Layer(
                name,
                module.kind,
                module.role,
                follows.name,
                follows.gain,
                module.weight,
                module.bias,
                stride,
                places.get(name),
                module.projects,
            )
        elif isinstance(module, NormLayer):
            layer = Layer(name, "norm", "hidden", "linear", 1.0, module.weight, module.bias)
        else:
            continue
        if layer.weight not in yielded:  # a shared layer is filled once
            yielded.update(parameter for parameter in (layer.weight, layer.bias) if parameter is not None)
            yield layer
    for name, parameter in network.named_parameters():
        if parameter not in yielded:
            raise TypeError(
                f"parameter {name} belongs to no layer that initializers fill; use the layers of ganlab.networks.layers"
            )


def _branch_places(network: nn.Module) -> dict[str, BranchPlace]:
    """Returns the place of each weight layer on a residual branch, by the layer's name. A residual block lists the
    names of its branch's weight layers, relative to itself and in order, in its attribute ``branch_layers``."""
    branches = [
        [f"{name}.{own}".lstrip(".") for own in module.branch_layers]
        for name, module in network.named_modules()
        if hasattr(module, "branch_layers")
    ]
    return {
        layer: BranchPlace(index, len(branches), place, len(branch))
        for index, branch in enumerate(branches)
        for place, layer in enumerate(branch)
    }


def uninitialized(
    network: nn.Module,
    name: str,
    probe: Callable[[], object] | None = None,
    weight: WeightSetting | None = None,
) -> UninitializedNetwork:
    """Returns the description of a network for its initializer. ``probe`` runs the network once on training data;
    ``weight`` is the parametrization that its layers will get."""
    modules = dict(network.named_modules())

    @torch.no_grad()
    def layer_output(layer: Layer) -> Tensor:
        assert probe is not None
        outputs: list[Tensor] = []
        # A copy: the next layer may change the output in place.
        hook = modules[layer.name].register_forward_hook(lambda module, args, output: outputs.append(output.clone()))
        try:
            with without_dropout(network), _each_layer_by_itself(network):
                probe()
        finally:
            hook.remove()
        return outputs[0]

    return UninitializedNetwork(
        name,
        tuple(walk(network)),
        network.state_dict(),
        layer_output if probe else None,
        (weight or WeightSetting()).scale,
        getattr(network, "origin", ""),
    )


@torch.no_grad()
def fold(network: nn.Module) -> None:
    """Stores the weights that the layers apply, and removes the parametrizations: the network computes the same
    function with fewer operations, and is no longer meant for training."""
    for module in network.modules():
        if isinstance(module, WeightLayer) and module.parametrization is not None:
            module.weight.copy_(module.applied_weight())
            module.parametrization = None


def parametrize(network: nn.Module, setting: WeightSetting) -> None:
    """Adds the parametrization to every weight layer. To be called after initialization, since it may start from the
    weight."""
    layers = {layer.name: layer for layer in walk(network)}
    for name, module in network.named_modules():
        if isinstance(module, WeightLayer) and name in layers:  # a shared one has one parametrization
            module.parametrization = setting.build(layers[name])
