"""The layers that have weights. Each stores its role and the activation that follows it, for initializers, and has a
place for a weight parametrization."""

from __future__ import annotations

from collections import deque
from typing import TypeGuard

import torch.nn.functional as F
from torch import Tensor, nn

from ganlab.layer import Kind, Role, as_matrix
from ganlab.networks.activations import Activate, Activation
from ganlab.networks.activations import Linear as NoActivation
from ganlab.networks.kernels.convolution import convolve, convolve_transposed
from ganlab.networks.kernels.pooling import AveragePool, NearestUpsampling
from ganlab.networks.parametrizations import Parametrization
from ganlab.types import Condition


class WeightLayer(nn.Module):
    """The common base of dense, convolution, transposed convolution and embedding layers. ``follows`` is the
    activation behind the layer (behind its norm, if there is one between them)."""

    kind: Kind
    weight: Tensor  # a Parameter; torch annotates it more widely
    bias: Tensor | None
    fast: bool = True
    """Whether the layer uses fused kernels, with the same results up to rounding."""
    projects: bool = False
    """Whether the rows of an embedding multiply features, so that its fans are those of a dense layer."""

    def describe(self, role: Role, follows: Activation | None) -> None:
        """Stores the layer's role and the activation that follows it, None for none, and adds no parametrization yet.
        Subclasses call it at the end of their constructor."""
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
        """Returns the scalars that the parametrization logs, by name; {} without one."""
        return self.parametrization.report(self.matrix(self.weight.detach())) if self.parametrization else {}

    def advance(self) -> None:
        """Updates the state of the parametrization, once per update of the network."""
        if self.parametrization is not None:
            self.parametrization.advance(self.matrix(self.weight.detach()))


class Dense(nn.Linear, WeightLayer):  # type: ignore[misc]
    """A dense layer, (N, inputs) to (N, outputs)."""

    kind: Kind = "dense"

    def __init__(
        self, inputs: int, outputs: int, *, follows: Activation | None, bias: bool = True, role: Role = "hidden"
    ) -> None:
        super().__init__(inputs, outputs, bias=bias)
        self.describe(role, follows)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.applied_weight(), self.bias)


class Convolution(nn.Conv2d, WeightLayer):
    """A convolution with a square kernel of ``kernel`` pixels a side, (N, inputs, H, W) to (N, outputs, H', W')."""

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
        """Returns the convolution of ``x`` with another weight and stride, and with the layer's bias and padding."""
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
    """A transposed convolution with a square kernel, (N, inputs, H, W) to (N, outputs, H', W')."""

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
    """An embedding, one learned row per class: a dense layer on one-hot labels. With ``projects`` the rows multiply
    features, as in the projection discriminator, and initializers take it for a dense layer on those."""

    kind: Kind = "embedding"

    def __init__(self, classes: int, outputs: int, *, role: Role = "hidden", projects: bool = False) -> None:
        super().__init__(classes, outputs)
        self.projects = projects
        self.bias = None
        self.describe(role, None)

    def forward(self, labels: Tensor) -> Tensor:
        return F.embedding(labels, self.applied_weight())


NOTHING: Condition = {}


class NormLayer(nn.Module):
    """A normalization with affine parameters per channel, (channels,), or per class and channel, (classes, channels).
    ``ganlab.networks.walk`` finds norms by this class."""

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
