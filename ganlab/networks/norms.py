"""Activation norms. All have per-channel scale and shift, and take (N, C) or (N, C, H, W)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganlab.networks.layers import NormLayer
from ganlab.table import Fraction, Positive, Table


class Norm:
    """A choice of norm. Subclasses are dataclasses: their fields are settings."""

    has_shift: bool = True
    """Whether the norm adds a bias of its own, so that the layer before it needs none."""

    def build(self, channels: int, spatial: bool) -> nn.Module:
        """The norm of ``channels`` channels; ``spatial`` where it stands behind a convolution.

        Raises ValueError, with a sentence, where the norm makes no sense there.
        """
        raise TypeError(f"{type(self).__name__} builds no layer")


class _Affine(NormLayer):
    def __init__(self, channels: int, epsilon: float) -> None:
        super().__init__()
        self.channels, self.epsilon = channels, epsilon
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def extra_repr(self) -> str:
        return f"{self.channels}"


class BatchNormLayer(_Affine):
    """Batch norm over N (and H, W). ``frozen`` leaves the running statistics as they are and still normalizes by the
    batch's: one network's update must not move the other's buffers."""

    averaged_buffers = ("running_mean", "running_variance")
    running_mean: Tensor
    running_variance: Tensor

    def __init__(self, channels: int, epsilon: float, momentum: float) -> None:
        super().__init__(channels, epsilon)
        self.momentum, self.frozen = momentum, False
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_variance", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        use_batch = self.training
        keep = use_batch and self.frozen
        return F.batch_norm(
            x,
            None if keep else self.running_mean,
            None if keep else self.running_variance,
            self.weight,
            self.bias,
            use_batch,
            self.momentum,
            self.epsilon,
        )


class LayerNormLayer(_Affine):
    def forward(self, x: Tensor) -> Tensor:
        return F.group_norm(x, 1, self.weight, self.bias, self.epsilon)


class InstanceNormLayer(_Affine):
    def forward(self, x: Tensor) -> Tensor:
        return F.instance_norm(x, weight=self.weight, bias=self.bias, eps=self.epsilon)


@dataclass(frozen=True)
class NoNorm(Norm):
    has_shift = False

    def build(self, channels: int, spatial: bool) -> nn.Module:
        return nn.Identity()


@dataclass(frozen=True)
class Batch(Norm):
    """Batch normalization, Ioffe & Szegedy 2015. ``momentum`` is the new batch's share of the running statistics."""

    epsilon: Positive = 1e-5
    momentum: Fraction = 0.1

    def build(self, channels: int, spatial: bool) -> nn.Module:
        return BatchNormLayer(channels, self.epsilon, self.momentum)


@dataclass(frozen=True)
class LayerNorm(Norm):
    """Layer normalization over C, H, W of each image, Ba et al. 2016, with one scale and shift per channel."""

    epsilon: Positive = 1e-5

    def build(self, channels: int, spatial: bool) -> nn.Module:
        return LayerNormLayer(channels, self.epsilon)


@dataclass(frozen=True)
class Instance(Norm):
    """Instance normalization over H, W of each channel, Ulyanov et al. 2016."""

    epsilon: Positive = 1e-5

    def build(self, channels: int, spatial: bool) -> nn.Module:
        if not spatial:
            raise ValueError(
                "instance norm averages over height and width, and a dense layer has neither; layer norm needs none"
            )
        return InstanceNormLayer(channels, self.epsilon)


NORMS = Table[Norm]("norm", {"none": NoNorm, "batch": Batch, "layer": LayerNorm, "instance": Instance})
