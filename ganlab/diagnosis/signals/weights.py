"""Signals of the weights: their size, how far an update moves them, and their singular values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ganlab.diagnosis.inspection.spectra import singular_values
from ganlab.diagnosis.signals.family import Family, Moment, Subject

LARGEST = 1024  # singular values of a matrix, at most: its decomposition takes their third power
FALLEN = 0.5  # of the largest value that a singular value had; Liu et al. 2019 show falls by far more


class WeightSizes(Family):
    """The size of all parameters of each network, and of their change in the last step.

    - ``<network>_weight``: their root mean square. Its growth without end is the sign of a divergence.
    - ``<network>_update``: ‖w_t - w_(t-1)‖ / ‖w_t‖ of the last step, divided by the number of the network's updates in
      it. About 1e-3 is usual; far less learns nothing, far more forgets.
    """

    def __init__(self) -> None:
        self._before: dict[str, tuple[int, list[Tensor]]] = {}

    def before_step(self, subject: Subject) -> None:
        self._before = {
            learner.name: (learner.updates, [parameter.detach().clone() for parameter in learner.parameters])
            for learner in subject.learners
        }

    def compute(self, moment: Moment) -> Mapping[str, Tensor | float]:
        found: dict[str, Tensor | float] = {}
        for learner in moment.subject.learners:
            weights = [parameter.detach() for parameter in learner.parameters]
            norm = _norm(weights)
            found[f"{learner.name}_weight"] = norm / sum(weight.numel() for weight in weights) ** 0.5
            updates, before = self._before.pop(learner.name, (learner.updates, []))
            if updates < learner.updates:
                moved = _norm(list(torch._foreach_sub(weights, before)))
                found[f"{learner.name}_update"] = moved / norm / (learner.updates - updates)
        return found


class SingularValues(Family):
    """Singular values of the weights that the layers apply, each as a matrix (out, in * k * k), at sample points.

    - ``<network>_sigma``: the largest over the layers. The product over the layers bounds the network's Lipschitz
      constant (Miyato et al. 2018, Eq. 7).
    - ``<network>_sigma_fallen``: the number of singular values of all layers that are below half of the largest value
      that they had at a sample point before. Many fall together when G collapses (Liu et al. 2019, section 3).

    Matrices with more than 1,024 singular values are left out.
    """

    at_samples = True

    def __init__(self) -> None:
        self._largest: dict[str, dict[str, Tensor]] = {}

    @torch.no_grad()
    def compute(self, moment: Moment) -> Mapping[str, Tensor | float]:
        found: dict[str, Tensor | float] = {}
        gan = moment.subject.gan
        for name, network in (("generator", gan.generator), ("discriminator", gan.discriminator)):
            before, fallen, sigmas = self._largest.setdefault(name, {}), list[Tensor](), list[Tensor]()
            for number, matrix in enumerate(network.weights()):
                if min(matrix.shape) > LARGEST or not bool(matrix.isfinite().all()):
                    continue
                # Apple's GPUs have no float64.
                values = singular_values(matrix.cpu() if matrix.device.type == "mps" else matrix).float()
                largest = before.get(str(number), values)
                fallen.append((values < FALLEN * largest).sum())
                sigmas.append(values[0])
                before[str(number)] = torch.maximum(values, largest)
            if sigmas:
                found |= {
                    f"{name}_sigma": torch.stack(sigmas).max(),
                    f"{name}_sigma_fallen": torch.stack(fallen).sum(),
                }
        return found

    def state(self) -> dict[str, Any]:
        return {"largest": {name: dict(layers) for name, layers in self._largest.items()}}

    def restore(self, state: Mapping[str, Any], device: torch.device) -> None:
        place = torch.device("cpu") if device.type == "mps" else device
        self._largest = {
            name: {number: value.to(place, copy=True) for number, value in layers.items()}
            for name, layers in state.get("largest", {}).items()
        }


def _norm(tensors: list[Tensor]) -> Tensor:
    """Returns the Euclidean norm of all elements of some tensors, a scalar."""
    norm: Tensor = torch.linalg.vector_norm(torch.stack([one.float() for one in torch._foreach_norm(tensors)]))
    return norm
