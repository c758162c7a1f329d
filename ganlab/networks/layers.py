"""The layers that have weights. Each stores its role and the activation that follows it, for initializers, and has a
place for a weight parametrization."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganlab.layer import BranchPlace, Kind, Layer, Role, UninitializedNetwork, as_matrix
from ganlab.networks.activations import Activate, Activation
from ganlab.networks.activations import Linear as NoActivation
from ganlab.networks.kernels.convolution import convolve, convolve_transposed
from ganlab.networks.kernels.pooling import AveragePool, NearestUpsampling
from ganlab.networks.parametrizations import Parametrization, WeightSetting
from ganlab.types import Condition


class WeightLayer(nn.Module):
    """The common base of dense, convolution, transposed convolution and embedding layers. ``follows`` is the
    activation behind the layer (behind its norm, if there is one between them)."""

    kind: Kind
    weight: Tensor  # a Parameter; torch annotates it more widely
    bias: Tensor | None
    fast: bool = True
    """Whether the layer uses fused kernels, with the same results up to rounding."""

    def describe(self, role: Role, follows: Activation | None) -> None:
        self.role: Role = role
        self.follows: Activation = follows or NoActivation()
        self.parametrization: Parametrization | None = None

    def matrix(self, weight: Tensor) -> Tensor:
        """Returns the weight as a matrix (out, in * k * k)."""
        return as_matrix(weight, self.kind)

    def applied_weight(self) -> Tensor:
        """Returns the weight that the layer applies: the parametrization of the stored weight."""
        if self.parametrization is None:
            return self.weight
        applied: Tensor = self.parametrization(self.weight, self.matrix(self.weight))
        return applied

    def report(self) -> dict[str, Tensor]:
        return self.parametrization.report(self.matrix(self.weight.detach())) if self.parametrization else {}

    def advance(self) -> None:
        if self.parametrization is not None:
            self.parametrization.advance(self.matrix(self.weight.detach()))


class Dense(nn.Linear, WeightLayer):  # type: ignore[misc]
    kind: Kind = "dense"

    def __init__(
        self, inputs: int, outputs: int, *, follows: Activation | None, bias: bool = True, role: Role = "hidden"
    ) -> None:
        super().__init__(inputs, outputs, bias=bias)
        self.describe(role, follows)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.applied_weight(), self.bias)


class Convolution(nn.Conv2d, WeightLayer):
    kind: Kind = "convolution"

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        follows: Activation | None,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
        role: Role = "hidden",
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride, padding, bias=bias)
        self.describe(role, follows)

    def forward(self, x: Tensor) -> Tensor:
        return self.convolved(x, self.applied_weight(), self.stride[0])

    def convolved(self, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        padding = self.padding[0]
        assert isinstance(padding, int)
        if self.fast:
            return convolve(x, weight, self.bias, stride, padding)
        return F.conv2d(x, weight, self.bias, stride, padding)

    def pooled(self, x: Tensor) -> Tensor:
        """Returns the mean over 2×2 pixels of the layer's output, in one convolution: the mean of four shifted
        kernels k×k is one kernel (k+1)×(k+1), applied at every second pixel. For k = 3 that is 16 products a pixel,
        not 36."""
        return self.convolved(x, 0.25 * spread(self.applied_weight()), 2)

    def upsampled(self, x: Tensor) -> Tensor:
        """Returns the layer's output for ``x`` with each pixel repeated 2×2: a transposed convolution with the kernel
        of ``pooled``, mirrored. The kernel must be 3×3, padded by 1."""
        weight = spread(self.applied_weight()).flip(2, 3).transpose(0, 1)
        return convolve_transposed(x, weight, self.bias, 2, 1)


class TransposedConvolution(nn.ConvTranspose2d, WeightLayer):
    kind: Kind = "transposed_convolution"

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        follows: Activation | None,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
        role: Role = "hidden",
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride, padding, bias=bias)
        self.describe(role, follows)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        padding = self.padding[0]
        assert isinstance(padding, int)
        if self.fast:
            return convolve_transposed(x, self.applied_weight(), self.bias, self.stride[0], padding)
        return F.conv_transpose2d(x, self.applied_weight(), self.bias, self.stride[0], padding)


class Embedding(nn.Embedding, WeightLayer):
    """An embedding, one learned row per class: a dense layer on one-hot labels."""

    kind: Kind = "embedding"

    def __init__(self, classes: int, outputs: int, *, role: Role = "hidden") -> None:
        super().__init__(classes, outputs)
        self.bias = None
        self.describe(role, None)

    def forward(self, labels: Tensor) -> Tensor:
        return F.embedding(labels, self.applied_weight())


NOTHING: Condition = {}


class NormLayer(nn.Module):
    """A normalization with affine parameters per channel, (channels,), or per class and channel, (classes, channels).
    ``walk`` finds norms by this class."""

    weight: nn.Parameter
    bias: nn.Parameter
    conditional: bool = False
    """Whether its forward pass takes labels (N,) too."""


def spread(weight: Tensor) -> Tensor:
    """Returns the sum of kernels (out, in, k, k) shifted to the four places of a 2×2 square: (out, in, k + 1, k +
    1)."""
    wide = F.pad(weight, (1, 0)) + F.pad(weight, (0, 1))
    return F.pad(wide, (0, 0, 1, 0)) + F.pad(wide, (0, 0, 0, 1))


class Chain(nn.Sequential):
    """A sequence of layers that passes the labels to its conditional norms. A convolution before an average pool, or
    after an upsampling, is computed together with it in one convolution."""

    fast: bool = True

    def forward(self, x: Tensor, condition: Condition = NOTHING) -> Tensor:
        layers = deque(self)
        kept = True  # others may need x unchanged: nothing overwrites it
        while layers:
            layer = layers.popleft()
            following = layers[0] if self.fast and layers else None
            if _has_kernel_3(layer) and isinstance(following, AveragePool):
                x = layer.pooled(x)
                layers.popleft()
            elif isinstance(layer, NearestUpsampling) and _has_kernel_3(following):
                x = following.upsampled(x)
                layers.popleft()
            elif isinstance(layer, NormLayer) and layer.conditional:
                x = layer(x, condition["labels"])
            elif isinstance(layer, Activate):
                alone = isinstance(following, Convolution | TransposedConvolution | NearestUpsampling)
                x = layer(x, overwrite=self.fast and not kept, alone=alone)
            else:
                x = layer(x)
            # No gradient needs the output of these layers; that of an activation needs its output.
            if not isinstance(layer, nn.Identity):
                kept = not isinstance(layer, Convolution | TransposedConvolution | NearestUpsampling | NormLayer)
        return x


def _has_kernel_3(layer: nn.Module | None) -> TypeGuard[Convolution]:
    return isinstance(layer, Convolution) and (layer.kernel_size[0], layer.stride[0], layer.padding[0]) == (3, 1, 1)


def use_fast_kernels(network: nn.Module, fast: bool) -> None:
    """Sets whether the network's layers use fused kernels, with the same results up to rounding.

    It is a mode, as PyTorch's ``train`` is, and no argument of each layer: every architecture, those of plugins too,
    would have to pass it on.
    """
    for module in network.modules():
        if hasattr(module, "fast"):
            module.fast = fast  # type: ignore[assignment]


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
        dropouts = [one for one in modules.values() if isinstance(one, nn.Dropout) and one.training]
        for dropout in dropouts:
            dropout.eval()
        fast = [one for one in modules.values() if getattr(one, "fast", False)]
        for module in fast:  # each layer by itself, so that its hook is called
            module.fast = False
        try:
            probe()
        finally:
            hook.remove()
            for module in fast:
                module.fast = True
            for dropout in dropouts:
                dropout.train()
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
