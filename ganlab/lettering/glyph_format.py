"""The form in which a run saw its glyphs: their size, their margins, and the font of the content images."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from ganlab.data.glyph_pairs import PLAIN
from ganlab.data.source import sides
from ganlab.data.typefaces.character_sets import characters_of
from ganlab.data.typefaces.font_files import Face, bundled, facts
from ganlab.data.typefaces.glyph_drawing import advances, baseline, draw, ink_box, size_in, usable
from ganlab.errors import UserError, in_one_line


class Bearings(NamedTuple):
    """The space of a glyph in pixels: from its origin to its ink (``left``), the ``ink`` itself, and from the ink to
    the origin of the next glyph (``right``). All of the space is ``left`` for a character without ink."""

    left: float
    ink: float
    right: float

    @property
    def advance(self) -> float:
        return self.left + self.ink + self.right


@dataclass(frozen=True)
class GlyphFormat:
    """The facts about the glyph images of a run: ``shape`` (height, width) in pixels, the colour of the ``ink``, the
    ``margin`` as a share of a side, the file of the ``content`` font, and the ``characters`` of the training set."""

    shape: tuple[int, int]
    ink: Literal["black", "white"]
    margin: float
    content: str
    characters: tuple[str, ...]

    @classmethod
    def of(cls, data: Mapping[str, Any], content: str | None = None) -> GlyphFormat:
        """Returns the format of a run with the plain settings ``data``; ``content`` replaces the font of the content
        images. Raises UserError if the run was not trained on glyphs, or if the font is not there."""
        if data.get("name") != "glyph_pairs":
            raise UserError(
                f"run: it was trained on data={data.get('name')}, and text is drawn by a run on glyphs; train one with "
                "experiment=wnet_latin"
            )
        file = os.path.expanduser(content or data["content"] or bundled(PLAIN))
        if not os.path.isfile(file):
            raise UserError(f"content={file}: there is no such font file; type content=… for the font of the run")
        found = data["characters"]
        characters = characters_of(found if isinstance(found, str) else tuple(map(str, found)))
        size = data["size"] if isinstance(data["size"], int) else tuple(data["size"])
        return cls(sides(size, (0, 0)), data["ink"], data["margin"], file, characters)

    @cached_property
    def size(self) -> float:
        """The size of the content font in pixels per em, as in training."""
        return self.size_of(self.face)

    @cached_property
    def face(self) -> Face:
        """The content font."""
        return Face(self.content)

    @property
    def baseline(self) -> int:
        """The row below which descenders lie."""
        return baseline(self.shape[0], self.margin)

    def size_of(self, face: Face) -> float:
        """Returns the size in pixels per em at which all training characters of a font fit into an image. Raises
        UserError if the font cannot be read or has none of them."""
        try:
            known = usable(face, self.characters)
            if known:
                return size_in(face, known, self.shape, self.margin)
        except Exception as error:  # damaged fonts raise errors of many types
            raise UserError(f"{face}: the font cannot be read ({in_one_line(error)}); type another file") from error
        raise UserError(f"{face}: the font has none of the characters of the run; type another file")

    def draw(self, face: Face, characters: Sequence[str]) -> np.ndarray:
        """Returns the glyphs (N, 1, H, W) float32 in [-1, 1] as the run saw them. Raises UserError that names the
        characters that the font lacks."""
        size, known = self.size_of(face), set(usable(face, tuple(dict.fromkeys(characters))))
        if missing := [one for one in dict.fromkeys(characters) if one not in known]:
            raise UserError(
                f"{os.path.basename(face.file)} has no {' '.join(missing[:20])}; leave "
                f"{'it' if len(missing) == 1 else 'them'} out, or type another font"
            )
        coverage = np.stack([draw(face, size, one, self.shape, self.margin) for one in characters])
        return self.from_coverage(coverage / np.float32(255))

    def from_coverage(self, coverage: np.ndarray) -> np.ndarray:
        """Returns images (N, 1, H, W) float32 in [-1, 1] of ink coverage (N, H, W) in [0, 1]."""
        ink = coverage if self.ink == "white" else 1 - coverage
        return (2 * ink[:, None] - 1).astype(np.float32)

    def coverage(self, images: np.ndarray) -> np.ndarray:
        """Returns the ink coverage (N, H, W) in [0, 1] of images (N, 1, H, W) in [-1, 1]."""
        values = np.clip((images[:, 0] + 1) / 2, 0, 1)
        return values if self.ink == "white" else 1 - values

    def bearings(self, character: str) -> Bearings:
        """Returns the space of a character in the content font, in pixels of the images."""
        advance = advances(self.face, self.size, [character])[character]
        box = ink_box(self.face, self.size, character)
        return Bearings(advance, 0.0, 0.0) if box is None else Bearings(box[0], box[2] - box[0], advance - box[2])

    def has(self, character: str) -> bool:
        """Whether the content font has the character, visible or a space."""
        return character.isspace() or character in facts(self.face).characters
