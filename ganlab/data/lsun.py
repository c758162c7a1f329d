"""LSUN's databases of photographs. Yu et al. 2015.

torchvision reads them too, but with a pickle beside the data, which could run any program.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar, Literal

import numpy as np

from ganlab.data.reading import pixels
from ganlab.data.source import Listing, sides
from ganlab.data.stored import Stored
from ganlab.errors import UserError, in_one_line, nearest
from ganlab.progress import progress
from ganlab.table import PositiveInt

ENDING = "_lmdb"


@dataclass(frozen=True)
class LSUN(Stored):
    """The photographs of one ``category`` (bedroom, church_outdoor, …; 256 pixels on the shorter side), read from the
    folder ``<category>_<split>_lmdb`` under ``root`` as LSUN's own download gives it, unzipped. Needs the package lmdb.
    """

    paths: ClassVar[frozenset[str]] = frozenset({"root"})

    root: str = "data"
    category: str = "bedroom"
    split: Literal["train", "val"] = "train"
    size: PositiveInt | tuple[PositiveInt, PositiveInt] = 64
    crop: pixels.Crop = "center"
    flip: bool = False

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return (3, *sides(self.size, (0, 0)))

    @property
    def label(self) -> str:
        _, height, width = self.image_shape
        return f"lsun-{self.category}-{self.split}-{height}x{width}"

    @property
    def folder(self) -> str:
        """The database's folder, which contains ``data.mdb``."""
        return os.path.join(os.path.expanduser(self.root), f"{self.category}_{self.split}{ENDING}")

    def check(self) -> None:
        if find_spec("lmdb") is None:
            raise UserError("data=lsun: its databases need the package lmdb; type pip install lmdb")
        if not os.path.isfile(os.path.join(self.folder, "data.mdb")):
            root, wanted = os.path.split(self.folder)
            there = sorted(os.listdir(root)) if os.path.isdir(root) else []
            parts = [name.removesuffix(ENDING) for name in there if name.endswith(ENDING)]
            guess = nearest(f"{self.category}_{self.split}", parts)
            category, _, split = (guess or "").rpartition("_")
            hint = (
                f"did you mean data.category={category} data.split={split}?"
                if guess
                else "type data.root=… for where it is"
            )
            raise UserError(f"data.root={self.root}: there is no {wanted}{os.sep}data.mdb in it; {hint}")

    def stamp(self) -> str:
        self.check()
        facts = os.stat(os.path.join(self.folder, "data.mdb"))
        return f"{facts.st_size} {facts.st_mtime_ns}"

    def _database(self) -> Any:
        """Returns the opened database. Each reading opens it, which takes 0.1 ms: LMDB refuses to open a database
        twice in a process."""
        import lmdb

        return lmdb.open(self.folder, readonly=True, lock=False, readahead=False, meminit=False)

    def listing(self) -> Listing:
        self.check()
        keys: list[bytes] = []
        try:
            with self._database() as database, database.begin() as reading:
                entries = reading.stat()["entries"]
                with progress(f"Listing the {entries:,} images of {self.folder}", entries) as advance:
                    for key in reading.cursor().iternext(values=False):
                        keys.append(key)
                        advance(1)
        except Exception as error:  # lmdb.Error; the package is optional
            raise UserError(
                f"data.root={self.root}: {os.path.basename(self.folder)} is not a whole LMDB database "
                f"({in_one_line(error)}); unzip it again, or type data.root=… for another"
            ) from error
        return Listing(keys)

    def pixels(self, item: bytes) -> np.ndarray:
        with self._database() as database, database.begin() as reading:
            packed = reading.get(item)
        return pixels.read(io.BytesIO(packed), self.image_shape, self.crop, "white")

    def name_of(self, item: bytes) -> str:
        return item.decode(errors="replace")
