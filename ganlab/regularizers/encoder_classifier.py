from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ganlab.table import Moving, Positive, PositiveInt
from ganlab.types import Regularizer, Update


@dataclass(frozen=True)
class EncoderClassifier(Regularizer):
    """The cross-entropy of the heads of G's encoders with the labels, in G's update: the code of the content must tell
    the character, and that of the style the font. Jiang et al. 2018: weight 0.2 for both (β_p and β_r).

    The heads give logits. A known reimplementation applies a softmax before a cross-entropy that applies one itself,
    and overwrites D's font term with the encoder's; here D's term is ``auxiliary_classifier``, beside this one.
    """

    trains_encoder_heads: ClassVar[bool] = True
    weight: Moving[Positive] = 0.2
    interval: PositiveInt = 1  # G updates

    def generator(self, update: Update) -> Tensor:
        assert update.generated is not None
        terms = [
            F.cross_entropy(logits.float(), update.fake.condition[label])
            for label, logits in update.generated.heads.items()
        ]
        return torch.stack(terms).sum()
