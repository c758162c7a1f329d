"""Data sets that torchvision reads and downloads."""

from __future__ import annotations

import glob
import hashlib
import inspect
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from filelock import FileLock
from PIL import Image

from ganlab.data.reading import pixels
from ganlab.data.source import Listing, sides
from ganlab.data.stored import Stored
from ganlab.errors import UserError, in_one_line, nearest
from ganlab.progress import progress
from ganlab.table import NonNegativeInt, PositiveInt

Option = str | bool | int | float

ALL, HALVES, THIRDS = ("all",), ("train", "test"), ("train", "val", "test")
SETS: dict[str, tuple[str, ...]] = {
    "Caltech101": ALL, "Caltech256": ALL, "CelebA": ("train", "valid", "test", "all"), "CIFAR10": HALVES,
    "CIFAR100": HALVES, "CLEVRClassification": THIRDS, "Country211": ("train", "valid", "test"), "DTD": THIRDS,
    "EMNIST": HALVES, "EuroSAT": ALL, "FashionMNIST": HALVES, "FER2013": HALVES,
    "FGVCAircraft": ("train", "val", "trainval", "test"), "Flowers102": THIRDS, "Food101": HALVES, "GTSRB": HALVES,
    "ImageNet": ("train", "val"), "Imagenette": ("train", "val"),
    "INaturalist": ("2017", "2018", "2019", "2021_train", "2021_train_mini", "2021_valid"), "KMNIST": HALVES,
    "LFWPeople": ("10fold", "train", "test"), "MNIST": HALVES, "Omniglot": ("background", "evaluation"),
    "OxfordIIITPet": ("trainval", "test"), "PCAM": THIRDS,
    "Places365": ("train-standard", "train-challenge", "val", "test"),
    "QMNIST": ("train", "test", "test10k", "test50k", "nist"), "RenderedSST2": THIRDS, "SEMEION": ALL,
    "StanfordCars": HALVES, "STL10": ("unlabeled", "train", "test", "train+unlabeled"), "SUN397": ALL,
    "SVHN": ("train", "test", "extra"), "USPS": HALVES,
}  # fmt: skip
"""The classes of ``torchvision.datasets`` whose items are single images, and the parts of each."""

PARTS = (
    "what",
    "train",
    "background",
    "split",
    "version",
)  # names of the argument for the part; the first that a reader has is used
OURS = frozenset({"root", "download", "loader", "transform", "transforms", "target_transform"})
BY_COLUMNS = frozenset(
    {"EMNIST"}
)  # its files store columns as rows, and torchvision does not transpose them (vision #8783)


