"""Norms of activations. All take (N, C) or (N, C, H, W)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganlab.networks.layers import NormLayer
from ganlab.ranks import here, sum_over_ranks
from ganlab.table import Fraction, Positive, PositiveInt, Table


class Norm:
    """A choice of norm. Subclasses are dataclasses whose fields are settings."""

    has_shift: bool = True
    """Whether the norm adds a bias of its own, so that the layer before it needs none."""

    conditional: ClassVar[bool] = False
    """Whether it has scales and shifts per class, so that the network depends on the label."""

    averages_batch: ClassVar[bool] = False
    """Whether it averages over the images of a batch, so that an image's output depends on the others."""

    averages_ranks: ClassVar[bool] = False
    """Whether that batch is the global batch of all ranks."""

    def build(self, channels: int, size: tuple[int, int] | None, classes: int = 0) -> nn.Module:
        """Returns the norm of maps with ``channels`` and ``size`` (H, W), None behind a dense layer; ``classes`` is
        the number of classes if the network has labels.

        Raises ValueError with a sentence if the norm is not meaningful there.
        """
        raise TypeError(f"{type(self).__name__} builds no layer")


class _Affine(NormLayer):
    """The base class of norms with one scale and one shift per channel."""

    def __init__(self, channels: int, epsilon: float) -> None:
        super().__init__()
        self.channels, self.epsilon = channels, epsilon
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def extra_repr(self) -> str:
        return f"{self.channels}"


class BatchNormLayer(_Affine):
    """Batch norm over N (and H, W). ``frozen`` leaves the running statistics unchanged while the batch's own
    statistics still normalize it, since one network's update must not change the other's buffers."""

    averaged_buffers = ("running_mean", "running_variance")
    running_mean: Tensor
    running_variance: Tensor

    def __init__(self, channels: int, epsilon: float, momentum: float) -> None:
        super().__init__(channels, epsilon)
        self.momentum, self.frozen = momentum, False
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_variance", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        return self.normalized(x, self.weight, self.bias)

    def normalized(self, x: Tensor, scale: Tensor | None, shift: Tensor | None) -> Tensor:
        """Returns ``x`` normalized, times ``scale`` plus ``shift`` (channels,), or without them if they are None."""
        use_batch = self.training
        keep = use_batch and self.frozen
        return F.batch_norm(
            x,
            None if keep else self.running_mean,
            None if keep else self.running_variance,
            scale,
            shift,
            use_batch,
            self.momentum,
            self.epsilon,
        )


class ConditionalBatchNormLayer(BatchNormLayer):
    """Batch norm with a scale and a shift for each of ``classes``; ``forward`` takes labels (N,)."""

    conditional = True

    def __init__(self, channels: int, epsilon: float, momentum: float, classes: int) -> None:
        super().__init__(channels, epsilon, momentum)
        self.weight = nn.Parameter(torch.ones(classes, channels))
        self.bias = nn.Parameter(torch.zeros(classes, channels))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:  # type: ignore[override]
        per_image = (-1, self.channels, *[1] * (x.dim() - 2))
        scale, shift = F.embedding(labels, self.weight), F.embedding(labels, self.bias)
        y = self.normalized(x, None, None)
        return y * scale.view(per_image).to(y.dtype) + shift.view(per_image).to(y.dtype)


class SyncBatchNormLayer(BatchNormLayer):
    """Batch norm over the batches of all ranks; with one process it is batch norm."""

    def normalized(self, x: Tensor, scale: Tensor | None, shift: Tensor | None) -> Tensor:
        ranks = here().count
        if not self.training or ranks == 1:
            return super().normalized(x, scale, shift)
        over = [0, *range(2, x.dim())]
        per_channel = (1, -1, *[1] * (x.dim() - 2))
        with torch.autocast(x.device.type, enabled=False):  # statistics in float32
            # Differentiable reductions, whose gradients are reduced in turn. Equal batches: the mean of means holds.
            mean = sum_over_ranks(x.float().mean(over)) / ranks
            centred = x.float() - mean.view(per_channel)
            variance = sum_over_ranks((centred**2).mean(over)) / ranks
            y = centred * torch.rsqrt(variance + self.epsilon).view(per_channel)
        if not self.frozen:
            count = x.numel() / x.shape[1] * ranks
            with torch.no_grad():  # running variances are unbiased, as in PyTorch
                self.running_mean.lerp_(mean, self.momentum)
                self.running_variance.lerp_(variance * count / max(count - 1, 1), self.momentum)
        if scale is not None and shift is not None:
            y = y * scale.view(per_channel) + shift.view(per_channel)
        normalized: Tensor = y.to(x.dtype)
        return normalized


