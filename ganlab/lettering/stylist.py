"""Draws characters in the style of some glyphs with a trained generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ganlab.errors import UserError
from ganlab.lettering.glyph_format import GlyphFormat
from ganlab.trained import TrainedGenerator

BATCH = 64


class Stylist:
    """A generator of glyphs with the styles (N, 1, H, W), float32 in [-1, 1], in which it draws.

    The styles are averaged where the generator encodes them, map by map, so that every character has one style; all
    characters have the same latent. Raises UserError if the generator does not take a content and a style image.
    """

    def __init__(self, generator: TrainedGenerator, form: GlyphFormat, styles: np.ndarray, seed: int = 0) -> None:
        if not hasattr(generator.network, "encode") or len(generator.sources) != 2:
            raise UserError(
                "run: text is drawn by a generator with a content and a style image; train one with "
                "experiment=wnet_latin"
            )
        self.generator, self.form, self.seed = generator, form, seed
        self.content, self.style = generator.sources
        self.network: Any = generator.network
        self.styles = styles
        with torch.no_grad():
            maps = self._encoded(self.style, styles)
            self.averaged = [one.mean(0, keepdim=True) for one in maps]

    @torch.no_grad()
    def draw(self, characters: Sequence[str]) -> np.ndarray:
        """Returns the ink coverage (N, H, W) in [0, 1] of the characters. Raises UserError that names those that the
        content font lacks."""
        contents = self.form.draw(self.form.face, characters)
        latent = self.generator.latent(1, self.seed).to(self.generator.device)
        parts = []
        for start in range(0, len(contents), BATCH):
            maps = self._encoded(self.content, contents[start : start + BATCH])
            count = len(maps[0])
            style = [one.expand(count, -1, -1, -1) for one in self.averaged]
            encoded = {self.content: maps, self.style: style}
            images = self.network.decode(latent.expand(count, -1), encoded, {})
            parts.append(images.float().cpu().numpy())
        return self.form.coverage(np.concatenate(parts))

    def _encoded(self, name: str, images: np.ndarray) -> list[torch.Tensor]:
        condition = {name: torch.from_numpy(images).to(self.generator.device)}
        maps: list[torch.Tensor] = self.network.encode(condition, [name])[name]
        return maps
