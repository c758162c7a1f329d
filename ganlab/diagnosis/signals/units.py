"""Signals of the units of both networks in the measuring pass."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ganlab.diagnosis.signals.family import Family, Moment


class Units(Family):
    """The activity of units in the measuring pass, for G on latents and for D on reals and fakes.

    - ``<network>_dead``: the share of units whose activation is the same number for all samples, in [0, 1] (Lu et al.
      2019). With few samples a rarely active unit of a dense layer counts too.
    - ``<network>_activation``: the root mean square of the last hidden activations.
    """

    def compute(self, moment: Moment) -> Mapping[str, Tensor | float]:
        found: dict[str, Tensor | float] = {}
        for name in ("generator", "discriminator"):
            activity = getattr(moment.measured, name)
            values = {f"{name}_dead": activity.dead, f"{name}_activation": activity.rms}
            found |= {tag: value for tag, value in values.items() if value is not None}
        return found
