"""A learner: one network with its optimizer, and the steps from its loss to its new weights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ganlab.errors import TrainingFailed
from ganlab.ranks import ALONE, Ranks
from ganlab.scalars import Scheduled, resolved
from ganlab.training.averaging import Average
from ganlab.training.constraints import Constraint
from ganlab.training.optimizers import OptimizerSetting, state_like
from ganlab.types import Values


class Learner:
    """A network with its optimizer, constraint and average. ``name`` is ``generator`` or ``discriminator``, and the
    prefix of the reported tags. Each rank has its own learner; they stay equal, since each applies the mean of all
    ranks' gradients."""

    def __init__(
        self,
        name: str,
        network: nn.Module,
        optimizer: OptimizerSetting,
        constraint: Constraint | None = None,
        average: Average | None = None,
        dtype: torch.dtype = torch.float32,
        ranks: Ranks = ALONE,
    ) -> None:
        self.ranks = ranks
        self.name, self.network = name, network
        self.parameters = list(network.parameters())
        self.names = [name for name, parameter in network.named_parameters() if parameter.requires_grad]
        self.setting = optimizer
        self.optimizer = resolved(optimizer, 0.0).build(self.parameters)
        self._rates = [group["lr"] for group in self.optimizer.param_groups]
        self._applied, self._moving = list(self._rates), optimizer.moving_options
        self.rate_factor = 1.0  # factor of the rates after going back from a divergence
        self.constraint, self.average = constraint, average
        self.updates = 0
        self._buffers = [buffer for buffer in network.buffers() if buffer.is_floating_point()]
        self._kept = [buffer.clone() for buffer in self._buffers]
        self._learning = [parameter for parameter in self.parameters if parameter.requires_grad]
        # The sum of each gradient's norms: it stays non-finite after a non-finite one, until it is cleared.
        self._norms = torch.zeros(len(self._learning), device=self.parameters[0].device)
        self._left_out_in_a_row = torch.zeros((), device=self.parameters[0].device)
        self._loss: Tensor | None = None
        # float16's range ends at 65,504 and begins at 6e-8: losses are scaled up, by an adaptive factor.
        device = self.parameters[0].device
        self.scaler = torch.amp.GradScaler(device.type) if dtype == torch.float16 else None
        if device.type == "cuda":
            self.hold_numbers()

    def hold_numbers(self) -> None:
        """Stores learning rates and the average's share in tensors beside the weights, so that a CUDA graph reads
        what ``prepare`` writes before each replay. On a GPU they are always stored so, so that the arithmetic is the
        same without a graph."""
        device = self.parameters[0].device
        # PyTorch's fused kernels read a rate on a GPU as float32; on the CPU they take it from there as a number.
        dtype = torch.float32 if device.type == "cuda" else torch.float64
        for group in self.optimizer.param_groups:
            if not isinstance(group["lr"], Tensor):
                group["lr"] = torch.full((), group["lr"], dtype=dtype, device=device)
            if "capturable" in group:
                group["capturable"] = device.type == "cuda"
        if self.average:
            self.average.hold_shares(device)

    @contextmanager
    def parameters_frozen(self) -> Iterator[None]:
        """Returns a context in which the network's parameters need no gradients, for updates of the other network
        through it."""
        learning = [parameter for parameter in self.parameters if parameter.requires_grad]
        for parameter in learning:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in learning:
                parameter.requires_grad_(True)

    def backward(self, loss: Tensor) -> None:
        """Computes the gradients of ``loss``, a scalar, and adds them to the gradients so far."""
        (self.scaler.scale(loss) if self.scaler else loss).backward()
        self._loss = loss.detach() if self._loss is None else self._loss + loss.detach()

    def drop_gradients(self) -> None:
        """Deletes the gradients and the loss that ``backward`` accumulated."""
        self.optimizer.zero_grad(set_to_none=True)
        self._loss = None

    def begin_recording(self, updates: int) -> None:
        """Allocates the tensors to which the host writes before each replay of a step with ``updates`` updates."""
        if self.average:
            self.average.hold_shares(self.parameters[0].device, updates)

    def prepare(self, progress: float, updates: int = 1) -> None:
        """Sets the values that the host computes for the next ``updates`` updates: the learning rate and the
        optimizer's other options at ``progress``, the share of training that is done before them, and the weights'
        share in the average after each of them."""
        setting = self.setting
        if isinstance(setting.lr, Scheduled):
            self._rates = [setting.lr.at(progress)] * len(self._rates)
        factor = setting.decay.factor(progress) * self.rate_factor
        options = {name: getattr(resolved(setting, progress), name) for name in self._moving}
        applied = [rate * factor for rate in self._rates]
        for group, rate, before in zip(self.optimizer.param_groups, applied, self._applied, strict=True):
            group.update(options)
            if not isinstance(group["lr"], Tensor):
                group["lr"] = rate
            elif rate != before:
                group["lr"].fill_(rate)
        self._applied = applied
        if self.average:
            self.average.prepare(self.updates + 1, updates, progress)
        self.updates += updates

    def apply(self, progress: float | Tensor = 0.0) -> Values:
        """Applies the gradients in this order: learning rate, mean over ranks, unscaling, finiteness check, clipping,
        optimizer step, constraint, average. It then deletes the gradients.

        The learning rate is that at ``progress``, the share of training that is done before this update. If it is a
        tensor, in a CUDA graph, the host has called ``prepare``. An update whose loss or gradient is not finite
        leaves weights and statistics unchanged; ``…/blocked`` reports 1 for it, and ``…/gradient_norm`` the norm
        before clipping. Nothing is read back from the device if ``gated_on_device``.
        """
        if not isinstance(progress, Tensor):
            self.prepare(progress)
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        if self._loss is not None:
            # A loss that is not finite may have a finite gradient. This makes the gradient non-finite too, for all
            # checks that follow, also the scaler's.
            gradients[0].add_(self._loss * 0)
        # Before unscaling, where float16's scaler checks that they are finite: all ranks must get the same result. In
        # one exchange, after the whole backward pass.
        self.ranks.average(gradients)
        if self.scaler:
            self.scaler.unscale_(self.optimizer)
        norms = torch.stack(torch._foreach_norm(gradients))
        norm = torch.linalg.vector_norm(norms)
        self._add_norms(norms)
        blocked = (~torch.isfinite(norm)).float()
        self._left_out_in_a_row.add_(1).mul_(blocked)
        # After the finiteness check: clipping turns infinite numbers into finite ones.
        self.setting.clip(self.parameters, norm, progress)
        if self.scaler:
            self.scaler.step(self.optimizer)
            self.scaler.update()
        else:
            self._step_unless(blocked)
        self.drop_gradients()
        self._restore_buffers_where(blocked)
        if self.constraint:
            resolved(self.constraint, progress).apply(self.network)
        if self.average:
            self.average.follow()
        return {f"{self.name}/gradient_norm": norm, f"{self.name}/blocked": blocked}

    def _add_norms(self, norms: Tensor) -> None:
        """Adds the norms of the gradients, one per parameter that has one, to the sums for ``not_finite``."""
        if len(norms) == len(self._learning):
            self._norms.add_(norms)
            return
        with_gradient = [i for i, parameter in enumerate(self._learning) if parameter.grad is not None]
        for i, one in zip(with_gradient, norms, strict=True):
            self._norms[i].add_(one)

    @torch.no_grad()
    def _restore_buffers_where(self, blocked: Tensor) -> None:
        """Restores the running statistics and spectral vectors that the forward pass of a ``blocked`` update changed.
        A statistic that is not finite in itself is restored too, such as the variance of activations above 1e19."""
        for buffer, kept in zip(self._buffers, self._kept, strict=True):
            buffer.copy_(torch.where((blocked > 0) | ~torch.isfinite(buffer), kept, buffer))
            kept.copy_(buffer)

    def not_finite(self) -> list[str]:
        """Returns the names of the parameters, first to last, that had a gradient which was not finite since
        ``clear_norms``. Reads from the device."""
        finite = torch.isfinite(self._norms).tolist()
        return [name for name, one in zip(self.names, finite, strict=True) if not one]

    def gradient_norms(self) -> dict[str, Tensor]:
        """Returns the norm of each parameter's gradient before clipping, a scalar, added up over the updates since
        ``clear_norms``, by name."""
        return dict(zip(self.names, self._norms.unbind(), strict=True))

    def left_out_in_a_row(self) -> int:
        """Returns the number of updates since the last finite one. Reads from the device."""
        return int(self._left_out_in_a_row)

    def clear_norms(self) -> None:
        """Resets the norms of ``not_finite`` and of ``gradient_norms``."""
        self._norms.zero_()

    @property
    def gated_on_device(self) -> bool:
        """Whether the optimizer itself skips an update that is not finite; otherwise one number is read back per
        update."""
        # On Apple's GPUs older fused kernels ignore found_inf.
        apple = self.parameters[0].device.type == "mps"
        return getattr(self.optimizer, "_step_supports_amp_scaling", False) and not apple

    def _step_unless(self, blocked: Tensor) -> None:
        if self.gated_on_device:
            # As GradScaler sets them: a fused optimizer then skips the update, and its count, on the device.
            self.optimizer.grad_scale, self.optimizer.found_inf = None, blocked  # type: ignore[attr-defined]
            self.optimizer.step()
        elif not blocked.item():
            self.optimizer.step()

    @property
    def learning_rate(self) -> float:
        """The learning rate of the last update."""
        return float(self._applied[0])

    def fingerprint(self) -> str:
        """Returns a hash of the network's parameters, bit for bit."""
        found = hashlib.blake2b(digest_size=16)
        for parameter in self.parameters:
            found.update(parameter.detach().cpu().contiguous().numpy().tobytes())
        return found.hexdigest()

    def state(self) -> dict[str, Any]:
        """Returns weights, optimizer, average and scaler for a checkpoint, by parameter name."""
        names: dict[Any, str] = {parameter: name for name, parameter in self.network.named_parameters()}
        return {
            "updates": self.updates,
            "network": self.network.state_dict(),
            "optimizer": {names[parameter]: dict(state) for parameter, state in self.optimizer.state.items()},
            "average": self.average.network.state_dict() if self.average else {},
            "scaler": self.scaler.state_dict() if self.scaler else {},
            "norms": self._norms,
            "left_out_in_a_row": self._left_out_in_a_row,
            "slowed": self.rate_factor,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Loads a saved ``state``. Raises RuntimeError if names or shapes of the weights do not fit."""
        self.updates, self.rate_factor = state["updates"], state.get("slowed", 1.0)
        self.network.load_state_dict(state["network"])
        if "norms" in state:  # earlier versions kept none
            self._norms.copy_(state["norms"])
        if "left_out_in_a_row" in state:
            self._left_out_in_a_row.copy_(state["left_out_in_a_row"])
        for buffer, kept in zip(self._buffers, self._kept, strict=True):
            kept.copy_(buffer)
        for name, parameter in self.network.named_parameters():
            kept = state["optimizer"].get(name, {})
            if kept and not kept.keys() >= self.setting.moments:
                missing = ", ".join(sorted(self.setting.moments - kept.keys()))
                raise RuntimeError(f"the optimizer's state of {name} lacks {missing}")
            self.optimizer.state[parameter] = {key: state_like(parameter, value) for key, value in kept.items()}
        if self.average:
            self.average.network.load_state_dict(state["average"])
        if self.scaler and state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])


def need_same_weights(ranks: Ranks, step: int, learners: Sequence[Learner]) -> None:
    """Raises TrainingFailed if the weights of a rank differ from those of rank 0 in any bit. All ranks call it
    together."""
    if ranks.count == 1:
        return
    found = ranks.gathered([learner.fingerprint() for learner in learners])
    others = [rank for rank, weights in enumerate(found) if weights != found[0]]
    if others:
        raise TrainingFailed(
            f"At step {step} the weights on rank {others[0]} are not those on rank 0, so that the ranks train "
            "different networks, and nothing was saved. A component that draws from another generator than its own, or "
            "keeps a state of its own, does that, and so do machines with different versions of PyTorch"
        )
