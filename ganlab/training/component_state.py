"""The state of components, such as an adaptive probability: tensors that last from update to update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ganlab.ranks import global_batch, here
from ganlab.types import DiscriminatorOutput, Observation, State, Stateful, Update


class ComponentStates:
    """The states of all components that have one, by group (``augment``, ``regularizer``) and name. Their tensors
    keep their addresses, which a CUDA graph requires."""

    def __init__(
        self,
        components: Mapping[str, Mapping[str, Any]] | None = None,
        device: torch.device = torch.device("cpu"),  # noqa: B008
    ) -> None:
        self.device = device
        self._components: dict[tuple[str, str], Stateful] = {}
        self._states: dict[tuple[str, str], State] = {}
        for group, named in (components or {}).items():
            for name, component in named.items():
                state = component.initial_state(device) if isinstance(component, Stateful) else {}
                if state:
                    self._components[group, name], self._states[group, name] = component, dict(state)
        self.tensors = [tensor for state in self._states.values() for tensor in state.values()]
        self._kept = [tensor.clone() for tensor in self.tensors]

    def of(self, group: str, name: str) -> State:
        """Returns the state of a component, {} if it has none."""
        return self._states.get((group, name), {})

    @torch.no_grad()
    def finish_update(self, blocked: Tensor, microbatches: Sequence[Observation] = ()) -> None:
        """Finishes an update of D, with D's outputs on its ``microbatches``, or an update of G, without them.

        Components observe D's outputs, and states are averaged over the ranks. If the update was ``blocked`` (a
        scalar, 1 if it was not finite), or if an element is not finite, the state before the update is restored. All
        ranks call it together.
        """
        if not self.tensors:
            return
        if microbatches:
            observation = _global_batch(microbatches)
            for key, component in self._components.items():
                component.observe(self._states[key], observation)
        here().average([tensor for tensor in self.tensors if tensor.is_floating_point()])
        for tensor, kept in zip(self.tensors, self._kept, strict=True):
            tensor.copy_(torch.where((blocked > 0) | ~torch.isfinite(tensor), kept, tensor))
            kept.copy_(tensor)

    def report(self) -> dict[str, float]:
        """Returns the values that components report of their states, by tag: ``augment/ada/p``. Reads from the
        device."""
        return {
            f"{group}/{name}/{tag}": float(value)
            for (group, name), component in self._components.items()
            for tag, value in component.report(self._states[group, name]).items()
        }

    def state(self) -> dict[str, dict[str, dict[str, Tensor]]]:
        """Returns all states for a checkpoint, by group, name and tensor."""
        saved: dict[str, dict[str, dict[str, Tensor]]] = {}
        for (group, name), state in self._states.items():
            saved.setdefault(group, {})[name] = dict(state)
        return saved

    @torch.no_grad()
    def restore(self, saved: Mapping[str, Mapping[str, Mapping[str, Tensor]]]) -> list[str]:
        """Restores all states, and returns a note for each that ``saved`` does not have, which starts from its initial
        state. Raises RuntimeError if the shape of a tensor does not fit."""
        notes = []
        for (group, name), state in self._states.items():
            found = saved.get(group, {}).get(name, {})
            if found.keys() != state.keys():
                notes.append(f"the checkpoint has no state of {group}.{name}, which starts from its initial state")
                found = self._components[group, name].initial_state(self.device)
            for key, tensor in state.items():
                if found[key].shape != tensor.shape:
                    raise RuntimeError(
                        f"the state {key} of {group}.{name} has shape {tuple(found[key].shape)}, need "
                        f"{tuple(tensor.shape)}"
                    )
                tensor.copy_(found[key])
        for tensor, kept in zip(self.tensors, self._kept, strict=True):
            kept.copy_(tensor)
        return notes


def observed(update: Update, boundary: float | None) -> Observation:
    """Returns D's outputs on one microbatch of an update of D, on this rank, without their graph."""
    assert update.real_output is not None
    return Observation(_detached(update.real_output), _detached(update.fake_output), len(update.real.images), boundary)


def _detached(output: DiscriminatorOutput) -> DiscriminatorOutput:
    heads = {name: head.detach().float() for name, head in output.heads.items()}
    return DiscriminatorOutput(output.logits.detach().float(), heads)


def _global_batch(microbatches: Sequence[Observation]) -> Observation:
    """Returns the outputs on all microbatches of all ranks as one observation."""

    def joined(outputs: Sequence[DiscriminatorOutput]) -> DiscriminatorOutput:
        def gathered(tensors: Sequence[Tensor]) -> Tensor:
            return global_batch(torch.cat(list(tensors)))[0]

        heads = {name: gathered([output.heads[name] for output in outputs]) for name in outputs[0].heads}
        return DiscriminatorOutput(gathered([output.logits for output in outputs]), heads)

    return Observation(
        joined([one.real_output for one in microbatches]),
        joined([one.fake_output for one in microbatches]),
        sum(one.images for one in microbatches) * here().count,
        microbatches[0].boundary,
    )
