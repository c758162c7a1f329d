"""The histogram of classes of generated images."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ganlab.diagnosis.signals.family import Family, Moment

Classify = Callable[[Tensor], Tensor]
"""Returns the probabilities (n, classes) of the classes of images (n, C, H, W) in [-1, 1]."""


class Classes(Family):
    """``classes``: the entropy of the histogram of classes of the generated images, as the evaluation's classifier sees
    them, over its largest value, the logarithm of the number of classes (or of images, if they are fewer). In [0, 1]: 1
    is every class equally often, 0 a single class. At sample points, with ``evaluation=scores`` and a classifier.
    (Classes as modes: Metz et al. 2017, section 3.3.1.)"""

    at_samples = True

    def __init__(self, classify: Classify) -> None:
        self.classify = classify

    @torch.no_grad()
    def compute(self, moment: Moment) -> Mapping[str, Tensor | float]:
        probabilities = self.classify(moment.pictures)
        count, classes = probabilities.shape
        shares = torch.bincount(probabilities.argmax(dim=1), minlength=classes).float() / count
        return {"classes": torch.special.entr(shares).sum() / math.log(max(min(classes, count), 2))}
