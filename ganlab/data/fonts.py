"""Letters drawn with the fonts of the machine: images with classes, without a download."""

from __future__ import annotations

import hashlib
import math
import os
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, ClassVar, Literal, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont, features

from ganlab.data.source import Listing, sides
from ganlab.data.stored import Stored
from ganlab.errors import UserError, in_one_line
from ganlab.progress import progress
from ganlab.table import PositiveInt, Range

DRAWING = 1  # version of the code that draws glyphs
SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")
NOBODYS = "\U0010ffff"  # not a character: a font draws for it what it draws for characters that it lacks
LOOKED_AT = 64  # pixels per em at which glyphs are measured and compared
LARGEST = 4096  # pixels of a side; only glyphs of damaged fonts are larger
# The characters of TeX's fonts, which come with matplotlib; in place of others they have arrows and the like.
OF_TEX = {"cmex10.ttf": "", "cmsy10.ttf": string.ascii_uppercase} | dict.fromkeys(
    ("cmb10.ttf", "cmmi10.ttf", "cmr10.ttf", "cmss10.ttf", "cmti10.ttf", "cmtt10.ttf"),
    string.ascii_letters + string.digits,
)


@dataclass(frozen=True)
class Fonts(Stored):
    """One image of each character in each font, antialiased, grey, in the middle; each character is a class.

    The fonts are those in the file or folder ``root``; without one, those of the system and those that come with
    matplotlib. In each font all characters have one scale, at which the largest fills the image but for ``margin``, a
    share of the side on each side. Characters that a font lacks are not drawn. Fonts in which most characters look the
    same (such as empty boxes) are left out, and so are copies of fonts.
    """

    paths: ClassVar[frozenset[str]] = frozenset({"root"})

    root: str | None = None
    characters: str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    size: PositiveInt | tuple[PositiveInt, PositiveInt] = 32
    ink: Literal["white", "black"] = "white"
    margin: Annotated[float, Range(least=0, below=0.5)] = 0.1

    # --------------------------------------------------------------------------------------------- what a source says

    def check(self) -> None:
        if not self.characters:
            raise UserError("data.characters: none are named; type data.characters=ABC for three classes")
        if twice := [character for character, count in Counter(self.characters).items() if count > 1]:
            raise UserError(f"data.characters={self.characters}: {twice[0]} occurs twice; type each character once")
        if blank := [character for character in self.characters if character.isspace() or not character.isprintable()]:
            raise UserError(f"data.characters={self.characters!r}: {blank[0]!r} is invisible; leave it out")
        if self.root is not None and not os.path.exists(self.root):
            raise UserError(f"data.root={self.root}: there is no such file or folder; type null for the system's fonts")

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return (1, *sides(self.size, (0, 0)))

    @property
    def all_classes(self) -> int:
        self.check()
        return len(self.characters) if len(self.characters) > 1 else 0

    @property
    def label(self) -> str:
        _, height, width = self.image_shape
        return f"fonts-{Path(self.root).resolve().stem if self.root else ''}-{height}x{width}".replace("--", "-")

    def stamp(self) -> str:
        # Another release of FreeType may draw glyphs in another way.
        digest = hashlib.blake2b(f"{DRAWING} {features.version('freetype2')}".encode(), digest_size=16)
        for file in self._files():
            facts = os.stat(file)
            digest.update(f"{file}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()

    def listing(self) -> Listing:
        files = self._files()
        if not files:
            raise UserError(
                f"data.root={self.root or 'null'}: there is no font ({' '.join(SUFFIXES)} are looked for); "
                "type data.root=… for a folder that has some"
            )
        glyphs, left_out = self._different(files)
        details = tuple(line for lines in left_out.values() for line in lines)
        if not glyphs:
            raise UserError(
                f"data.characters={self.characters}: none of {len(files):,} font files has any of them "
                f"({details[0]}); type data.root=… for fonts that do"
            )
        labels = np.array([self.characters.index(glyph.character) for glyph in glyphs])
        kinds = [f"{len(lines):,} {reason}" for reason, lines in left_out.items()]
        notes = (f"of the fonts in {len(files):,} files: {', '.join(kinds)}",) if kinds else ()
        several = len(self.characters) > 1
        # A glyph is drawn faster than other processes could open its font.
        return Listing(
            glyphs, labels if several else None, tuple(self.characters) if several else (), notes, details, True
        )

    def pixels(self, item: Glyph) -> np.ndarray:
        _, height, width = self.image_shape
        drawn = _drawn(_font(item.file, item.face, item.size), item.character)
        image = np.zeros((height, width, 1), np.uint8)
        top, left = (height - drawn.shape[0]) // 2, (width - drawn.shape[1]) // 2
        image[top : top + drawn.shape[0], left : left + drawn.shape[1], 0] = drawn
        return image if self.ink == "white" else 255 - image

    # ------------------------------------------------------------------------------------------------------- the fonts

    def _files(self) -> list[str]:
        """Returns the font files, sorted by name."""
        self.check()
        if self.root is None:
            import matplotlib  # its import is slow, and only this source needs it
            from matplotlib import font_manager

            bundled = [str(file) for file in Path(matplotlib.get_data_path(), "fonts").rglob("*")]
            every = {*font_manager.findSystemFonts(), *bundled}
        elif Path(self.root).is_dir():
            every = {str(file) for file in Path(self.root).rglob("*")}
        else:
            every = {self.root}
        found = [file for file in every if file.lower().endswith(SUFFIXES) and os.path.isfile(file)]
        return sorted(found, key=lambda file: (Path(file).name, file))

    def _different(self, files: Sequence[str]) -> tuple[list[Glyph], dict[str, list[str]]]:
        """Returns the glyphs of all fonts that differ from each other, and the fonts that were left out, by reason."""
        glyphs: list[Glyph] = []
        left_out: dict[str, list[str]] = {}
        first: dict[str, str] = {}
        faces = [(file, face) for file in files for face in range(_faces(file))]
        with progress(f"Drawing the characters of {len(faces):,} fonts", len(faces)) as advance:
            for file, face in faces:
                advance(1)
                name = f"{file}, {face}" if face else file
                try:
                    found = self._glyphs(file, face)
                    look = hashlib.blake2b(b"".join(self.pixels(glyph).tobytes() for glyph in found)).hexdigest()
                except Exception as error:  # FreeType raises errors of many types at damaged files
                    left_out.setdefault("unreadable", []).append(f"{name}: {in_one_line(error)}")
                    continue
                has = "".join(glyph.character for glyph in found)
                if not found:
                    left_out.setdefault("without any of the characters", []).append(f"{name}: none of the characters")
                elif (original := first.setdefault(has + look, name)) != name:
                    left_out.setdefault("like another", []).append(f"{name}: looks like {original}")
                    continue
                elif lacking := [character for character in self.characters if character not in has]:
                    left_out.setdefault("without some of them", []).append(f"{name}: no {' '.join(lacking)}")
                glyphs += found
        return glyphs, left_out

    def _glyphs(self, file: str, face: int) -> list[Glyph]:
        """Returns the glyphs that a font has of the characters. Raises OSError, ValueError or others."""
        font = _font(file, face, LOOKED_AT)
        nothing = (b"", _drawn(font, NOBODYS).tobytes())
        known = [character for character in self.characters if character in OF_TEX.get(Path(file).name, character)]
        drawn = {character: _drawn(font, character).tobytes() for character in known}
        drawn = {character: glyph for character, glyph in drawn.items() if glyph not in nothing}
        different = len(set(drawn.values()))
        if not drawn or (len(drawn) > 1 and (different == 1 or 2 * different < len(drawn))):
            return []  # in small capitals half of the letters look alike; more never do
        size = self._size(file, face, list(drawn))
        return [Glyph(file, face, size, character) for character in drawn]

    def _size(self, file: str, face: int, characters: Sequence[str]) -> float:
        """Returns the size in pixels per em at which the largest of the characters fits into the image."""
        _, height, width = self.image_shape
        room = [side * (1 - 2 * self.margin) for side in (height, width)]
        size = float(LOOKED_AT)
        for _ in range(20):  # rounding and hinting change the size of a glyph a little
            shapes = [_drawn(_font(file, face, size), character).shape for character in characters]
            scale = min(side / max(shape[axis] for shape in shapes) for axis, side in enumerate(room))
            if scale >= 1 and size != LOOKED_AT:
                return size
            size *= scale if size == LOOKED_AT else min(scale, 0.99)
        raise ValueError(f"its characters fit into {width}×{height} pixels at no size")


class Glyph(NamedTuple):
    """A character in a font, and its size in pixels per em."""

    file: str
    face: int
    size: float
    character: str

    def __str__(self) -> str:
        return f"{self.character} in {self.file}"


@lru_cache(maxsize=8)
def _font(file: str, face: int, size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(file, size, face, layout_engine=ImageFont.Layout.BASIC)


def _drawn(font: ImageFont.FreeTypeFont, character: str) -> np.ndarray:
    """Returns the pixels of a character (H, W) uint8, without margins. Raises ValueError if it is too large."""
    left, top, right, bottom = font.getbbox(character)
    width, height = math.ceil(right - left) + 2, math.ceil(bottom - top) + 2
    if max(width, height) > LARGEST:
        raise ValueError(f"a glyph of {width:,}×{height:,} pixels")
    paper = Image.new("L", (width, height))
    ImageDraw.Draw(paper).text((1 - left, 1 - top), character, 255, font)
    return np.asarray(paper.crop(paper.getbbox() or (0, 0, 0, 0)))


def _faces(file: str) -> int:
    """Returns the number of fonts in a file: several in a collection."""
    try:
        with open(file, "rb") as reading:
            start = reading.read(12)
    except OSError:  # is reported when its first glyph is drawn
        return 1
    return min(int.from_bytes(start[8:12], "big"), 256) if start[:4] == b"ttcf" else 1
