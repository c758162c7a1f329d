"""Signals of gradients: by the weights in the updates themselves, and by the images in the measuring pass."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ganlab.diagnosis.signals.family import Family, Moment
from ganlab.networks.layers import WeightLayer
from ganlab.training.learner import Learner


class WeightGradients(Family):
    """Norms of the gradients by the weights of each layer before clipping, means over the updates since the last log
    point. The bias and norm parameters are not counted.

    - ``<network>_gradient_first``, ``_last``: of the layer at the network's input, and of its output layer. If the first
      is far smaller than the last, gradients vanish on the way; if it is far larger, they explode (Glorot & Bengio 2010,
      section 4.2.2).
    - ``<network>_gradient_ratio``: the smallest over the largest root mean square gradient of a layer, in [0, 1].
    """

    def compute(self, moment: Moment) -> Mapping[str, Tensor | float]:
        found: dict[str, Tensor | float] = {}
        for learner in moment.subject.learners:
            updates, layers = moment.point.updates[learner.name], layer_weights(learner)
            if not updates or not layers:
                continue
            norms = learner.gradient_norms()
            by_layer = torch.stack([norms[name] for name in layers]) / updates
            sizes = torch.tensor(list(layers.values()), dtype=torch.float32).sqrt().to(by_layer.device)
            rms = by_layer / sizes
            last = list(layers).index(_output(learner, list(layers)))
            found |= {
                f"{learner.name}_gradient_first": by_layer[0],
                f"{learner.name}_gradient_last": by_layer[last],
                f"{learner.name}_gradient_ratio": rms.min() / rms.max(),
            }
        return found


class ImageGradients(Family):
    """Means over samples of norms of gradients by images, in the measuring pass.

    - ``input_gradient``: ‖∇ₓ D(x)‖₂ at reals as D receives them; with a map of logits, of their sum. The penalty of
      WGAN-GP holds it at 1 (Gulrajani et al. 2017, Proposition 1 and Eq. 3).
    - ``output_gradient``: ‖n ∂L_G/∂x‖₂ at fakes, the gradient that G's loss gives each of n samples. If it vanishes, G
      learns nothing (Arjovsky & Bottou 2017, Theorem 2.4).
    """

    def compute(self, moment: Moment) -> Mapping[str, Tensor | float]:
        measured = moment.measured
        return {
            "input_gradient": measured.input_gradients.mean(),
            "output_gradient": measured.output_gradients.mean(),
        }


def layer_weights(learner: Learner) -> dict[str, int]:
    """Returns the names of the weights of a network's layers that learn, from the first layer to the last, each with
    its number of elements. Without layers of ``ganlab.networks.layers``, all parameters with more than one axis."""
    learning = {
        name: parameter.numel()
        for name, parameter in learner.network.named_parameters()
        if parameter.requires_grad and parameter.dim() > 1
    }
    layers = [
        f"{name}.weight".lstrip(".")
        for name, module in learner.network.named_modules()
        if isinstance(module, WeightLayer) and module.kind != "embedding"
    ]
    return {name: learning[name] for name in layers if name in learning} or learning


def _output(learner: Learner, names: list[str]) -> str:
    """Returns the name of the output layer's weight, otherwise that of the last one: a class head comes behind it."""
    modules = dict(learner.network.named_modules())
    outputs = (name for name in names if getattr(modules.get(name.rpartition(".")[0]), "role", None) == "output")
    return next(outputs, names[-1])