class Options(dict[str, Option]):
    """Arguments by name; hashable, since sources are, and never changed."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))


class Numbered(NamedTuple):
    """The number of an image in the reader of the files with this stamp."""

    number: int
    stamp: str


@dataclass(frozen=True)
class TorchvisionSet(Stored):
    """One of torchvision's data sets under ``root``; with ``download`` it is downloaded there if it is missing.

    ``dataset`` is a class of ``torchvision.datasets``, ``split`` the name of one of its parts there ("all" if it has no
    parts), and ``options`` are further arguments of its reader. ``channels``, ``size`` and ``all_classes`` (0: no
    labels) describe its images before any is read. ``folder`` is the folder that torchvision creates under the root,
    with ``*`` for any text: when its files change, the images are decoded again.
    """

    paths: ClassVar[frozenset[str]] = frozenset({"root"})

    dataset: str = "MNIST"
    channels: Literal[1, 3] = 1
    size: PositiveInt | tuple[PositiveInt, PositiveInt] = 28
    all_classes: NonNegativeInt = 10
    folder: str = "MNIST/raw"
    root: str = "data"
    download: bool = True
    split: str = "train"
    options: Mapping[str, Option] = field(default_factory=dict)
    crop: pixels.Crop = "center"
    flip: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "options", Options(self.options))

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return (self.channels, *sides(self.size, (0, 0)))

    @property
    def class_count(self) -> int:
        return super().class_count if self._is_labelled else 0

    @property
    def _is_labelled(self) -> bool:
        return self.all_classes > 0 and "unlabeled" not in self.split  # STL10's

    @property
    def label(self) -> str:
        _, height, width = self.image_shape
        return f"{self.dataset}-{self.split}-{height}x{width}"

    # ------------------------------------------------------------------------------------------------ before it is read

    def check(self) -> None:
        if self.dataset in ("LSUN", "LSUNClass"):
            raise UserError(
                f"data.dataset={self.dataset}: torchvision's reader would run code that lies beside the data; type "
                "data=lsun"
            )
        _need("data.dataset", self.dataset, list(SETS), "torchvision's data sets that can be read here are")
        parts = SETS[self.dataset]
        _need("data.split", self.split, parts, f"{self.dataset} has {'the parts' if len(parts) > 1 else 'only'}")
        if not self.download and not self._places():
            raise UserError(
                f"data.root={self.root}: no {self.dataset} there, {Path(self.root) / self.folder} is missing; "
                "type data.download=true, or data.root=… for where it is"
            )

    def _places(self) -> list[str]:
        root = os.path.expanduser(self.root)
        return sorted(glob.glob(os.path.join(glob.escape(root), self.folder)))

    def stamp(self) -> str:
        """Returns a hash of the times and sizes of the files directly in ``folder``; torchvision checks deeper ones."""
        digest = hashlib.blake2b(digest_size=16)
        for place in self._places():
            inside = [os.path.join(place, name) for name in sorted(os.listdir(place))] if os.path.isdir(place) else []
            for path in (place, *inside):
                with suppress(OSError):  # a link to nowhere
                    facts = os.stat(path)
                    digest.update(
                        f"{os.path.basename(path)}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode(
                            errors="surrogateescape"
                        )
                    )
        return digest.hexdigest()

    # --------------------------------------------------------------------------------------------- torchvision's reader

    def read(self, download: bool = False) -> Any:
        """Returns torchvision's reader of the data set. Raises errors of any type if data is missing or damaged."""
        import torchvision.datasets  # its import takes seconds, and only this needs it

        reader = getattr(torchvision.datasets, self.dataset)  # check() knows the name
        known = _parameters(reader)
        part = next((name for name in PARTS if name in known), None)
        free = [name for name in known if name not in OURS and name != part]
        for name, value in self.options.items():
            if name not in free:
                guess = nearest(name, free)
                hint = f"did you mean data.options.{guess}?" if guess else f"there are {', '.join(free) or 'none'}"
                raise UserError(f"data.options.{name}={value}: torchvision's {self.dataset} has no such option; {hint}")
        for name in free:
            if known[name].default is inspect.Parameter.empty and name not in self.options:
                raise UserError(f"data.options: {self.dataset} needs {name}; type data.options.{name}=…")
        arguments: dict[str, Any] = dict(self.options)
        if part is not None:
            arguments[part] = self.split == part if part in ("train", "background") else self.split
        if "download" in known:
            arguments["download"] = download
        if "loader" in known:
            arguments["loader"] = str  # returns the path of the file, which other processes decode without torchvision
        return reader(os.path.expanduser(self.root), **arguments)

    def _read_or_download(self) -> Any:
        self.check()
        try:
            return self.read()
        except Exception as error:  # readers raise errors of many types
            problem = self._explained(error)
            if not self.download or not isinstance(problem, _Missing):
                raise problem from error
        try:
            os.makedirs(os.path.expanduser(self.root), exist_ok=True)
            with FileLock(os.path.join(os.path.expanduser(self.root), f".{self.dataset}.lock")):
                return self.read(download=True)
        except Exception as error:
            raise self._explained(error) from error

    def _explained(self, error: Exception) -> UserError:
        """Returns the error to raise for an error of a reader: _Missing if a download may help."""
        if isinstance(error, UserError):
            return error
        reason = in_one_line(error)
        if wrong := re.match(r"Unknown value '(.*)' for argument (\w+)\. Valid values are {(.*)}", reason):
            allowed = wrong[3].replace("'", "")
            return UserError(f"data.options.{wrong[2]}={wrong[1]}: no such option; {self.dataset} has {allowed}")
        named = re.search(r"pip install (\w+)", reason)
        package = named[1] if named else (error.name or "").partition(".")[0] if isinstance(error, ImportError) else ""
        if package:
            return UserError(
                f"data.dataset={self.dataset}: torchvision needs the package {package} for it; type pip install "
                f"{package}, or data.root=… for a folder that has the data already"
            )
        reason = re.sub(r"[ .]*You can (use|set) download=True to download (it|them)", "", reason).rstrip(". ")[:300]
        if self.download:
            return _Missing(
                f"data.root={self.root}: {self.dataset} can be neither read there nor downloaded ({reason}); "
                "type data.root=… for a folder that has it"
            )
        return _Missing(
            f"data.root={self.root}: {self.dataset} cannot be read there ({reason}); type data.download=true, or "
            "data.root=… for where it is"
        )

    # ----------------------------------------------------------------------------------------------- images and labels

    def listing(self) -> Listing:
        with progress(f"Reading {self.dataset} from {self.root}"):
            reader = self._read_or_download()
        count = len(reader)
        stored = getattr(reader, "data", None)
        if hasattr(stored, "__array__"):
            labels, names = self._labels(reader, count)
            return Listing(list(self._upright(np.asarray(stored))), labels, names, in_memory=True)
        if "loader" in _parameters(type(reader)):
            items: list[Any] = [reader[number][0] for number in range(count)]
        elif (files := _files(reader)) is not None:
            items = files
        elif self.dataset == "CelebA":  # so large that a reader in each process would take minutes and gigabytes
            folder = os.path.join(reader.root, reader.base_folder, "img_align_celeba")
            items = [os.path.join(folder, name) for name in reader.filename]
        else:
            stamp = self.stamp()
            items = [Numbered(number, stamp) for number in range(count)]
        labels, names = self._labels(reader, count)
        # Some readers list files in the order of the file system.
        order = sorted(range(count), key=items.__getitem__)
        return Listing([items[row] for row in order], labels[order] if labels is not None else None, names)

    def pixels(self, item: np.ndarray | str | Numbered) -> np.ndarray:
        if isinstance(item, str):
            return pixels.read(item, self.image_shape, self.crop, "white")
        image = _reader(self, item.stamp)[item.number][0] if isinstance(item, Numbered) else Image.fromarray(item)
        return pixels.fit(image, self.image_shape, self.crop)

    def name_of(self, item: np.ndarray | str | Numbered) -> str:
        number = f"number {item.number} " if isinstance(item, Numbered) else ""
        return item if isinstance(item, str) else f"image {number}of {self.dataset}"

    def _upright(self, images: np.ndarray) -> np.ndarray:
        """Returns a view (N, H, W) or (N, H, W, 3) of a reader's images."""
        if images.ndim == 4 and images.shape[-1] != 3:
            images = np.moveaxis(images, 1, -1)  # channels first
        return images.swapaxes(1, 2) if self.dataset in BY_COLUMNS else images

    def _labels(self, reader: Any, count: int) -> tuple[np.ndarray | None, tuple[str, ...]]:
        """Returns labels (N,) int64 and the classes' names. Raises UserError if there are not ``all_classes``."""
        if not self._is_labelled or not count:
            return None, ()
        usual = not {"target_type", "target_types"} & self.options.keys()
        kept = (getattr(reader, name, None) for name in ("targets", "labels", "_labels", "y"))
        at_hand = next((one for one in kept if one is not None and len(one) == count), None) if usual else None
        try:
            if at_hand is None:
                labels = np.empty(count, np.int64)
                with progress(f"Reading the labels of {self.dataset}", count) as advance:
                    for number in range(count):
                        labels[number] = int(reader[number][1])
                        advance(1)
            else:
                labels = np.asarray(at_hand).astype(np.int64)
        except (TypeError, ValueError, RuntimeError) as error:  # None, or several numbers for an image
            raise UserError(
                f"data.all_classes={self.all_classes}: {self.dataset} does not give one class for each image of "
                f"data.split={self.split}; type data.all_classes=0"
            ) from error
        if labels.ndim == 2:
            labels = labels[:, 0]  # QMNIST: the digit, its writer, and more
        names = _names(reader) if usual else []
        there = len(names) or int(labels.max()) + 1
        if labels.min() < 0 or there > self.all_classes or (names and there < self.all_classes):
            raise UserError(
                f"data.all_classes={self.all_classes}: {self.dataset} has {there} with these settings; type "
                f"data.all_classes={there}, or 0 for none"
            )
        names = names or [str(number) for number in range(self.all_classes)]
        if hasattr(reader, "_characters"):  # Omniglot, whose numbers follow the order of the file system
            order = np.argsort(np.array(names))
            labels, names = np.argsort(order)[labels], sorted(names)
        return labels, tuple(names)


