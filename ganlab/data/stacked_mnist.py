from __future__ import annotations

from dataclasses import dataclass

import torch

from ganlab import streams
from ganlab.data.source import ImageSet, Size, Source
from ganlab.data.torchvision_sets import MNIST
from ganlab.table import Count


@dataclass(frozen=True)
class StackedMNIST(Source):
    """Three digits of MNIST in the three channels of an image: 1,000 modes that a classifier of digits can count.

    The class is the number that the digits make, red first: 100 a + 10 b + c. ``limit`` triples are drawn, each digit
    from the 60,000 training images on its own, the same in every run. Metz et al. 2017; Srivastava et al. 2017
    (VEEGAN); Lin et al. 2018 (PacGAN), whose code draws 128,000 from training and test images.
    """

    root: str = "data"
    download: bool = True
    size: Size = None  # 28×28
    limit: Count = 128_000

    @property
    def digits(self) -> MNIST:
        """Where the digits come from."""
        return MNIST(root=self.root, download=self.download, size=self.size)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return (3, *self.digits.image_shape[1:])

    @property
    def class_count(self) -> int:
        return 1000

    def check(self) -> None:
        self.digits.check()

    def open(self) -> ImageSet:
        digits = self.digits.open()
        assert digits.labels is not None
        which = torch.randint(len(digits), (self.limit, 3), generator=streams.generator(0, "data/triples"))
        labels = (digits.labels[which] * torch.tensor([100, 10, 1])).sum(dim=1)
        return ImageSet(digits.images[:, 0][which], labels, tuple(f"{number:03}" for number in range(1000)))