class LayerNormLayer(_Affine):
    """Layer norm over (C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.group_norm(x, 1, self.weight, self.bias, self.epsilon)


class InstanceNormLayer(_Affine):
    """Instance norm over (H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.instance_norm(x, weight=self.weight, bias=self.bias, eps=self.epsilon)


class GroupNormLayer(_Affine):
    """Group norm over (H, W) and the channels of each of ``groups``."""

    def __init__(self, channels: int, epsilon: float, groups: int) -> None:
        super().__init__(channels, epsilon)
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        return F.group_norm(x, self.groups, self.weight, self.bias, self.epsilon)


class PixelNormLayer(nn.Module):
    """Pixel norm over C, without parameters."""

    def __init__(self, epsilon: float) -> None:
        super().__init__()
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt((x**2).mean(dim=1, keepdim=True) + self.epsilon)


@dataclass(frozen=True)
class NoNorm(Norm):
    """No norm: maps stay as they are."""

    has_shift = False

    def build(self, channels: int, size: tuple[int, int] | None, classes: int = 0) -> nn.Module:
        return nn.Identity()


@dataclass(frozen=True)
class BatchNorm(Norm):
    """Batch normalization, Ioffe & Szegedy 2015. ``momentum`` is the new batch's share of the running statistics."""

    averages_batch: ClassVar[bool] = True
    epsilon: Positive = 1e-5
    momentum: Fraction = 0.1

    def build(self, channels: int, size: tuple[int, int] | None, classes: int = 0) -> nn.Module:
        return BatchNormLayer(channels, self.epsilon, self.momentum)


@dataclass(frozen=True)
class ConditionalBatchNorm(BatchNorm):
    """Batch normalization with a scale and a shift per class. Dumoulin et al. 2017; de Vries et al. 2017."""

    conditional: ClassVar[bool] = True

    def build(self, channels: int, size: tuple[int, int] | None, classes: int = 0) -> nn.Module:
        if not classes:
            raise ValueError(
                "conditional batch norm has a scale per class, and this network receives no labels; type "
                "condition=projection, with data that has labels, or another norm"
            )
        return ConditionalBatchNormLayer(channels, self.epsilon, self.momentum, classes)


@dataclass(frozen=True)
class SyncBatchNorm(BatchNorm):
    """Batch normalization over the batches of all ranks together, as if they were one. Ioffe & Szegedy 2015; Peng et
    al. 2018, section 3.2."""

    averages_ranks: ClassVar[bool] = True

    def build(self, channels: int, size: tuple[int, int] | None, classes: int = 0) -> nn.Module:
        return SyncBatchNormLayer(channels, self.epsilon, self.momentum)


@dataclass(frozen=True)
class LayerNorm(Norm):
    """Layer normalization over C, H, W of each image, Ba et al. 2016, with one scale and shift per channel."""

    epsilon: Positive = 1e-5

    def build(self, channels: int, size: tuple[int, int] | None, classes: int = 0) -> nn.Module:
        return LayerNormLayer(channels, self.epsilon)


@dataclass(frozen=True)
class InstanceNorm(Norm):
    """Instance normalization over H, W of each channel, Ulyanov et al. 2016."""

    epsilon: Positive = 1e-5

    def build(self, channels: int, size: tuple[int, int] | None, classes: int = 0) -> nn.Module:
        if size is None:
            raise ValueError(
                "instance norm averages over height and width, and a dense layer has neither; layer norm needs none"
            )
        if size == (1, 1):
            raise ValueError(
                "instance norm averages over height and width, and on maps of 1×1 it would make all values 0; layer "
                "norm needs none"
            )
        return InstanceNormLayer(channels, self.epsilon)


@dataclass(frozen=True)
class GroupNorm(Norm):
    """Group normalization over H, W and the channels of a group, Wu & He 2018 (32 groups, in wider networks).

    If ``groups`` does not divide a layer's channels, or would leave groups of a single value, the largest smaller
    number that does neither is used.
    """

    groups: PositiveInt = 8
    epsilon: Positive = 1e-5

    def build(self, channels: int, size: tuple[int, int] | None, classes: int = 0) -> nn.Module:
        pixels = size[0] * size[1] if size else 1
        fitting = (
            n for n in range(min(self.groups, channels), 0, -1) if channels % n == 0 and channels // n * pixels > 1
        )
        groups = next(fitting, 0)
        if not groups:
            raise ValueError("group norm of a single value would make it 0; type a larger width, or another norm")
        return GroupNormLayer(channels, self.epsilon, groups)


@dataclass(frozen=True)
class PixelNorm(Norm):
    """Pixelwise feature vector normalization, Karras et al. 2018, section 4.2: x / √(mean of x² over the channels +
    ε) at each pixel, without scale and shift. Here it precedes the activation, as other norms do; in the paper it
    follows it."""

    has_shift = False
    epsilon: Positive = 1e-8

    def build(self, channels: int, size: tuple[int, int] | None, classes: int = 0) -> nn.Module:
        return PixelNormLayer(self.epsilon)


NORMS = Table[Norm](
    "norm",
    {
        "none": NoNorm,
        "batch": BatchNorm,
        "conditional_batch": ConditionalBatchNorm,
        "sync_batch": SyncBatchNorm,
        "layer": LayerNorm,
        "instance": InstanceNorm,
        "group": GroupNorm,
        "pixel": PixelNorm,
    },
)
