"""Minibatch layers: D compares the images of a batch with them, so that it can detect mode collapse of G."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from ganlab.networks.layers import Dense
from ganlab.table import PositiveInt, Range, Table


class Minibatch:
    """A choice of minibatch layer, before D's linear output. Subclasses are dataclasses whose fields are settings."""

    compares_samples: ClassVar[bool] = True
    """Whether a sample's features depend on the other samples of its batch."""

    def build(self, shape: tuple[int, ...]) -> tuple[nn.Module, tuple[int, ...]]:
        """Returns the layer for features of ``shape``, (C, H, W) or (C,), and the shape of its output."""
        raise TypeError(f"{type(self).__name__} builds no layer")


@dataclass(frozen=True)
class NoMinibatch(Minibatch):
    """No minibatch layer: the features of a sample depend on that sample alone."""

    compares_samples: ClassVar[bool] = False

    def build(self, shape: tuple[int, ...]) -> tuple[nn.Module, tuple[int, ...]]:
        return nn.Identity(), shape


@dataclass(frozen=True)
class MinibatchStddev(Minibatch):
    """Minibatch standard deviation: one more channel, the standard deviation over the samples of a group, averaged
    over channels and pixels. Karras et al. 2018, section 3. ``group`` null compares the whole batch, as in the paper;
    4 is the value of its published code. A group that does not divide the batch is replaced by the next smaller one
    that does. Published before D's last convolution; here before its linear output, in every architecture."""

    group: Annotated[int, Range(least=2)] | None = None

    def build(self, shape: tuple[int, ...]) -> tuple[nn.Module, tuple[int, ...]]:
        return _Stddev(self.group), (shape[0] + 1, *shape[1:])


@dataclass(frozen=True)
class MinibatchDiscrimination(Minibatch):
    """Minibatch discrimination: ``features`` more features, each the sum over the other samples of exp(-‖Mᵢ - Mⱼ‖₁),
    where M is a learned linear map to ``features`` × ``kernel`` values. Salimans et al. 2016, section 3.2. A sample
    is not compared with itself, and the defaults are 100 features of 5, as in their code."""

    features: PositiveInt = 100
    kernel: PositiveInt = 5

    def build(self, shape: tuple[int, ...]) -> tuple[nn.Module, tuple[int, ...]]:
        length = math.prod(shape)
        return _Discrimination(length, self.features, self.kernel), (length + self.features,)


class _Stddev(nn.Module):
    def __init__(self, group: int | None) -> None:
        super().__init__()
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        count = len(x)
        # The largest group that divides the batch; a batch that no group divides is one group.
        size = next((number for number in range(min(self.group or count, count), 1, -1) if count % number == 0), count)
        groups = x.float().unflatten(0, (size, -1))
        deviation = torch.sqrt(groups.var(dim=0, correction=0) + 1e-8)  # (groups, C, H, W); √ has no slope at 0
        statistic = deviation.flatten(1).mean(dim=1)
        channel = statistic.repeat(size).view(-1, 1, *[1] * (x.dim() - 2)).expand(-1, 1, *x.shape[2:])
        return torch.cat([x, channel.to(x.dtype)], dim=1)


class _Discrimination(nn.Module):
    def __init__(self, length: int, features: int, kernel: int) -> None:
        super().__init__()
        self.features = features
        self.tensor = Dense(length, features * kernel, follows=None, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        rows = self.tensor(x).unflatten(1, (self.features, -1)).float()  # (n, features, kernel)
        distances = (rows[:, None] - rows[None]).abs().sum(dim=3)  # (n, n, features)
        similarity = torch.exp(-distances).sum(dim=1) - 1  # without itself
        return torch.cat([x, similarity.to(x.dtype)], dim=1)


MINIBATCHES = Table[Minibatch](
    "minibatch layer", {"none": NoMinibatch, "stddev": MinibatchStddev, "discrimination": MinibatchDiscrimination}
)
