"""The layers that carry weights. Each knows its role and the activation that follows it, for initializers, and has a
slot for a weight parametrization."""

from __future__ import annotations

from collections.abc import Iterator

import torch.nn.functional as F
from torch import Tensor, nn

from ganlab.networks.activations import Activation
from ganlab.networks.activations import Linear as NoActivation
from ganlab.networks.parametrizations import Parametrization, WeightSetting
from ganlab.types import Kind, Layer, Role, as_matrix


class WeightLayer(nn.Module):
    """What dense, convolution and transposed convolution layers share. ``follows`` is the activation behind the layer
    (behind its norm, where one stands between them)."""

    kind: Kind
    weight: Tensor  # a Parameter; torch annotates it more widely
    bias: Tensor | None

    def describe(self, role: Role, follows: Activation | None) -> None:
        self.role: Role = role
        self.follows: Activation = follows or NoActivation()
        self.parametrization: Parametrization | None = None

    def matrix(self, weight: Tensor) -> Tensor:
        """The weight as (out, in * k * k)."""
        return as_matrix(weight, self.kind)

    def applied_weight(self) -> Tensor:
        """The weight that the layer applies: the stored one through its parametrization."""
        if self.parametrization is None:
            return self.weight
        applied: Tensor = self.parametrization(self.weight, self.matrix(self.weight))
        return applied

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
        return F.conv2d(x, self.applied_weight(), self.bias, self.stride, self.padding)  # type: ignore[arg-type]


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
        return F.conv_transpose2d(x, self.applied_weight(), self.bias, self.stride, self.padding)  # type: ignore[arg-type]


class NormLayer(nn.Module):
    """A normalization with per-channel affine parameters; marks the module for the walk."""

    weight: nn.Parameter
    bias: nn.Parameter


def walk(network: nn.Module) -> Iterator[Layer]:
    """The layers of a network in the order they were built, each as an initializer sees it.

    Raises TypeError where a parameter belongs to no layer, so that none is ever left out silently.
    """
    seen: set[Tensor] = set()
    for name, module in network.named_modules():
        if isinstance(module, WeightLayer):
            stride = module.stride[0] if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) else 1
            layer = Layer(
                name,
                module.kind,
                module.role,
                module.follows.name,
                module.follows.slope,
                module.weight,
                module.bias,
                stride,
            )
        elif isinstance(module, NormLayer):
            layer = Layer(name, "norm", "hidden", "linear", 0.0, module.weight, module.bias)
        else:
            continue
        if layer.weight not in seen:  # a shared layer is filled once
            seen.update(parameter for parameter in (layer.weight, layer.bias) if parameter is not None)
            yield layer
    for name, parameter in network.named_parameters():
        if parameter not in seen:
            raise TypeError(f"parameter {name} belongs to no layer that the walk knows")


def parametrize(network: nn.Module, setting: WeightSetting) -> None:
    """Puts the parametrization on every weight layer. After initialization: it may start from the weight."""
    for module in network.modules():
        if isinstance(module, WeightLayer):
            module.parametrization = setting.build(module.matrix(module.weight.detach()))
