from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ganlab.scalars import at, scale
from ganlab.table import Moving, NonNegative, Positive, PositiveInt
from ganlab.types import Batch, DiscriminatorOutput, Regularizer, Update


@dataclass(frozen=True)
class AuxiliaryClassifier(Regularizer):
    """The cross-entropy of D's ``class`` head with the labels: in D's update on reals and, with ``on_fake``, on
    fakes; in G's update on fakes. Odena et al. 2017, section 3, Eq. 3: both networks maximise the class likelihood
    with weight 1. If the condition has several labels, such as ``font`` and ``character``, D has a head for each, and
    the term is the sum of their cross-entropies.

    ``weight`` applies to D's update and ``generator_weight`` to G's (Gulrajani et al. 2017, published code: 1 and
    0.1); G's value is logged as generator_weight / weight times the cross-entropy. Smoothed targets are the
    probability of the true class, ``targets.real`` on reals and 1 - ``targets.fake`` on fakes; the rest is spread
    evenly over the other classes.
    """

    has_targets: ClassVar[bool] = True
    trains_head: ClassVar[str | None] = "class"
    weight: Moving[Positive] = 1.0
    interval: PositiveInt = 1  # updates of either network
    generator_weight: Moving[NonNegative] = 1.0
    on_fake: bool = True  # in D's update

    def discriminator(self, update: Update) -> Tensor:
        assert update.real_output is not None
        term = _cross_entropy(update.real_output, update.augmented_real, update.targets.real)
        if self.on_fake:
            term = term + _cross_entropy(update.fake_output, update.augmented_fake, 1 - update.targets.fake)
        return term

    def generator(self, update: Update) -> Tensor | None:
        if not self.generator_weight:
            return None
        share = at(self.generator_weight, update.progress) / at(self.weight, update.progress)
        return scale(_cross_entropy(update.fake_output, update.augmented_fake, 1.0), share)


def _cross_entropy(output: DiscriminatorOutput, batch: Batch, probability: Tensor | float) -> Tensor:
    """Returns the mean of -Σ t log softmax(l), where the target t is ``probability`` at the true class, a number or
    (n,), summed over all heads."""
    terms = []
    for name, logits in output.heads.items():
        labels = batch.condition["labels" if name == "class" else name]
        log_share = F.log_softmax(logits.float(), dim=1)
        of_true = log_share.gather(1, labels[:, None]).squeeze(1)
        others = max(log_share.shape[1] - 1, 1)
        entropy = -(probability * of_true + (1 - probability) / others * (log_share.sum(dim=1) - of_true))
        terms.append(torch.mean(entropy))
    return torch.stack(terms).sum() if len(terms) > 1 else terms[0]
