"""Optimizers, one setting per network, so that the learning rates can differ (TTUR, Heusel et al. 2017)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from ganlab import eager_optimizers
from ganlab.scalars import Scheduled, at, moving_fields
from ganlab.table import Moving, NonNegative, Positive, Range, Table
from ganlab.training.decays import DECAYS, Decay, NoDecay

Beta = Annotated[float, Range(least=0, below=1)]


@dataclass(frozen=True)
class OptimizerSetting:
    """The settings that all optimizers share. Subclasses are dataclasses that add their own.

    ``clip_norm`` scales the gradient of all parameters together down to that norm where it is longer (Pascanu et al.
    2013, Algorithm 1); ``clip_value`` then limits each of its numbers to ± that. Both come before weight decay.

    Raises ValueError if both ``lr`` is a schedule and ``decay`` changes it.
    """

    moments: ClassVar[frozenset[str]] = frozenset()
    """The names of its state of each parameter, all of which a checkpoint must have."""

    lr: Literal["auto"] | Moving[Positive] = "auto"
    decay: Annotated[Decay, DECAYS] = field(default_factory=NoDecay, kw_only=True)
    clip_norm: Moving[Positive] | None = field(default=None, kw_only=True)
    clip_value: Moving[Positive] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if isinstance(self.lr, Scheduled) and not isinstance(self.decay, NoDecay):
            raise ValueError(
                f"found lr={self.lr} with decay={DECAYS.name_of(self.decay)}, and both change the rate; type "
                "decay=none, or a number for lr"
            )

    @property
    def moving_options(self) -> list[str]:
        """The names of the settings that are schedules of an option of PyTorch's optimizer besides ``lr``. Its kernels
        take these as numbers on the host in each update, so that a CUDA graph would repeat the recorded ones."""
        shared = {one.name for one in fields(OptimizerSetting)}
        return [name for name in moving_fields(self) if name not in shared]

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Builds the optimizer of ``parameters``. No field is a schedule here: the learner has replaced each by its
        first value."""
        raise TypeError(f"{type(self).__name__} builds no optimizer")

    @torch.no_grad()
    def clip(self, parameters: Sequence[Tensor], norm: Tensor, progress: float | Tensor) -> None:
        """Clips the parameters' gradients by their common ``norm``, then by value, with the limits at ``progress``."""
        if self.clip_norm is not None:
            longest = at(self.clip_norm, progress)
            if isinstance(longest, Tensor):  # PyTorch's function would read it back
                gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
                torch._foreach_mul_(gradients, (longest.to(norm.dtype) / (norm + 1e-6)).clamp(max=1.0))
            else:
                torch.nn.utils.clip_grads_with_norm_(parameters, longest, norm)
        if self.clip_value is not None:
            largest = at(self.clip_value, progress)
            if isinstance(largest, Tensor):
                for parameter in parameters:
                    if parameter.grad is not None:
                        parameter.grad.clamp_(-largest, largest)
            else:
                torch.nn.utils.clip_grad_value_(parameters, largest)