class _Missing(UserError):
    """The data is missing or incomplete."""


@lru_cache(maxsize=1)
def _reader(source: TorchvisionSet, stamp: str) -> Any:
    """Returns the reader, which each process opens once."""
    return source.read()


def _files(reader: Any) -> list[str] | None:
    """Returns the files of a reader to which torchvision 0.22 added a ``loader``, so that 0.21 gives the same images in
    the same order; None for the other readers."""
    match type(reader).__name__:
        case "CLEVRClassification" | "DTD" | "FGVCAircraft" | "Flowers102" | "Food101" | "SUN397":
            return list(map(str, reader._image_files))
        case "Imagenette" | "RenderedSST2" | "StanfordCars":
            return [str(file) for file, _ in reader._samples]
        case "Country211" | "EuroSAT":
            return [file for file, _ in reader.samples]
        case "INaturalist":
            return [os.path.join(reader.root, reader.all_categories[kind], name) for kind, name in reader.index]
        case "Omniglot":
            return [
                os.path.join(reader.target_folder, reader._characters[kind], name)
                for name, kind in reader._flat_character_images
            ]
        case "LFWPeople":
            return list(reader.data)
    return None


def _names(reader: Any) -> list[str]:
    found = next(
        (getattr(reader, name) for name in ("classes", "categories", "_characters") if hasattr(reader, name)), ()
    )
    return [one if isinstance(one, str) else str(one[0]) for one in found]  # ImageNet's are synonyms


def _parameters(reader: type) -> dict[str, inspect.Parameter]:
    """Returns the parameters of a reader by name, with those that it passes to its base class."""
    known: dict[str, inspect.Parameter] = {}
    for kind in reader.__mro__:
        if "__init__" not in vars(kind):
            continue
        found = list(inspect.signature(vars(kind)["__init__"]).parameters.values())[1:]
        known = {one.name: one for one in found if one.kind is not one.VAR_KEYWORD} | known
        if not any(one.kind is one.VAR_KEYWORD for one in found):
            break
    return known


def _need(key: str, found: str, options: Sequence[str], there_are: str) -> None:
    """Raises UserError if ``found`` is none of the options."""
    if found not in options:
        guess = nearest(found, options)
        hint = f"did you mean {key}={guess}?" if guess else f"{there_are} {', '.join(options) or 'none'}"
        raise UserError(f"{key}={found}: no such option; {hint}")
