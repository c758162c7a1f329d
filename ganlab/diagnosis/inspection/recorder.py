"""Records what passes through the layers of a network during its first forward passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ganlab.networks.activations import Activate
from ganlab.networks.layers import WeightLayer
from ganlab.types import Batch

ACTIVATIONS = (Activate, nn.ReLU, nn.LeakyReLU, nn.ELU, nn.SiLU, nn.Softplus, nn.Tanh)


@dataclass
class Moments:
    """The count, the sum and the sum of squares of values, in float64."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    def add(self, values: Tensor) -> None:
        """Adds all elements of a tensor."""
        values = values.detach().double()
        self.count += values.numel()
        self.total += float(values.sum())
        self.squares += float(values.square().sum())

    @property
    def mean(self) -> float:
        return self.total / max(self.count, 1)

    @property
    def second(self) -> float:
        """The mean of the squares."""
        return self.squares / max(self.count, 1)

    @property
    def std(self) -> float:
        return float(max(self.second - self.mean**2, 0) ** 0.5)

    @property
    def rms(self) -> float:
        return float(self.second**0.5)


@dataclass
class LayerRecord:
    """The signals of one weight layer: its ``inputs``, which are points of the autograd graph, the moments of
    input and output, and for each activation behind it which of its units were 0 for all samples so far."""

    name: str
    module: WeightLayer
    inputs: list[Tensor] = field(default_factory=list)
    received: Moments = field(default_factory=Moments)
    output: Moments = field(default_factory=Moments)
    zero: dict[nn.Module, Tensor] = field(default_factory=dict)

    @property
    def dead(self) -> float | None:
        """The share of units behind the layer that were 0 for all samples: channels of maps, features of vectors.
        They have no gradient either if the activation is a ReLU. Lu et al. 2019."""
        if not self.zero:
            return None
        return float(torch.cat([one.float() for one in self.zero.values()]).mean())


class Recorder:
    """Records the first ``rows`` inputs of a network (of G latents, of D images): the layers in the order in which
    they are called, and the network's outputs. Later passes, such as those of a penalty, are not recorded.

    To be used as a context; its hooks are removed at the end. The layers must be called one by one
    (``use_fast_kernels(network, False)``).
    """

    def __init__(self, network: nn.Module, rows: int) -> None:
        self.network, self.rows = network, rows
        self.layers: dict[str, LayerRecord] = {}
        self.outputs: list[Any] = []
        self._seen, self._active = 0, False
        self._last: LayerRecord | None = None
        self._hooks: list[Any] = []

    def __enter__(self) -> Recorder:
        self._hooks = [
            self.network.register_forward_pre_hook(self._begin),
            self.network.register_forward_hook(self._end),
        ]
        for name, module in self.network.named_modules():
            if isinstance(module, WeightLayer) and module.kind != "embedding":
                record = LayerRecord(name, module)
                self._hooks.append(module.register_forward_pre_hook(self._before(record)))
                self._hooks.append(module.register_forward_hook(self._after(record)))
            elif isinstance(module, ACTIVATIONS):
                self._hooks.append(module.register_forward_hook(self._activated))
        return self

    def __exit__(self, *error: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _begin(self, module: nn.Module, args: Sequence[Any]) -> None:
        rows = len(args[0].images) if isinstance(args[0], Batch) else len(args[0])
        self._active, self._seen = self._seen < self.rows, self._seen + rows
        self._last = None

    def _end(self, module: nn.Module, args: Sequence[Any], output: Any) -> None:
        if self._active:
            self.outputs.append(output)
        self._active = False

    def _before(self, record: LayerRecord) -> Any:
        def hook(module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
            if not self._active:
                return None
            x, *others = args
            if torch.is_grad_enabled() and not x.requires_grad:  # a leaf, so that the loss has a gradient here too
                x = x.detach().requires_grad_()
            record.inputs.append(x)
            record.received.add(x)
            return (x, *others)

        return hook

    def _after(self, record: LayerRecord) -> Any:
        def hook(module: nn.Module, args: Sequence[Any], output: Tensor) -> None:
            if self._active:
                record.output.add(output)
                self._last = self.layers.setdefault(record.name, record)

        return hook

    def _activated(self, module: nn.Module, args: Sequence[Any], output: Tensor) -> None:
        if self._active and self._last is not None and output.dim() > 1:
            zero = (output.detach() == 0).flatten(2).all(2).all(0) if output.dim() > 2 else (output == 0).all(0)
            before = self._last.zero.get(module)
            self._last.zero[module] = zero if before is None else zero & before
