"""Inception score of predicted class probabilities."""

from __future__ import annotations

from torch import Tensor

from ganlab.errors import UserError
from ganlab.evaluation.arithmetic import Spread, checked


def inception_score(probabilities: Tensor, splits: int = 10) -> Spread:
    """exp(E_x KL(p(y|x) ‖ p(y))), with p(y) the mean of p(y|x): mean and standard deviation over consecutive ``splits``
    of the samples. Salimans et al. 2016, Section 4. Between 1 and the number of classes.

    ``probabilities`` (n, classes) are a softmax's: none negative, each row with sum 1. The arithmetic is in float64.
    p(y) is each split's own, so fewer samples in a split give a lower score. The result's ``size`` is the smallest
    split's. Raises UserError for fewer samples than splits.
    """
    probabilities = checked(probabilities, "the generated images")
    if splits < 1:
        raise ValueError("there is at least 1 split")
    n = len(probabilities)
    if n < splits:
        raise UserError(f"{n} images cannot be divided into {splits} splits. Evaluate more, or use fewer splits.")
    if (probabilities < 0).any() or ((probabilities.sum(1) - 1).abs() > 0.01).any():
        raise ValueError("rows of probabilities have no negative numbers and sum 1; were these logits?")
    parts = [probabilities[i * n // splits : (i + 1) * n // splits] for i in range(splits)]
    return Spread.of([_score(part.double()) for part in parts], size=n // splits)


def _score(p: Tensor) -> float:
    divergence = p.xlogy(p) - p.xlogy(p.mean(0))  # 0 log 0 = 0
    return float(divergence.sum(1).mean().exp())
