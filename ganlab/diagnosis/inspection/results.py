"""The results of an inspection, as plain records."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Spectrum:
    """The largest, the median and the smallest of some singular values."""

    largest: float
    median: float
    smallest: float

    @property
    def condition(self) -> float:
        """The condition number, largest / smallest; infinity if the smallest is 0."""
        return self.largest / self.smallest if self.smallest > 0 else math.inf


@dataclass(frozen=True)
class LayerResult:
    """The figures of one weight layer.

    ``mean``, ``std`` and ``second_moment`` are those of the layer's output, before norm and activation, over samples,
    channels and pixels. ``input_rms`` is the root mean square of its input, the signal that reaches it, and ``gain``
    the root mean square of its output divided by it. ``input_gradient`` is the root mean square over the samples of
    the norm ‖∂ℓ/∂x‖₂ at its input x, with ℓ the loss of one sample; ``weight_gradient`` is the norm ‖∂L/∂W‖₂ of the
    gradient of the stored weight, with L the mean loss. ``dead`` is the share of units behind it whose activation is 0
    for all samples and at all pixels; None if no activation follows. ``weights`` are the singular values of the weight
    that the layer applies.
    """

    name: str
    kind: str
    mean: float
    std: float
    second_moment: float
    input_rms: float
    gain: float
    input_gradient: float | None
    weight_gradient: float | None
    dead: float | None
    weights: Spectrum | None


@dataclass(frozen=True)
class NetworkResult:
    """The figures of one network. ``output_rms`` is the root mean square of its output (G: images, D: logits),
    ``output_gradient`` the norm of its loss's gradient there, as in ``LayerResult.input_gradient``. ``quotient`` is the
    gradient quotient of its loss; ``loss`` is the loss that training would minimize in its first update."""

    layers: Sequence[LayerResult]
    output_rms: float
    output_gradient: float | None
    loss: float
    quotient: float | None = None


@dataclass(frozen=True)
class Logits:
    """D's logits per sample on reals and on fakes: means and standard deviations."""

    real_mean: float
    real_std: float
    fake_mean: float
    fake_std: float

    @property
    def gap(self) -> float:
        """The mean on reals minus the mean on fakes."""
        return self.real_mean - self.fake_mean

    @property
    def separation(self) -> float:
        """The gap in units of the pooled standard deviation; 0 if the logits are all equal."""
        pooled = math.sqrt((self.real_std**2 + self.fake_std**2) / 2)
        return self.gap / pooled if pooled > 0 else math.copysign(math.inf, self.gap) if self.gap else 0.0


@dataclass(frozen=True)
class PathPoint:
    """One point of the path from the latent through G and D to the logit, on fakes: the input of the layer ``name`` of
    a ``network``, or D's logits (an empty name). ``signal`` is its root mean square, and ``gradient`` that over the
    samples of the norm of the gradient of G's loss there."""

    network: str
    name: str
    signal: float
    gradient: float | None


@dataclass(frozen=True)
class Inspection:
    """All figures of one initialization. ``jacobian`` holds the spectrum of G's Jacobian at each inspected latent.
    ``notes`` say what could not be computed, and why."""

    generator: NetworkResult
    discriminator: NetworkResult
    logits: Logits
    path: Sequence[PathPoint]
    jacobian: Sequence[Spectrum] = ()
    samples: int = 0
    notes: Sequence[str] = field(default=())

    @property
    def log_condition(self) -> float | None:
        """The mean of the natural logarithm of the Jacobian's condition number over the latents (Odena et al. 2018,
        section 2); infinity if it is singular at one of them."""
        if not self.jacobian:
            return None
        return sum(math.log(one.condition) for one in self.jacobian) / len(self.jacobian)

    def plain(self) -> dict[str, Any]:
        """Returns all figures as dicts, lists, numbers and strings that JSON can hold: a number that is not finite is
        a string, such as ``"inf"``."""
        found = asdict(self)
        found["jacobian"] = [{**asdict(one), "condition": one.condition} for one in self.jacobian]
        found["log_condition"] = self.log_condition
        found["logits"] |= {"gap": self.logits.gap, "separation": self.logits.separation}
        for name in ("generator", "discriminator"):
            for layer, result in zip(found[name]["layers"], getattr(self, name).layers, strict=True):
                if result.weights is not None:
                    layer["weights"]["condition"] = result.weights.condition
        return dict(_for_json(found))


def _for_json(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {key: _for_json(one) for key, one in value.items()}
    return [_for_json(one) for one in value] if isinstance(value, list | tuple) else value
