"""Class labels. The options differ in how the networks take them in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from ganlab.random_numbers import integers
from ganlab.table import PositiveInt
from ganlab.types import Condition, Conditioning, Wiring

Labels = Literal["data", "uniform"]
"""Fakes get the labels of this update's reals, in their order, or each class with the same chance."""

Told = Literal["norm", "concat", "embedding"]
"""How G is told: a scale and shift per class in its conditional norms, or a one-hot or learned vector at the latent."""


@dataclass(frozen=True)
class Labelled(Conditioning):
    """What all of them share. ``labels: data`` gives fakes the labels of this update's reals, so that their shares are
    the data's, and a penalty between real and fake stays within a class; ``uniform`` draws each class alike."""

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
    """One-hot labels beside the latent in G and as planes beside the image in D. Mirza & Osindero 2014, section 3.2."""

    @property
    def wiring(self) -> Wiring:
        return Wiring("one_hot", "one_hot")


@dataclass(frozen=True)
class EmbeddingCondition(Labelled):
    """A learned vector of ``dim`` per class beside the latent in G, and one learned plane per class beside the image in
    D. Denton et al. 2015, section 2.3 and appendix A."""

    dim: PositiveInt = 50

    @property
    def wiring(self) -> Wiring:
        return Wiring("embedding", "plane", self.dim)


@dataclass(frozen=True)
class _HeadInD(Labelled):
    generator: Literal["auto"] | Told = "auto"
    dim: PositiveInt = 50  # of the vector where generator is embedding

    @property
    def by_norm(self) -> bool:
        return self.generator == "norm"

    def _wired(self, discriminator: Literal["projection", "class"]) -> Wiring:
        told: dict[str, Literal["none", "one_hot", "embedding"]] = {
            "auto": "none",
            "norm": "none",
            "concat": "one_hot",
            "embedding": "embedding",
        }
        return Wiring(told[self.generator], discriminator, self.dim)


@dataclass(frozen=True)
class ProjectionCondition(_HeadInD):
    """D adds the inner product of its features and a learned vector per class to its logit. Miyato & Koyama 2018, Eq.
    3. ``generator: auto`` tells G by conditional batch norm, as theirs, or beside its latent where another norm is
    typed."""

    @property
    def wiring(self) -> Wiring:
        return self._wired("projection")


@dataclass(frozen=True)
class AuxiliaryCondition(_HeadInD):
    """D names the class with a head of its own, and both networks are trained on its cross-entropy
    (``regularizer=[auxiliary_classifier]``, which this option brings along). Odena et al. 2017, section 3; G's label
    stands beside its latent."""

    generator: Literal["auto"] | Told = "concat"

    @property
    def wiring(self) -> Wiring:
        return self._wired("class")
