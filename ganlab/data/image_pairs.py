from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from ganlab.data.decoded.prepare import open_or_make
from ganlab.data.image_folder import is_image, scan
from ganlab.data.reading import pixels
from ganlab.data.source import HeldOut, ImageSet, Listing, Source, printable, sides
from ganlab.data.stored import Stored
from ganlab.errors import UserError
from ganlab.table import PositiveInt


@dataclass(frozen=True)
class ImagePairs(Source):
    """Pairs of images A and B for ``condition=image``, which translates one into the other. Isola et al. 2017.

    Without ``folders`` each file below ``root`` holds A and B side by side, A at the left. ``folders`` are the names of
    two folders under ``root`` with the images A and B; those with the same name, whatever its suffix, are a pair. A
    file without a partner is named and skipped. ``direction: AtoB`` makes A the ``source`` and B the image to generate.
    Both are cropped (``center``, or ``stretch`` for the whole image), mirrored (``flip``) and augmented alike.
    """

    root: str = "data"
    folders: tuple[str, str] | None = None
    direction: Literal["AtoB", "BtoA"] = "AtoB"
    size: PositiveInt | tuple[PositiveInt, PositiveInt] = 256
    color: Literal["rgb", "grey"] = "rgb"
    crop: pixels.Crop = "center"
    background: pixels.Background = "white"
    limit: PositiveInt | None = None
    held_out: HeldOut = 0
    flip: bool = False

    def check(self) -> None:
        root = os.path.expanduser(self.root)
        if not os.path.isdir(root):
            found = "it is a file" if os.path.isfile(root) else "there is no such folder"
            raise UserError(f"data.root={self.root}: {found}; type data.root=… for the folder of your pairs")
        for name in self.folders or ():
            if not os.path.isdir(os.path.join(root, name)):
                there = ", ".join(sorted(entry.name for entry in os.scandir(root) if entry.is_dir())) or "none"
                raise UserError(
                    f"data.folders=[{','.join(self.folders or ())}]: there is no folder {name} under {self.root}, but "
                    f"{printable(there)}; type data.folders=null if each file holds A and B side by side"
                )

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return (3 if self.color == "rgb" else 1, *sides(self.size, (0, 0)))

    @property
    def aligned_shapes(self) -> Mapping[str, tuple[int, int, int]]:
        return {"source": self.image_shape}

    @cached_property
    def _stacked(self) -> Stacked:
        return Stacked(
            size=self.size, limit=self.limit, root=self.root, folders=self.folders, color=self.color, crop=self.crop,
            background=self.background,
        )  # fmt: skip

    def open(self, cache: Path | None = None) -> ImageSet:
        self.check()
        found = open_or_make(self._stacked, cache)
        height = self.image_shape[1]
        a, b = found.images[:, :height], found.images[:, height:]
        source, images = (a, b) if self.direction == "AtoB" else (b, a)
        pairs = replace(
            found,
            images=images,
            aligned={"source": source},
            flip=self.flip,
            fingerprint=f"{found.fingerprint}-{self.direction}",
        )
        return pairs.hold_out(self.held_out)


class Pair(NamedTuple):
    """The file of A, and that of B; None if A's file holds both side by side."""

    a: str
    b: str | None = None

    def __str__(self) -> str:
        return self.a if self.b is None else f"{self.a} and {self.b}"


@dataclass(frozen=True)
class Stacked(Stored):
    """Each pair as one image (2H, W), A above B, so that both are decoded and stored together."""

    paths: ClassVar[frozenset[str]] = frozenset({"root"})

    root: str = "data"
    folders: tuple[str, str] | None = None
    color: Literal["rgb", "grey"] = "rgb"
    crop: pixels.Crop = "center"
    background: pixels.Background = "white"

    @property
    def image_shape(self) -> tuple[int, int, int]:
        height, width = sides(self.size, (0, 0))
        return (3 if self.color == "rgb" else 1, 2 * height, width)

    @property
    def label(self) -> str:
        _, height, width = self.image_shape
        return f"pairs-{Path(self.root).resolve().name}-{height // 2}x{width}"

    def _names(self, folder: str) -> list[str]:
        """Returns the images below a folder of the root, by their names from there, sorted."""
        return sorted(name for name, _ in scan(os.path.join(self.root, folder)) if is_image(name))

    def stamp(self) -> str:
        digest = hashlib.blake2b(digest_size=16)
        for folder in self.folders or ("",):
            for name in self._names(folder):
                facts = os.stat(os.path.join(self.root, folder, name))
                digest.update(
                    f"{folder}/{name}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode(errors="surrogateescape")
                )
        return digest.hexdigest()

    def listing(self) -> Listing:
        if self.folders is None:
            return self._listed([Pair(name) for name in self._names("")], [])
        by_name = [_by_stem(self._names(folder)) for folder in self.folders]
        pairs, alone = [], []
        for stem in sorted({*by_name[0], *by_name[1]}):
            files = [
                os.path.join(folder, names[stem]) if stem in names else None
                for folder, names in zip(self.folders, by_name, strict=True)
            ]
            if files[0] is not None and files[1] is not None:
                pairs.append(Pair(files[0], files[1]))
            else:
                alone.append(str(files[0] or files[1]))
        return self._listed(pairs, alone)

    def _listed(self, pairs: list[Pair], alone: list[str]) -> Listing:
        if not pairs:
            found = f"{len(alone):,} images without a partner, such as {printable(alone[0])}" if alone else "no images"
            raise UserError(
                f"data.root={self.root}: there are {found}; type data.folders=[A,B] for two folders with images of the "
                "same names, or null if each file holds A and B side by side"
            )
        notes = [f"{len(alone):,} images without a partner were skipped: {printable(', '.join(alone[:3]))}"] * bool(
            alone
        )
        return Listing(pairs, notes=tuple(notes), details=tuple(f"{name}: it has no partner" for name in alone))

    def pixels(self, item: Pair) -> np.ndarray:
        channels, height, width = self.image_shape
        shape = (channels, height // 2, width)
        files = [os.path.join(self.root, file) for file in item if file is not None]
        for file in files:
            pixels.bounded(os.path.getsize(file))
        if item.b is not None:
            return np.concatenate([pixels.read(file, shape, self.crop, self.background, "auto") for file in files])
        return np.concatenate([pixels.fit(half, shape, self.crop, self.background) for half in halves(files[0])])


def halves(file: str) -> tuple[Image.Image, Image.Image]:
    """Returns the left and the right half of an image file. Raises ValueError if its width is odd, and other errors if
    it cannot be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd tags and of sizes that cameras have
        with Image.open(file, formats=pixels.FORMATS) as opened:
            image = ImageOps.exif_transpose(opened)
            width, height = image.size
            if width % 2:
                raise ValueError(f"its {width} columns have no middle, so that it is not A and B side by side")
            return image.crop((0, 0, width // 2, height)), image.crop((width // 2, 0, width, height))


def _by_stem(names: list[str]) -> dict[str, str]:
    """Returns the names by what is before their suffix, the first of those that differ in it alone."""
    found: dict[str, str] = {}
    for name in names:
        found.setdefault(str(PurePosixPath(name).with_suffix("")), name)
    return found
