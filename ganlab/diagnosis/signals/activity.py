"""Which units of a network are active in a forward pass, and how large its last activations are."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ganlab.diagnosis.inspection.recorder import ACTIVATIONS
from ganlab.networks.layers import WeightLayer


class Activity:
    """The activity of a network's units in the forward passes inside the context. Its hooks, which change nothing, are
    removed at the end.

    A unit is a channel of maps, or a feature of vectors. It is dead if its activation is the same number in all samples
    and at all places: a ReLU that is always 0 (Lu et al. 2019), a saturated tanh, or a channel without variance.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self._ranges: list[tuple[Tensor, Tensor]] = []  # of each activation in the order of the calls
        self._calls = 0
        self._last: Tensor | None = None
        self._hooks: list[Any] = []

    def __enter__(self) -> Activity:
        self._hooks = [self.network.register_forward_pre_hook(self._begin)]
        for module in self.network.modules():
            if isinstance(module, ACTIVATIONS):
                self._hooks.append(module.register_forward_hook(self._activated))
            elif isinstance(module, WeightLayer) and module.kind != "embedding":
                self._hooks.append(module.register_forward_pre_hook(self._entered))
        return self

    def __exit__(self, *error: object) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    @property
    def dead(self) -> Tensor | None:
        """The share of units that are dead, a scalar in [0, 1]; None if the network has no activation modules."""
        if not self._ranges:
            return None
        return torch.cat([(low == high).float() for low, high in self._ranges]).mean()

    @property
    def rms(self) -> Tensor | None:
        """The root mean square of the input of the layer that was called last: of the last hidden activations."""
        return None if self._last is None else self._last.detach().float().square().mean().sqrt()

    def _begin(self, module: nn.Module, args: Any) -> None:
        self._calls = 0  # a second pass, of the fakes behind the reals, goes through the same units

    def _entered(self, module: nn.Module, args: tuple[Tensor, ...]) -> None:
        self._last = args[0]

    def _activated(self, module: nn.Module, args: Any, output: Tensor) -> None:
        if output.dim() < 2:
            return
        over = [axis for axis in range(output.dim()) if axis != 1]
        low, high = output.detach().amin(over), output.detach().amax(over)
        if self._calls < len(self._ranges):
            before = self._ranges[self._calls]
            low, high = torch.minimum(low, before[0]), torch.maximum(high, before[1])
            self._ranges[self._calls] = low, high
        else:
            self._ranges.append((low, high))
        self._calls += 1
