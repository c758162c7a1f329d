"""Small image files to read."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ganlab.data import ImageSet
from ganlab.data.stored import Listing, Stored

RED = Image.new("RGB", (40, 30), (255, 0, 0))


def save(path: Path, image: Image.Image = RED, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


def every_kind(root: Path) -> Path:
    """One of each kind that people have in their folders, all of them red where they have a colour."""
    save(root / "a" / "plain.jpg", quality=95)
    save(root / "a" / "deep" / "er" / "palette.png", RED.quantize(4))
    save(root / "a" / "grey.png", Image.new("L", (40, 30), 76))
    save(root / "a" / "animated.gif", RED.quantize(4), save_all=True, append_images=[Image.new("P", (40, 30))])
    save(root / "b" / "alpha.png", Image.new("RGBA", (40, 30), (255, 0, 0, 0)))
    save(root / "b" / "sixteen.png", Image.fromarray(np.full((30, 40), 65535, np.uint16)))
    save(root / "b" / "web.WEBP", format="WEBP", lossless=True)
    save(root / "b" / "cmyk.jpeg", RED.convert("CMYK"))
    save(root / "b" / "in truth a jpeg.png", format="JPEG", quality=95)
    (root / "b" / "notes.txt").write_text("not an image")
    (root / "b" / ".hidden.png").write_text("a shadow that some systems leave")
    return root


def zipped(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w") as writing:
        for file in sorted(folder.rglob("*")):
            writing.write(file, file.relative_to(folder))
    return archive


def brightness(images: np.ndarray) -> list[int]:
    return [round(value) for value in images.mean((1, 2, 3)).tolist()]


@dataclass(frozen=True)
class Numbers(Stored):
    """Image i has brightness i and class i mod 3; those in ``broken`` cannot be read."""

    count: int = 10
    version: str = "1"
    broken: tuple[int, ...] = ()
    all_classes: int = field(default=3, init=False)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return (1, 2, 2)

    def stamp(self) -> str:
        return self.version

    def listing(self) -> Listing:
        return Listing(range(self.count), np.arange(self.count) % 3, ("zero", "one", "two"))

    def pixels(self, item: int) -> np.ndarray:
        if item in self.broken:
            raise OSError(f"number {item} is broken")
        return np.full((2, 2, 1), item, np.uint8)


def without_stamp(names: Sequence[str]) -> list[str]:
    return [name.rpartition("-")[0] for name in names]


def numbers(opened: ImageSet, rows: np.ndarray | None = None) -> list[int]:
    """Which of ``Numbers`` are in the rows, those that are trained on where not told otherwise."""
    return opened.images[opened.rows if rows is None else rows][:, 0, 0, 0].tolist()


def kept(folder: Path) -> list[str]:
    """The names of what a cache folder holds."""
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))
