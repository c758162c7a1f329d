from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np

from ganlab import random_streams
from ganlab.data.decoded.prepare import open_or_make
from ganlab.data.source import Drawn, HeldOut, ImageSet, LabelSet, Source, sides, some
from ganlab.data.typefaces.character_sets import characters_of
from ganlab.data.typefaces.font_files import bundled, faces
from ganlab.data.typefaces.font_list import named_list
from ganlab.data.typefaces.glyphs import Glyphs
from ganlab.errors import UserError
from ganlab.table import PositiveInt, Range

PLAIN = "DejaVuSans.ttf"  # the content's font, which comes with matplotlib
SHARE = 0.15  # of the families and of the characters that are held out where nothing is typed


@dataclass(frozen=True)
class GlyphPairs(Source):
    """Glyphs of many fonts, each with the same character in a plain font (``content``) and another character of its own
    font (``style``), for ``condition=content_style``. Jiang et al. 2018.

    The fonts are those in the file or folder ``root``; without one, those of the machine and of packages (matplotlib,
    fontpkg); ``packages`` are the latter alone. ``fonts`` is a list with hashes and a split instead (``latin_v1``).
    ``content`` is a font file, by default DejaVu Sans, which comes with matplotlib. Glyphs that a font lacks are found
    by its table of characters and by their look, and are left out. The style image is drawn anew each time among the
    seen characters of the font. ``limit`` is the number of glyphs to train with, chosen at random, the same in every
    run.

    Whole families and whole characters are held out of training, a number or a share of them: ``unseen_fonts`` counts
    fonts, and all fonts of a family are held out together; auto is the split of ``fonts``, or 0.15. The parts of the
    set are the three quarters that are not trained on: ``unseen_fonts_seen_characters``,
    ``seen_fonts_unseen_characters`` and ``unseen_fonts_unseen_characters``; the fourth are the training images.
    """

    root: str | None = None
    fonts: str | None = None
    content: str | None = None
    characters: str | tuple[str, ...] = "latin"
    size: PositiveInt | tuple[PositiveInt, PositiveInt] = 64
    ink: Literal["black", "white"] = "black"
    margin: Annotated[float, Range(least=0, below=0.5)] = 0.1
    per_family: PositiveInt | None = 4
    limit: PositiveInt | None = None
    unseen_fonts: Literal["auto"] | HeldOut = "auto"
    unseen_characters: Literal["auto"] | HeldOut = "auto"

    counts: ClassVar[Mapping[str, int] | None] = None
    """The numbers of classes of the opened images; None before they are opened."""

    # --------------------------------------------------------------------------------------------- what a source says

    def check(self) -> None:
        if self.fonts is not None and self.root is not None:
            raise UserError(
                f"data.fonts={self.fonts} with data.root={self.root}: a list names its fonts by their hashes; type "
                "data.root=null"
            )
        if self.content is not None and not os.path.isfile(os.path.expanduser(self.content)):
            raise UserError(f"data.content={self.content}: there is no such font file; type null for DejaVu Sans")
        self.glyphs.files()  # raises UserError if there are none, or if one of a list is missing

    @cached_property
    def glyphs(self) -> Glyphs:
        """The source of all glyphs."""
        root = os.path.expanduser(self.root) if self.root else None
        content = os.path.expanduser(self.content) if self.content else bundled(PLAIN)
        characters = characters_of(self.characters)
        return Glyphs(
            size=self.size, root=root, fonts=self.fonts, content=content, characters=characters, ink=self.ink,
            margin=self.margin, per_family=self.per_family,
        )  # fmt: skip

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return (1, *sides(self.size, (0, 0)))

    @property
    def aligned_shapes(self) -> Mapping[str, tuple[int, int, int]]:
        return {"content": self.image_shape, "style": self.image_shape}

    @property
    def class_count(self) -> int:
        return self.label_sets["character"]

    @property
    def label_sets(self) -> Mapping[str, int]:
        if self.counts is not None:
            return self.counts
        # At most as many as there are faces and characters.
        return {"font": len(faces(self.glyphs.files())), "character": len(self.glyphs.characters)}

    @property
    def shared_labels(self) -> Mapping[str, str]:
        return {"content": "character", "style": "font"}

    def settle(self, image_set: ImageSet) -> None:
        counts = {name: len(one.names) for name, one in image_set.label_sets.items()}
        object.__setattr__(self, "counts", counts)

    # -------------------------------------------------------------------------------------------------------- the pairs

    def open(self, cache: Path | None = None) -> ImageSet:
        self.check()
        found = open_or_make(self.glyphs, cache)
        assert found.labels is not None
        font, character = found.label_sets["font"].labels, found.labels
        unseen_font, unseen_character = self._unseen(found)
        rows = found.rows[font[found.rows] > 0]  # those of the content's font are no results
        style = _others(found.images, font, rows, ~unseen_character[character])
        rows = rows[style.count[rows] > (style.own[rows] >= 0)]
        trained = ~unseen_font[font[rows]] & ~unseen_character[character[rows]]
        if not trained.any():
            raise UserError(
                "data.unseen_fonts, data.unseen_characters: no font and character is left to train with; type smaller "
                "numbers, or data.root=… for a folder with more fonts"
            )
        parts = {
            name: rows[(unseen_font[font[rows]] == fonts) & (unseen_character[character[rows]] == characters)]
            for name, fonts, characters in (
                ("unseen_fonts_seen_characters", True, False),
                ("seen_fonts_unseen_characters", False, True),
                ("unseen_fonts_unseen_characters", True, True),
            )
        }
        plain = np.zeros(len(found.classes), np.int64)
        plain[character[font == 0]] = np.flatnonzero(font == 0)
        settled = replace(
            found,
            rows=self._limited(rows[trained]),
            held_out=rows[~trained],
            aligned={"content": Drawn.one_each(found.images, plain[character]), "style": style},
            label_sets={
                "font": LabelSet(np.maximum(font - 1, 0), found.label_sets["font"].names[1:]),
                "character": LabelSet(character, found.classes),
            },
            parts={name: part for name, part in parts.items() if len(part)},
            notes=(*found.notes, _counts(font[rows], unseen_font, unseen_character)),
            fingerprint=f"{found.fingerprint}-{unseen_font.sum()}-{unseen_character.sum()}",
        )
        self.settle(settled)
        return settled

    def _limited(self, rows: np.ndarray) -> np.ndarray:
        if self.limit is None:
            return rows
        if self.limit > len(rows):
            raise UserError(
                f"data.limit={self.limit}: there are {len(rows):,} glyphs to train with; type a smaller number or null"
            )
        return some(rows, self.limit, "limit")

    def _unseen(self, found: ImageSet) -> tuple[np.ndarray, np.ndarray]:
        """Returns which fonts and which characters are held out, (fonts,) and (characters,) of bool."""
        fonts = found.label_sets["font"]
        family_of = np.zeros(len(fonts.names), np.int64)
        family_of[fonts.labels] = found.label_sets["family"].labels
        unseen_fonts = np.zeros(len(fonts.names), bool)
        unseen_characters = np.zeros(len(found.classes), bool)
        listed = named_list(self.fonts) if self.fonts is not None else None
        if listed is not None and self.unseen_fonts == "auto":
            split = [bool(one["unseen"]) for one in listed.fonts.values()]
            if len(split) != len(unseen_fonts) - 1:
                raise UserError(
                    f"data.fonts={self.fonts}: {len(unseen_fonts) - 1} of its {len(split)} fonts can be used with "
                    "these characters, so that its split does not fit; type data.per_family=null, and "
                    "data.characters=latin or data.unseen_fonts=0.15"
                )
            unseen_fonts[1:] = split
        else:
            unseen_fonts[1:] = _whole_families(family_of[1:], _number(self.unseen_fonts, len(family_of) - 1))
        if listed is not None and self.unseen_characters == "auto":
            unseen_characters[:] = np.isin(found.classes, listed.unseen_characters)
        else:
            every = np.arange(len(found.classes))
            chosen = some(every, _number(self.unseen_characters, len(every)), "unseen_characters")
            unseen_characters[chosen] = True
        return unseen_fonts, unseen_characters


