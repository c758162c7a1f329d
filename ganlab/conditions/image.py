from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlab.types import Condition, Conditioning


@dataclass(frozen=True)
class ImageCondition(Conditioning):
    """Aligned images as the condition: G translates them, and D receives them together with the real or generated
    image. Isola et al. 2017, Eq. 1.

    ``source`` is the name of the aligned image in the data, or several names. ``heads`` are names of labels in the
    data, such as ``font``: D predicts each of them with a head of its own (Odena et al. 2017), and G receives none.
    Generated images have the sources and the labels of this update's reals, in their order, so that a distance between
    a real and a fake compares two images of the same sources.
    """

    source: str | tuple[str, ...] = "source"
    heads: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.sources or len(set(self.sources)) < len(self.sources):
            raise ValueError(f"found source={list(self.sources)}; name at least one aligned image, and each once")

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.source,) if isinstance(self.source, str) else self.source

    def real_condition(self, condition: Condition) -> Condition:
        return {name: condition[name] for name in (*self.sources, *self.heads)}

    def fake_condition(self, count: int, classes: int, real: Condition, rng: torch.Generator) -> Condition:
        return {name: _repeated(real[name], count) for name in (*self.sources, *self.heads)}

    def grid_condition(self, count: int, classes: int, real: Condition) -> Condition:
        return self.fake_condition(count, classes, real, torch.Generator())


@dataclass(frozen=True)
class ContentStyleCondition(ImageCondition):
    """An image for the content and one for the style: G draws the one in the style of the other, and D predicts the
    font and the character, on which both networks are trained (``regularizer=[auxiliary_classifier]``, which this
    option adds). Jiang et al. 2018."""

    source: str | tuple[str, ...] = ("content", "style")
    heads: tuple[str, ...] = ("font", "character")


def _repeated(rows: Tensor, count: int) -> Tensor:
    """Returns ``count`` rows: the given ones in order, repeated from the first if there are fewer."""
    return rows.repeat(-(-count // len(rows)), *[1] * (rows.dim() - 1))[:count]
