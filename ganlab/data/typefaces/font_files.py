"""Font files: where they are, which faces they hold, and which characters each face has."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ganlab.data.fonts import OF_TEX, SUFFIXES
from ganlab.errors import UserError

PACKAGES = "packages"
"""The ``root`` that stands for the fonts that come with Python packages: matplotlib, and those of fontpkg."""


class Face(NamedTuple):
    """One font of a file, which may hold several: the path, and the number in the file."""

    file: str
    number: int = 0

    def __str__(self) -> str:
        return f"{self.file}, {self.number}" if self.number else self.file


class Facts(NamedTuple):
    """The facts of a face that its tables state: ``family``, ``name`` (family and style), and the ``characters`` that
    it maps to glyphs."""

    family: str
    name: str
    characters: frozenset[str]


def font_files(root: str | None) -> list[str]:
    """Returns the font files of the folder or file ``root``, sorted by name: without a root those of the machine and of
    packages, with ``packages`` the latter alone. Raises UserError if there are none."""
    if root not in (None, PACKAGES) and not os.path.exists(str(root)):
        raise UserError(
            f"data.root={root}: there is no such file or folder; type a folder of fonts, packages, or null for the "
            "machine's fonts too"
        )
    if root is None:
        from matplotlib import font_manager  # its import is slow, and only fonts need it

        every = {*font_manager.findSystemFonts(), *_of_packages()}
    elif root == PACKAGES:
        every = set(_of_packages())
    elif Path(root).is_dir():
        every = {str(file) for file in Path(root).rglob("*")}
    else:
        every = {root}
    found = [file for file in every if file.lower().endswith(SUFFIXES) and os.path.isfile(file)]
    if not found:
        raise UserError(
            f"data.root={root or 'null'}: there is no font ({' '.join(SUFFIXES)} are looked for); type data.root=… for "
            "a folder that has some"
        )
    return sorted(found, key=lambda file: (Path(file).name, file))


def _of_packages() -> list[str]:
    """Returns the font files of matplotlib, and those of installed packages ``fontpkg-NAME``."""
    import matplotlib

    files = [str(file) for file in Path(matplotlib.get_data_path(), "fonts").rglob("*")]
    try:
        import fontpkg
    except ImportError:
        return files
    families = fontpkg.families().values()
    return files + [str(file.path) for family in families for file in family.files]


def bundled(name: str) -> str:
    """Returns the path of a font file that comes with matplotlib."""
    import matplotlib

    return str(Path(matplotlib.get_data_path(), "fonts", "ttf", name))


def faces(files: Sequence[str]) -> list[Face]:
    """Returns all faces of the files, several of a collection, without reading more than each file's beginning."""
    return [Face(file, number) for file in files for number in range(_count(file))]


def _count(file: str) -> int:
    try:
        with open(file, "rb") as reading:
            start = reading.read(12)
    except OSError:  # is reported when the face is read
        return 1
    return min(int.from_bytes(start[8:12], "big"), 256) if start[:4] == b"ttcf" else 1


@lru_cache(maxsize=1024)
def facts(face: Face) -> Facts:
    """Returns the facts of a face. Raises an error of any type if the file is damaged."""
    from fontTools.ttLib import TTFont

    with TTFont(face.file, fontNumber=face.number, lazy=True) as font:
        names = font["name"]
        family = names.getDebugName(16) or names.getDebugName(1) or Path(face.file).stem
        style = names.getDebugName(17) or names.getDebugName(2) or ""
        mapped = {chr(code) for code in font.getBestCmap() or ()}
    known = OF_TEX.get(Path(face.file).name)  # TeX's fonts have other glyphs in place of some characters
    characters = mapped if known is None else mapped & set(known)
    return Facts(family, f"{family} {style}".strip(), frozenset(characters))


@lru_cache(maxsize=1024)
def hash_of(file: str) -> str:
    """Returns the SHA-256 of a file."""
    with open(file, "rb") as reading:
        return hashlib.file_digest(reading, "sha256").hexdigest()