def _number(wanted: str | int | float, count: int) -> int:
    share = SHARE if wanted == "auto" else float(wanted)
    return max(1, round(share * count)) if 0 < share < 1 else int(share)


def _others(images: np.ndarray, font: np.ndarray, rows: np.ndarray, seen: np.ndarray) -> Drawn:
    """Returns for each glyph (N,) the other ones of ``rows`` of its font whose character is ``seen`` (N,)."""
    members = rows[seen[rows]]
    members = members[np.argsort(font[members], kind="stable")]
    count = np.bincount(font[members], minlength=font.max() + 1)
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    own = np.full(len(font), -1)
    own[members] = np.arange(len(members)) - first[font[members]]
    return Drawn(images, members, first[font], count[font], own)


def _whole_families(family_of: np.ndarray, wanted: int) -> np.ndarray:
    """Returns which of the fonts, of these families (fonts,), are held out: about ``wanted`` of them, all fonts of a
    family together, chosen at random, the same in every run."""
    unseen = np.zeros(len(family_of), bool)
    families, sizes = np.unique(family_of, return_counts=True)
    order = np.random.default_rng(random_streams.derive(0, "data/unseen_fonts")).permutation(len(families))
    for place in order:
        if unseen.sum() + sizes[place] <= wanted:
            unseen[family_of == families[place]] = True
    if wanted and not unseen.any():  # every family has more fonts than that
        unseen[family_of == families[np.argmin(sizes)]] = True
    return unseen


def _counts(font: np.ndarray, unseen_font: np.ndarray, unseen_character: np.ndarray) -> str:
    fonts = np.unique(font)
    held = int(unseen_font[fonts].sum())
    return (
        f"held out of training: {held} of {len(fonts)} fonts, {int(unseen_character.sum())} of "
        f"{len(unseen_character)} characters"
    )
