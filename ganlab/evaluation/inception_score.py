"""The Inception score of predicted class probabilities."""

from __future__ import annotations

from torch import Tensor

from ganlab.errors import UserError
from ganlab.evaluation.arithmetic import Spread, checked


def inception_score(probabilities: Tensor, splits: int = 10) -> Spread:
    """Returns exp(E_x KL(p(y|x) ‖ p(y))), where p(y) is the mean of p(y|x): the mean and standard deviation over
    ``splits`` consecutive parts of the samples. Salimans et al. 2016, Section 4. The range is 1 to the number of
    classes.

    ``probabilities`` (n, classes) are the output of a softmax: not negative, each row with sum 1. The arithmetic is in
    float64. p(y) is computed in each part, so that smaller parts give lower scores. The result's ``size`` is the number
    of samples in the smallest part. Raises UserError for fewer samples than splits.
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
