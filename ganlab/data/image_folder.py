"""A person's own images."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image, ImageOps
from tqdm import tqdm

from ganlab.data.source import ImageSet, Source, limited, sides
from ganlab.errors import UserError
from ganlab.table import Count

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True)
class ImageFolder(Source):
    """Every JPEG, PNG and WebP under ``root``, however deep. The folders directly under it are the classes, if it has
    any.

    Files that cannot be read are named and left out. ``crop: center`` cuts the largest middle part of the wanted shape,
    ``stretch`` keeps all of the image; both resize with antialiasing. Transparent parts are put on ``background``.
    """

    root: str = "data"
    size: Count | tuple[Count, Count] = 64
    color: Literal["rgb", "grey"] = "rgb"
    crop: Literal["center", "stretch"] = "center"
    background: Literal["white", "black"] = "white"
    limit: Count | None = None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return (3 if self.color == "rgb" else 1, *sides(self.size, (0, 0)))

    @property
    def class_count(self) -> int:
        count = len(self._classes(self._files())) if Path(self.root).is_dir() else 0
        return count if count > 1 else 0

    def _classes(self, files: Iterable[Path]) -> tuple[str, ...]:
        return tuple(sorted({self._class_of(file) for file in files}))

    def _class_of(self, file: Path) -> str:
        """The folder directly under the root; nothing for files in the root itself."""
        return file.relative_to(self.root).parts[0] if file.parent != Path(self.root) else ""

    def check(self) -> None:
        if not Path(self.root).is_dir():
            raise UserError(
                f"data.root={self.root}: there is no such folder; type data.root=… for the one with your images"
            )
        if next(self._files(), None) is None:
            raise UserError(
                f"data.root={self.root}: no JPEG, PNG or WebP file under it; type data.root=… for another folder"
            )

    def open(self) -> ImageSet:
        self.check()
        root = Path(self.root)
        files = sorted(self._files())
        images: list[np.ndarray] = []
        kept: list[Path] = []
        notes: list[str] = []
        with ThreadPoolExecutor() as pool:  # Pillow decodes and resizes outside the interpreter's lock
            decoded = zip(files, pool.map(self._try_decode, files), strict=True)
            for file, image in tqdm(decoded, "decoding", len(files), disable=None, unit=" images", leave=False):
                if isinstance(image, Exception):
                    notes.append(f"skipped {file}: {image}")
                else:
                    images.append(image)
                    kept.append(file)
        if notes:
            notes.append(
                f"{len(notes):,} of {len(files):,} image files under {root} could not be read and were skipped"
            )
        if not kept:
            raise UserError(f"data.root={self.root}: none of its {len(files)} image files can be read")
        classes = self._classes(files)  # of all files, so that unreadable ones do not renumber the classes
        number = {name: index for index, name in enumerate(classes)}
        labels = torch.tensor([number[self._class_of(file)] for file in kept]) if len(classes) > 1 else None
        tensor = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()
        image_set = ImageSet(tensor, labels, classes if labels is not None else (), tuple(notes))
        return limited(image_set, self.limit)

    def _files(self) -> Iterator[Path]:
        visited: set[str] = set()
        for folder, below, names in os.walk(self.root, followlinks=True):
            real = os.path.realpath(folder)
            if real in visited:  # a link back up, or a second one to the same place
                below.clear()
                continue
            visited.add(real)
            files = (Path(folder, name) for name in names if Path(name).suffix.lower() in SUFFIXES)
            yield from (file for file in files if file.is_file() or file.is_symlink())

    def _try_decode(self, file: Path) -> np.ndarray | Exception:
        try:
            return self._decode(file)
        except Exception as error:  # a damaged file can fail in any of the decoders' ways
            return error

    def _decode(self, file: Path) -> np.ndarray:
        """One image (H, W, C) uint8."""
        with Image.open(file) as opened:
            image = ImageOps.exif_transpose(opened)
            if image.mode in ("I", "I;16", "I;16B", "F"):  # 16 bits a pixel: keep the high ones
                image = Image.fromarray((np.asarray(image).astype(np.float32) / 257).clip(0, 255).astype(np.uint8))
            if image.has_transparency_data:
                image = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", image.size, self.background), image)
            image = image.convert("RGB" if self.color == "rgb" else "L")
            height, width = sides(self.size, (0, 0))
            fit = ImageOps.fit if self.crop == "center" else _stretch
            pixels = np.asarray(fit(image, (width, height), Image.Resampling.LANCZOS))
        return pixels if pixels.ndim == 3 else pixels[:, :, None]


def _stretch(image: Image.Image, size: tuple[int, int], method: Image.Resampling) -> Image.Image:
    return image.resize(size, method)
