"""The condition number of the generator's Jacobian."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from ganlab.diagnosis.inspection.spectra import BELOW_ROUNDING, jacobian_spectra
from ganlab.diagnosis.signals.family import Family, Moment, module


class Condition(Family):
    """``condition``: log10 of the condition number of J = ∂G(z)/∂z, the largest over the smallest singular value, mean
    over ``diagnosis.latents`` latents, at sample points. In [0, 7]: a smallest value below 1e-7 of the largest is
    rounding. Odena et al. 2018, section 3: it grows where G's scores get worse. (They use JᵀJ, whose is the square.)
    """

    at_samples = True

    def compute(self, moment: Moment) -> Mapping[str, Tensor | float]:
        subject = moment.subject
        gan, latents = subject.gan, subject.settings.latents
        if not latents:
            return {}
        count = max(subject.samples, latents)
        latent = gan.latent.draw(count, moment.rng("jacobian/latent"))
        real = subject.feed.trained_on(count, moment.point.step).condition
        condition = gan.condition.fake_condition(count, gan.classes, real, moment.rng("jacobian/condition"))
        # A row takes the graph of a first and of a second derivative.
        together = max(subject.microbatch // 2, 1)
        with torch.enable_grad():
            spectra = jacobian_spectra(module(gan.generator), latent, condition, latents, together)
        logs = [
            math.log10(one.largest / max(one.smallest, BELOW_ROUNDING * one.largest)) for one in spectra if one.largest
        ]
        return {"condition": sum(logs) / len(logs)} if logs else {}
