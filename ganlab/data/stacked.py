from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ganlab import random_streams
from ganlab.data.digits import Digits
from ganlab.data.source import Listing, Size, chosen
from ganlab.data.stored import Stored
from ganlab.data.torchvision_sets import TorchvisionSet
from ganlab.table import PositiveInt

DRAWING = 1  # version of the code that draws triples

Triple = tuple[np.ndarray, np.ndarray, np.ndarray]


class Stacked(Stored):
    """Three digits in the three channels of an image: 1,000 modes, which a classifier of digits can count. The class is
    100 r + 10 g + b for the digits in red, green and blue."""

    limit: int

    @property
    def digits(self) -> Stored:
        """The source of the single digits."""
        raise TypeError(f"{type(self).__name__} has no digits")

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return (3, *self.digits.image_shape[1:])

    @property
    def all_classes(self) -> int:
        return 1000

    def check(self) -> None:
        self.digits.check()

    def stamp(self) -> str:
        return f"{self.digits.stamp()} {DRAWING}"

    def listing(self) -> Listing:
        """An item is the three digits' pixels, each (H, W): views, so that a digit takes memory once."""
        import torch  # the triples are drawn from its random stream

        single = self.digits.listing()
        assert single.labels is not None
        digits = np.stack([self.digits.pixels(item)[..., 0] for item in single.items])
        rng = random_streams.generator(0, "data/triples")
        which = torch.randint(len(digits), (self.limit, 3), generator=rng).numpy()
        labels = single.labels[which] @ np.array([100, 10, 1])
        triples: list[Triple] = [(digits[a], digits[b], digits[c]) for a, b, c in which]
        return Listing(triples, labels, tuple(f"{number:03}" for number in range(1000)), in_memory=True)

    def selected(self) -> Listing:
        return chosen(self.listing(), self.classes)  # listing() draws ``limit`` triples

    def pixels(self, item: Triple) -> np.ndarray:
        return np.stack(item, axis=-1)


@dataclass(frozen=True)
class StackedMNIST(Stacked):
    """Three digits of MNIST. ``limit`` triples are drawn, each digit from the 60,000 training images on its own, the
    same in every run; ``classes`` takes from among those. Metz et al. 2017; Srivastava et al. 2017 (VEEGAN); Lin et al.
    2018 (PacGAN), whose code draws 128,000 from training and test images.
    """

    paths: ClassVar[frozenset[str]] = frozenset({"root"})

    root: str = "data"
    download: bool = True
    size: PositiveInt | tuple[PositiveInt, PositiveInt] = 28
    limit: PositiveInt = 128_000

    @property
    def digits(self) -> TorchvisionSet:
        return TorchvisionSet(dataset="MNIST", root=self.root, download=self.download, size=self.size)

    @property
    def label(self) -> str:
        return "stacked_mnist-{1}x{2}".format(*self.image_shape)


@dataclass(frozen=True)
class StackedDigits(Stacked):
    """Three of the bundled digits, as in stacked MNIST but with nothing to download: ``limit`` triples, each digit from
    the 1,797 scans on its own, the same in every run."""

    size: Size = 32
    limit: PositiveInt = 20_000

    @property
    def digits(self) -> Digits:
        return Digits(size=self.size)

    @property
    def label(self) -> str:
        return "stacked_digits-{1}x{2}".format(*self.image_shape)
