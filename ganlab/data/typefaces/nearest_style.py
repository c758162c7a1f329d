"""Finds the training image that is nearest in style to a given one: a baseline for generators of glyphs."""

from __future__ import annotations

import numpy as np

from ganlab.data.source import Drawn, ImageSet, evenly


def nearest_style(image_set: ImageSet, rows: np.ndarray, style: str, font: str, character: str) -> np.ndarray:
    """Returns for each of the ``rows`` (n,) the number of the image that a copier would take: it finds the training
    font whose glyph of the style image's character is nearest to the style image, in mean absolute difference, and
    takes that font's glyph of the wanted character.

    ``style`` is the name of the aligned image, ``font`` and ``character`` those of the label sets. It may take glyphs
    of characters that are held out of training, which no generator has seen: a baseline that is hard to beat there. A
    row has -1 if no training font has both characters.
    """
    drawn = image_set.aligned[style]
    assert isinstance(drawn, Drawn)
    fonts, characters = image_set.label_sets[font].labels, image_set.label_sets[character].labels
    numbers = _numbers(fonts, characters, np.arange(len(fonts)), _usable(image_set, font))
    trained = np.unique(fonts[image_set.rows])
    shown = drawn.choose(rows, evenly(rows))
    found = np.full(len(rows), -1)
    for place, (row, own) in enumerate(zip(rows, shown, strict=True)):
        same, wanted = numbers[trained, characters[own]], numbers[trained, characters[row]]
        there = (same >= 0) & (wanted >= 0)
        if not there.any():
            continue
        difference = np.abs(image_set.images[same[there]].astype(np.int16) - drawn.images[own].astype(np.int16))
        found[place] = wanted[there][difference.reshape(there.sum(), -1).mean(1).argmin()]
    return found


def _usable(image_set: ImageSet, font: str) -> np.ndarray:
    """Returns whether each image (N,) is one of a font that is trained on or held out, and not the content's."""
    usable = np.zeros(len(image_set.images), bool)
    usable[image_set.rows] = usable[image_set.held_out] = True
    return usable


def _numbers(fonts: np.ndarray, characters: np.ndarray, images: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Returns the image of each font and character (F, C), -1 where there is none."""
    numbers = np.full((fonts.max() + 1, characters.max() + 1), -1)
    numbers[fonts[usable], characters[usable]] = images[usable]
    return numbers