@dataclass(frozen=True)
class Adam(OptimizerSetting):
    """Adam, Kingma & Ba 2015, Algorithm 1. ``auto`` selects the values of the loss's paper."""

    moments: ClassVar[frozenset[str]] = frozenset({"step", "exp_avg", "exp_avg_sq"})
    algorithm: ClassVar[type[torch.optim.Optimizer]] = eager_optimizers.Adam
    betas: Literal["auto"] | tuple[Moving[Beta], Moving[Beta]] = "auto"
    epsilon: Positive = 1e-8
    weight_decay: Moving[NonNegative] = 0.0  # L2, added to the gradient

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        assert self.lr != "auto", "resolved by the configuration"
        assert self.betas != "auto", "resolved by the configuration"
        # fused: one kernel for all parameters, and it can skip an update on the device when a gradient is not finite
        return self.algorithm(  # type: ignore[call-arg]
            parameters,
            lr=self.lr,
            betas=self.betas,
            eps=self.epsilon,
            weight_decay=self.weight_decay,
            fused=True,
        )


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay: each update also subtracts lr · weight_decay · w from a weight w. Loshchilov
    & Hutter 2019, Algorithm 2."""

    algorithm: ClassVar[type[torch.optim.Optimizer]] = eager_optimizers.AdamW
    weight_decay: Moving[NonNegative] = 0.01  # share of each weight, times the rate


@dataclass(frozen=True)
class RMSprop(OptimizerSetting):
    """RMSprop: the gradient divided by the root of its running mean square. Tieleman & Hinton 2012; WGAN trains both
    networks with it, at 5e-5 (Arjovsky et al. 2017, Algorithm 1)."""

    moments: ClassVar[frozenset[str]] = frozenset({"square_average"})

    alpha: Moving[Beta] = 0.99  # the mean square's decay per update
    epsilon: Positive = 1e-8
    weight_decay: Moving[NonNegative] = 0.0  # L2, added to the gradient

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        assert self.lr != "auto", "resolved by the configuration"
        return GatedRMSprop(
            parameters,
            {"lr": self.lr, "alpha": self.alpha, "epsilon": self.epsilon, "weight_decay": self.weight_decay},
        )


@dataclass(frozen=True)
class SGD(OptimizerSetting):
    """Gradient descent with momentum: b ← momentum · b + g, w ← w - lr · b. Polyak 1964, in PyTorch's form.

    Raises ValueError for a schedule of ``momentum`` with an end at 0.
    """

    momentum: Moving[Beta] = 0.9
    weight_decay: Moving[NonNegative] = 0.0  # L2, added to the gradient

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.momentum, Scheduled) and not (self.momentum.start and self.momentum.end):
            raise ValueError(
                f"found momentum={self.momentum}, but at 0 PyTorch's SGD does not update b; type 0.001 instead of 0"
            )

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        lr, momentum, weight_decay = self.lr, self.momentum, self.weight_decay
        assert lr != "auto", "resolved by the configuration"
        assert not isinstance(lr, Scheduled), "resolved by the learner"
        assert not isinstance(momentum, Scheduled), "resolved by the learner"
        assert not isinstance(weight_decay, Scheduled), "resolved by the learner"
        every = list(parameters)
        optimizer = eager_optimizers.SGD(every, lr, momentum, weight_decay=weight_decay, fused=True)
        if momentum:
            # PyTorch allocates these in the first update, and leaves them unwritten where that one is skipped.
            for parameter in every:
                optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter, requires_grad=False)
        return optimizer


class GatedRMSprop(eager_optimizers.EagerOptimizer):
    """RMSprop that skips an update on the device if ``found_inf``, a scalar tensor, is 1, as PyTorch's fused
    optimizers do; PyTorch's RMSprop would have to read it back."""

    _step_supports_amp_scaling = True
    found_inf: Tensor | None = None

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if not weights:
                continue
            for weight in weights:
                if not self.state[weight]:
                    self.state[weight]["square_average"] = torch.zeros_like(weight, requires_grad=False)
            averages = [self.state[weight]["square_average"] for weight in weights]
            gradients = [weight.grad for weight in weights]
            taken: Tensor | float = 1.0
            if self.found_inf is not None:
                taken = 1.0 - self.found_inf
                gradients = [torch.where(taken > 0, gradient, 0.0) for gradient in gradients]
            if group["weight_decay"]:
                gradients = list(torch._foreach_add(gradients, weights, alpha=group["weight_decay"]))
            # Both changes are exactly 0 where the update is not taken.
            change = torch._foreach_mul(gradients, gradients)
            torch._foreach_sub_(change, averages)
            torch._foreach_mul_(change, taken * (1 - group["alpha"]))
            torch._foreach_add_(averages, change)
            root = torch._foreach_sqrt(averages)
            torch._foreach_add_(root, group["epsilon"])
            change = torch._foreach_div(gradients, root)
            torch._foreach_mul_(change, taken * -group["lr"])
            torch._foreach_add_(weights, change)


def state_like(parameter: Tensor, value: Any) -> Any:
    """Returns an optimizer's number or tensor on the parameter's device and in its memory layout, which fused kernels
    require. Raises TypeError for other types, RuntimeError if the shape does not fit."""
    if not isinstance(value, Tensor | int | float):
        raise TypeError(f"an optimizer's state that is {type(value).__name__}")
    if not isinstance(value, Tensor):
        return value
    if value.shape == parameter.shape:
        return torch.empty_like(parameter, requires_grad=False).copy_(value)
    if value.dim():  # fused kernels read as many numbers as the parameter has, even beyond the tensor
        raise RuntimeError(f"an optimizer's state of shape {tuple(value.shape)}, need {tuple(parameter.shape)}")
    return value.to(parameter.device, copy=True)


OPTIMIZERS = Table[OptimizerSetting]("optimizer", {"adam": Adam, "adamw": AdamW, "rmsprop": RMSprop, "sgd": SGD})
