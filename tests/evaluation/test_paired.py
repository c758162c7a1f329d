"""Scores of images beside their true ones, and the baselines of glyphs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from ganlab.data.source import Drawn, ImageSet, LabelSet, evenly
from ganlab.data.typefaces.nearest_style import nearest_style
from ganlab.evaluation.paired import paired_scores, ssim


def test_distances_have_their_closed_form() -> None:
    true = torch.full((2, 1, 16, 16), 100, dtype=torch.uint8)
    images = true.clone()
    images[1] += 51  # a fifth of the range
    found = paired_scores(images, true)
    assert found["l1"] == pytest.approx(0.1)
    assert found["rmse"] == pytest.approx(0.1)
    assert found["psnr"] == pytest.approx((100 - 20 * math.log10(0.2)) / 2, abs=1e-4)


def test_the_similarity_is_that_of_the_paper() -> None:
    rng = np.random.default_rng(0)
    first = rng.random((1, 20, 24))
    second = np.clip(first + 0.2 * rng.normal(size=first.shape), 0, 1)
    place = np.arange(11) - 5
    window = np.exp(-(place[:, None] ** 2 + place[None] ** 2) / (2 * 1.5**2))
    window /= window.sum()

    def mean(values: np.ndarray) -> np.ndarray:
        return ndimage.correlate(values, window)[5:-5, 5:-5]

    a, b = first[0], second[0]
    expected = (
        (2 * mean(a) * mean(b) + 0.01**2) * (2 * (mean(a * b) - mean(a) * mean(b)) + 0.03**2)
        / ((mean(a) ** 2 + mean(b) ** 2 + 0.01**2)
           * (mean(a * a) - mean(a) ** 2 + mean(b * b) - mean(b) ** 2 + 0.03**2))
    ).mean()  # fmt: skip
    found = ssim(torch.from_numpy(first)[None], torch.from_numpy(second)[None])
    assert float(found[0]) == pytest.approx(expected, rel=1e-9)
    assert float(ssim(torch.from_numpy(first)[None], torch.from_numpy(first)[None])[0]) == pytest.approx(1)
    assert ssim(torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)).shape == (2,)


def glyphs() -> ImageSet:
    """Three fonts of three characters, 2×2 pixels: 100 × font + 10 × character; font 2 is held out, and is nearer to
    font 1."""
    fonts, characters = np.divmod(np.arange(9), 3)
    level = np.array([0, 100, 130])[fonts] + 10 * characters
    images = np.broadcast_to(level[:, None, None, None], (9, 2, 2, 1)).astype(np.uint8)
    style = Drawn(images, np.arange(9), 3 * fonts, np.full(9, 3), characters)
    labels = {
        "font": LabelSet(fonts, ("a", "b", "c")), "character": LabelSet(characters, ("x", "y", "z"))
    }  # fmt: skip
    return ImageSet(images, characters, ("x", "y", "z"), rows=np.arange(6), held_out=np.arange(6, 9),
                    aligned={"style": style}, label_sets=labels)  # fmt: skip


def test_the_copier_takes_the_glyph_of_the_nearest_training_font() -> None:
    found = nearest_style(glyphs(), np.arange(6, 9), "style", "font", "character")
    assert found.tolist() == [3, 4, 5]  # the same characters of font 1
    # A training font's nearest font is itself.
    assert nearest_style(glyphs(), np.arange(6), "style", "font", "character").tolist() == list(range(6))


def test_it_is_the_style_image_that_is_compared() -> None:
    data = glyphs()
    images = data.images.copy()
    style = data.aligned["style"]
    assert isinstance(style, Drawn)
    row = np.array([6])
    shown = int(style.choose(row, evenly(row))[0])
    images[shown] = images[shown % 3]  # the glyph that is shown looks like font 0's
    other = Drawn(images, style.members, style.first, style.count, style.own)
    changed = ImageSet(images, data.labels, data.classes, rows=data.rows, held_out=data.held_out,
                       aligned={"style": other}, label_sets=data.label_sets)  # fmt: skip
    assert nearest_style(changed, row, "style", "font", "character").tolist() == [0]
