"""Data sets that torchvision reads and downloads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch

from ganlab.data.source import ImageSet, Size, Source, limited, resize, sides
from ganlab.errors import UserError
from ganlab.table import Count


@dataclass(frozen=True)
class TorchvisionSet(Source):
    """The training images of one of torchvision's data sets, under ``root``; downloaded there where ``download``."""

    torchvision_name: ClassVar[str]
    native: ClassVar[tuple[int, int, int]]  # C, H, W
    classes_known: ClassVar[int] = 10
    folder: ClassVar[str]  # what torchvision makes under root

    root: str = "data"
    download: bool = True
    size: Size = None  # the data set's own
    limit: Count | None = None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return (self.native[0], *sides(self.size, self.native[1:]))

    @property
    def class_count(self) -> int:
        return self.classes_known

    def check(self) -> None:
        if not self.download and not (Path(self.root) / self.folder).exists():
            raise UserError(
                f"data.root={self.root}: no {self.torchvision_name} there, {Path(self.root) / self.folder} is missing; "
                "type data.download=true, or data.root=… for where it is"
            )

    def open(self) -> ImageSet:
        import torchvision.datasets  # takes a second, and only these sources need it

        reader = getattr(torchvision.datasets, self.torchvision_name)
        try:
            data = reader(self.root, download=self.download, **self.part)
        except (RuntimeError, OSError) as error:  # no network, or files that are not whole
            reason = str(error).strip().splitlines()[0].rstrip(".")
            raise UserError(
                f"{self.torchvision_name} could not be read from {self.root} or downloaded there ({reason}); "
                "type data.root=… for a folder that has it"
            ) from error
        labels = torch.as_tensor(self.targets(data)).long() if self.class_count else None
        classes = tuple(data.classes) if self.class_count else ()
        chosen = limited(ImageSet(self.tensor(data), labels, classes), self.limit)
        return replace(chosen, images=resize(chosen.images, sides(self.size, self.native[1:])))

    @property
    def part(self) -> dict[str, Any]:
        """What torchvision's reader is told of the part that is wanted."""
        return {"train": True}

    def targets(self, data: Any) -> Any:
        """The reader's labels (N,)."""
        return data.targets

    def tensor(self, data: Any) -> torch.Tensor:
        """The reader's images as (N, C, H, W) uint8."""
        images = torch.as_tensor(data.data)
        return images[:, None] if images.dim() == 3 else images.permute(0, 3, 1, 2).contiguous()


@dataclass(frozen=True)
class MNIST(TorchvisionSet):
    """60,000 handwritten digits, 28×28 grey. LeCun et al. 1998."""

    torchvision_name: ClassVar[str] = "MNIST"
    native: ClassVar[tuple[int, int, int]] = (1, 28, 28)
    folder: ClassVar[str] = "MNIST/raw"


@dataclass(frozen=True)
class FashionMNIST(TorchvisionSet):
    """60,000 pictures of clothes, 28×28 grey. Xiao et al. 2017."""

    torchvision_name: ClassVar[str] = "FashionMNIST"
    native: ClassVar[tuple[int, int, int]] = (1, 28, 28)
    folder: ClassVar[str] = "FashionMNIST/raw"


@dataclass(frozen=True)
class CIFAR10(TorchvisionSet):
    """50,000 photographs, 32×32 in colour, of ten classes. Krizhevsky 2009."""

    torchvision_name: ClassVar[str] = "CIFAR10"
    native: ClassVar[tuple[int, int, int]] = (3, 32, 32)
    folder: ClassVar[str] = "cifar-10-batches-py"


@dataclass(frozen=True)
class STL10(TorchvisionSet):
    """Photographs, 96×96 in colour: 100,000 ``unlabeled`` ones, of more than the ten classes that the 5,000 of
    ``train`` and the 8,000 of ``test`` are labelled with. Coates et al. 2011.

    All of them take 2.8 GB in memory at 96×96; with a smaller ``size``, that only while they are read.
    """

    torchvision_name: ClassVar[str] = "STL10"
    native: ClassVar[tuple[int, int, int]] = (3, 96, 96)
    folder: ClassVar[str] = "stl10_binary"

    split: Literal["unlabeled", "train", "test", "train+unlabeled"] = "unlabeled"

    @property
    def class_count(self) -> int:
        return 0 if "unlabeled" in self.split else self.classes_known

    @property
    def part(self) -> dict[str, Any]:
        return {"split": self.split}

    def targets(self, data: Any) -> Any:
        return data.labels

    def tensor(self, data: Any) -> torch.Tensor:
        return torch.from_numpy(data.data)  # channels first already, each a view: columns lie before rows in the file
