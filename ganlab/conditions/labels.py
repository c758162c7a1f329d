"""Class labels as conditions. The classes differ in how the networks take labels as input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from ganlab.random_numbers import integers
from ganlab.table import PositiveInt
from ganlab.types import Condition, Conditioning, Wiring

Labels = Literal["data", "uniform"]
"""Labels of fakes: those of this update's reals in their order (``data``), or drawn with the same probability for
each class (``uniform``)."""

Told = Literal["norm", "concat", "embedding"]
"""G's input of the label: a scale and shift per class in its conditional norms (``norm``), or a one-hot vector
(``concat``) or learned vector (``embedding``) concatenated to the latent."""


@dataclass(frozen=True)
class Labelled(Conditioning):
    """The base class of all label conditions. With ``labels: data`` fakes have the labels of this update's reals, so
    that the classes have the proportions of the data and a penalty between a real and a fake stays within a class;
    with ``uniform`` each class has the same probability."""

    needs_labels: ClassVar[bool] = True
    labels: Labels = "data"

    def real_condition(self, condition: Condition) -> Condition:
        return {"labels": condition["labels"]}

    def fake_condition(self, count: int, classes: int, real: Condition, rng: torch.Generator) -> Condition:
        if self.labels == "uniform":
            return {"labels": integers(0, classes, (count,), rng)}
        known = real["labels"]
        return {"labels": known.repeat(-(-count // len(known)))[:count]}

    def grid_condition(self, count: int, classes: int, real: Condition) -> Condition:
        return {"labels": torch.arange(count) * classes // count}


@dataclass(frozen=True)
class ConcatCondition(Labelled):
    """One-hot labels, concatenated to the latent in G and, as planes, to the image's channels in D. Mirza & Osindero
    2014, section 3.2."""

    @property
    def wiring(self) -> Wiring:
        return Wiring("one_hot", "one_hot")


@dataclass(frozen=True)
class EmbeddingCondition(Labelled):
    """A learned vector of length ``dim`` per class, concatenated to the latent in G, and a learned plane per class,
    concatenated to the image's channels in D. Denton et al. 2015, section 2.3 and appendix A."""

    dim: PositiveInt = 50

    @property
    def wiring(self) -> Wiring:
        return Wiring("embedding", "plane", self.dim)


@dataclass(frozen=True)
class _HeadInD(Labelled):
    generator: Literal["auto"] | Told = "auto"
    dim: PositiveInt = 50  # length of the learned vector if generator is embedding

    @property
    def by_norm(self) -> bool:
        return self.generator == "norm"

    def _wired(self, discriminator: Literal["projection", "class"]) -> Wiring:
        forms: dict[str, Literal["none", "one_hot", "embedding"]] = {
            "auto": "none",
            "norm": "none",
            "concat": "one_hot",
            "embedding": "embedding",
        }
        return Wiring(forms[self.generator], discriminator, self.dim)


@dataclass(frozen=True)
class ProjectionCondition(_HeadInD):
    """The projection discriminator: D adds the inner product of its features and a learned vector per class to its
    logit. Miyato & Koyama 2018, Eq. 3. With ``generator: auto`` G receives the label through conditional batch norm,
    as published, or, if another norm was chosen, as a one-hot vector concatenated to its latent."""

    @property
    def wiring(self) -> Wiring:
        return self._wired("projection")


@dataclass(frozen=True)
class AuxiliaryCondition(_HeadInD):
    """The auxiliary classifier: D predicts the class with a separate head, and both networks are trained on its
    cross-entropy (``regularizer=[auxiliary_classifier]``, which this option adds). Odena et al. 2017, section 3. By
    default G receives the label as a one-hot vector concatenated to its latent."""

    generator: Literal["auto"] | Told = "concat"

    @property
    def wiring(self) -> Wiring:
        return self._wired("class")
