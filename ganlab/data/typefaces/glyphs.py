"""All glyphs of some fonts, drawn once: the images from which ``glyph_pairs`` makes its pairs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from PIL import features

from ganlab.data.source import LabelSet, Listing, sides
from ganlab.data.stored import Stored
from ganlab.data.typefaces import glyph_drawing
from ganlab.data.typefaces.font_files import Face, faces, facts, font_files
from ganlab.data.typefaces.font_list import files_of_list, named_list
from ganlab.data.typefaces.glyph_drawing import different, draw, look, size_in, usable
from ganlab.errors import UserError, in_one_line
from ganlab.progress import progress
from ganlab.table import PositiveInt


class Glyph(NamedTuple):
    """A character in a face, and its size in pixels per em."""

    face: Face
    size: float
    character: str

    def __str__(self) -> str:
        return f"{self.character} in {self.face}"


@dataclass(frozen=True)
class Glyphs(Stored):
    """One image of each character in each font. Font 0 is that of the content, and characters that it lacks are left
    out; the labels are the characters, and ``label_sets`` has the ``font`` and the ``family`` of each glyph.

    ``fonts`` is a list of files (``font_list``) in place of those of ``root``. At most ``per_family`` faces of a family
    are used, evenly spaced in the order of their files. A font that has fewer than half of the characters is left out,
    and so are copies of fonts.
    """

    paths: ClassVar[frozenset[str]] = frozenset({"root", "fonts", "content"})
    maybe_paths: ClassVar[frozenset[str]] = frozenset({"root", "fonts"})

    root: str | None = None
    fonts: str | None = None
    content: str = ""
    characters: tuple[str, ...] = ()
    ink: Literal["black", "white"] = "black"
    margin: float = 0.1
    per_family: PositiveInt | None = None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return (1, *sides(self.size, (0, 0)))

    @property
    def label(self) -> str:
        _, height, width = self.image_shape
        return f"glyphs-{len(self.characters)}-{height}x{width}"

    def files(self) -> list[str]:
        """Returns the font files, without that of the content."""
        if self.fonts is not None:
            return files_of_list(named_list(self.fonts))
        return [file for file in font_files(self.root) if not _same(file, self.content)]

    def stamp(self) -> str:
        # Another release of FreeType may draw glyphs in another way.
        version = f"{glyph_drawing.DRAWING} {features.version('freetype2')}"
        digest = hashlib.blake2b(version.encode(), digest_size=16)
        for file in (self.content, *self.files()):
            state = os.stat(file)
            digest.update(f"{file}\0{state.st_size}\0{state.st_mtime_ns}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()

    def listing(self) -> Listing:
        content = Face(self.content)
        try:
            known = usable(content, self.characters)
            items = self._glyphs(content, known)
        except Exception as error:  # damaged fonts raise errors of many types
            raise UserError(
                f"data.content={self.content}: the font cannot be read ({in_one_line(error)}); type another file"
            ) from error
        if not known:
            raise UserError(f"data.content={self.content}: it has none of the characters; type a font that has them")
        left_out: dict[str, list[str]] = {}
        if lacking := [one for one in self.characters if one not in known]:
            left_out["characters that the content's font lacks"] = [f"{one}: not in {content}" for one in lacking]
        found = self._fonts(known, left_out)
        for glyphs in found.values():
            items += glyphs
        return self._listed(items, [content, *found], left_out)

    def pixels(self, item: Glyph) -> np.ndarray:
        _, height, width = self.image_shape
        image = draw(item.face, item.size, item.character, (height, width), self.margin)[:, :, None]
        return 255 - image if self.ink == "black" else image

    # ------------------------------------------------------------------------------------------------------- the fonts

    def _fonts(self, characters: Sequence[str], left_out: dict[str, list[str]]) -> dict[Face, list[Glyph]]:
        """Returns the glyphs of all fonts that differ from each other; adds those that are left out, by reason."""
        every = faces(self.files())
        found: dict[Face, list[Glyph]] = {}
        families: dict[str, list[Face]] = {}
        first: dict[bytes, Face] = {}
        with progress(f"Drawing the characters of {len(every):,} fonts", len(every)) as advance:
            for face in every:
                advance(1)
                try:
                    has = usable(face, characters)
                    reason = self._reason(face, has, characters)
                    looks = look(face, has)
                    glyphs = self._glyphs(face, has) if not reason else []
                except Exception as error:  # damaged fonts raise errors of many types
                    left_out.setdefault("unreadable fonts", []).append(f"{face}: {in_one_line(error)}")
                    continue
                if not reason and (original := first.setdefault(looks, face)) != face:
                    reason = "copies of other fonts", f"it looks like {original}"
                if reason:
                    left_out.setdefault(reason[0], []).append(f"{face}: {reason[1]}")
                    continue
                found[face] = glyphs
                families.setdefault(facts(face).family, []).append(face)
                if lacking := [one for one in characters if one not in has]:
                    detail = f"{face}: no {' '.join(lacking[:20])}{' …' if len(lacking) > 20 else ''}"
                    left_out.setdefault("fonts without some of the characters", []).append(detail)
        kept = {face for members in families.values() for face in self._of_family(members, left_out)}
        return {face: glyphs for face, glyphs in found.items() if face in kept}

    def _reason(self, face: Face, has: Sequence[str], characters: Sequence[str]) -> tuple[str, str] | None:
        """Returns why a font is left out, in general and in particular, or None."""
        if 2 * len(has) < len(characters):
            return "fonts with fewer than half of the characters", f"it has {len(has)} of {len(characters)}"
        if not different(face, has):
            return "fonts whose characters look alike", "most of its characters look the same"
        return None

    def _of_family(self, members: list[Face], left_out: dict[str, list[str]]) -> list[Face]:
        if self.per_family is None or len(members) <= self.per_family:
            return members
        places = np.linspace(0, len(members) - 1, self.per_family).round().astype(int)
        kept = [members[place] for place in places]
        more = [f"{face}: data.per_family={self.per_family}" for face in members if face not in kept]
        left_out.setdefault("more fonts of a family than data.per_family", []).extend(more)
        return kept

    def _glyphs(self, face: Face, characters: Sequence[str]) -> list[Glyph]:
        _, height, width = self.image_shape
        size = size_in(face, characters, (height, width), self.margin) if characters else 0.0
        return [Glyph(face, size, one) for one in characters]

    def _listed(self, items: list[Glyph], fonts: list[Face], left_out: dict[str, list[str]]) -> Listing:
        if len(fonts) < 2:
            reasons = [line for lines in left_out.values() for line in lines]
            raise UserError(
                f"data.root={self.root or 'null'}: there is no font besides the content's that can be used"
                f"{f' ({reasons[0]})' if reasons else ''}; type data.root=… for a folder of fonts"
            )
        number = {face: place for place, face in enumerate(fonts)}
        family_of = [facts(face).family for face in fonts]
        families = tuple(dict.fromkeys(family_of))
        font = np.array([number[one.face] for one in items])
        characters = tuple(one.character for one in items if one.face == fonts[0])
        place_of = {one: place for place, one in enumerate(characters)}
        names = _distinct([facts(face).name for face in fonts], [Path(face.file).name for face in fonts])
        summary = ", ".join(f"{len(lines):,} {reason}" for reason, lines in left_out.items())
        notes = [f"{len(fonts) - 1:,} fonts of {len(families):,} families"]
        notes += [f"left out: {summary}"] if summary else []
        return Listing(
            items,
            np.array([place_of[one.character] for one in items]),
            characters,
            tuple(notes),
            tuple(line for lines in left_out.values() for line in lines),
            in_memory=True,  # a glyph is drawn faster than other processes could open its font
            label_sets={
                "font": LabelSet(font, names),
                "family": LabelSet(np.array([families.index(family_of[one]) for one in font]), families),
            },
        )


def _same(file: str, other: str) -> bool:
    return os.path.realpath(file) == os.path.realpath(other)


def _distinct(names: Sequence[str], files: Sequence[str]) -> tuple[str, ...]:
    """Returns the names, with the file's where a name occurs more than once, and its number where both do."""
    shown: list[str] = []
    for name, file in zip(names, files, strict=True):
        one = name if names.count(name) == 1 else f"{name} ({file})"
        again = sum(other == one or other.startswith(f"{one}, ") for other in shown)
        shown.append(f"{one}, {again + 1}" if again else one)
    return tuple(shown)
