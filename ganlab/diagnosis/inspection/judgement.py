"""Puts the figures of an inspection into one sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ganlab.diagnosis.inspection.results import Inspection, NetworkResult

PRESERVED = 10.0
"""A signal whose size changes by less than this factor, over all layers, is called preserved."""
LOST = 100.0
"""From this factor on it vanishes or explodes; in between it shrinks or grows."""
MANY_DEAD = 0.5
"""The share of dead units behind one layer from which the sentence names the layer."""
ILL_CONDITIONED = 1000.0
"""The condition number of G's Jacobian from which it is called ill-conditioned. Of 32-bit numbers and images of 8 bit,
a direction of the latent that is a thousand times as weak as another one cannot be seen."""
APART = 3.0
"""The gap of D's logits, in standard deviations, from which D is said to separate reals from fakes already."""


def change(values: Sequence[float | None]) -> float | None:
    """Returns the last value divided by the first one: the factor by which a signal changes along its way. NaN if a
    value is not finite, None if one of the two is missing, and 0 if both are 0."""
    if not values or values[0] is None or values[-1] is None:
        return None
    if not all(one is None or math.isfinite(one) for one in values):
        return math.nan
    if values[0] == 0:
        return 0.0 if values[-1] == 0 else math.inf
    return values[-1] / values[0]


def word_of(factor: float | None) -> str:
    """Returns what a signal does that changes by ``factor``: it is preserved, shrinks, vanishes, grows or explodes."""
    if factor is None:
        return "is unknown"
    if math.isnan(factor):
        return "is not finite"
    if 1 / PRESERVED < factor < PRESERVED:
        return "is preserved"
    if factor < 1:
        return "shrinks" if factor > 1 / LOST else "vanishes"
    return "grows" if factor < LOST else "explodes"


def signals(network: NetworkResult) -> list[float | None]:
    """Returns the root mean squares of the signal: at the input of each layer, then at the output of the network."""
    return [*(layer.input_rms for layer in network.layers), network.output_rms]


def gradients(network: NetworkResult) -> list[float | None]:
    """Returns the norms of the gradient of a network's loss from its output back to the input of its first layer."""
    return [network.output_gradient, *(layer.input_gradient for layer in reversed(network.layers))]


def through(one: Inspection) -> list[float | None]:
    """Returns the norms of the gradient of G's loss from the logit back, through D and G, to G's first layer."""
    return [point.gradient for point in reversed(one.path)]


def judge(one: Inspection) -> str:
    """Returns a sentence on an initialization, from its figures alone."""
    of_g, of_d = change(signals(one.generator)), change(signals(one.discriminator))
    parts = [
        f"in G the signal {_described(of_g)}, and the gradient through D and G {_described(change(through(one)))}",
        f"in D the signal {_described(of_d)}, and its own gradient {_described(change(gradients(one.discriminator)))}",
    ]
    for name, network in (("G", one.generator), ("D", one.discriminator)):
        dead = [layer for layer in network.layers if layer.dead is not None and layer.dead >= MANY_DEAD]
        if dead:
            worst = max(dead, key=lambda layer: layer.dead or 0)
            parts.append(f"{100 * (worst.dead or 0):.0f} % of the units behind {worst.name} of {name} are dead")
    if one.log_condition is not None:
        parts.append(_of_jacobian(math.exp(one.log_condition)))
    if abs(one.logits.separation) >= APART:
        parts.append(
            f"D's logits separate reals from fakes already, by {one.logits.separation:.2g} standard deviations"
        )
    return f"{_summary(one)}: {'; '.join(parts)}."


def _summary(one: Inspection) -> str:
    """Returns the worst that happens to a signal or a gradient, in a word or two."""
    ways = (signals(one.generator), through(one), signals(one.discriminator), gradients(one.discriminator))
    words = {word_of(change(way)) for way in ways}
    for word, summary in (
        ("is not finite", "Not finite"),
        ("vanishes", "Vanishing"),
        ("explodes", "Exploding"),
    ):
        if word in words:
            both = word == "vanishes" and "explodes" in words
            return "Vanishing and exploding" if both else summary
    return "Uneven" if words & {"shrinks", "grows"} else "Preserved"


def _described(factor: float | None) -> str:
    known = factor is not None and math.isfinite(factor)
    return word_of(factor) + (f" (×{factor:.2g})" if known else "")


def _of_jacobian(condition: float) -> str:
    if math.isinf(condition):
        return "G's Jacobian is singular: G ignores some directions of the latent"
    ill = ", ill-conditioned" if condition >= ILL_CONDITIONED else ""
    return f"G's Jacobian has condition number {condition:.3g}{ill}"
