"""Style pictures, typesetting and font files, with a generator that returns its content image."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont

from ganlab.data.typefaces.font_files import Face, bundled
from ganlab.errors import UserError
from ganlab.lettering import GlyphFormat, Stylist, save_font, specimen, typeset
from ganlab.lettering.style_picture import read_style
from ganlab.lettering.typesetting import bearings, ink_columns

DATA = {"name": "glyph_pairs", "size": 64, "ink": "black", "margin": 0.1, "content": None, "characters": "letters"}
FORM = GlyphFormat.of(DATA)


class Copying(torch.nn.Module):
    """A network with the interface of the W-Net whose result is content + style - paper."""

    def encode(self, condition: dict[str, torch.Tensor], names: list[str]) -> dict[str, list[torch.Tensor]]:
        return {name: [condition[name]] for name in names}

    def decode(self, latent: torch.Tensor, encoded: Any, condition: Any) -> torch.Tensor:
        self.latent, self.style = latent, encoded["style"][0]
        return encoded["content"][0]


def stylist(form: GlyphFormat = FORM, styles: np.ndarray | None = None) -> Stylist:
    generator = SimpleNamespace(
        network=Copying(),
        sources={"content": (1, 64, 64), "style": (1, 64, 64)},
        latent=lambda n, seed: torch.full((n, 2), float(seed)),
        device=torch.device("cpu"),
        description="a copying generator",
    )
    return Stylist(generator, form, styles if styles is not None else form.draw(form.face, "AB"), seed=3)  # type: ignore[arg-type]


# --------------------------------------------------------------------------------------------------------- the format


def test_coverage_and_images_are_inverse() -> None:
    ink = np.random.default_rng(0).random((3, 64, 64)).astype(np.float32)
    for colour in ("black", "white"):
        form = GlyphFormat.of({**DATA, "ink": colour})
        images = form.from_coverage(ink)
        assert images.shape == (3, 1, 64, 64)
        assert images.dtype == np.float32
        assert np.allclose(form.coverage(images), ink, atol=1e-6)
        assert np.allclose(images[:, 0], 2 * ink - 1 if colour == "white" else 1 - 2 * ink, atol=1e-6)


def test_glyphs_are_drawn_as_the_data_set_draws_them() -> None:
    from ganlab.data.typefaces.glyphs import Glyphs

    source = Glyphs(size=64, content=bundled("DejaVuSans.ttf"), root=bundled("DejaVuSerif.ttf"), ink="black",
                    characters=FORM.characters, margin=0.1)  # fmt: skip
    listing = source.listing()
    of_serif = [one for one in listing.items if one.face.file.endswith("DejaVuSerif.ttf") and one.character == "g"]
    expected = source.pixels(of_serif[0])[:, :, 0] / 127.5 - 1
    drawn = FORM.draw(Face(bundled("DejaVuSerif.ttf")), "g")
    assert np.allclose(drawn[0, 0], expected, atol=1e-6)


def test_bearings_are_those_of_the_font() -> None:
    font = TTFont(bundled("DejaVuSans.ttf"))
    units = FORM.size / font["head"].unitsPerEm
    name = font.getBestCmap()[ord("H")]
    advance, left = font["hmtx"][name]
    found = FORM.bearings("H")
    assert found.advance == pytest.approx(advance * units, abs=1.0)
    assert found.left == pytest.approx(left * units, abs=1.0)
    assert FORM.bearings(" ").ink == 0
    assert FORM.bearings(" ").advance == pytest.approx(font["hmtx"]["space"][0] * units, abs=1.0)


def test_other_runs_and_lacking_characters_are_refused() -> None:
    with pytest.raises(UserError, match=r"data=digit_pairs.*wnet_latin"):
        GlyphFormat.of({"name": "digit_pairs"})
    with pytest.raises(UserError, match="has no 漢"):
        stylist().draw(["A", "漢"])
    with pytest.raises(UserError, match="no such font file"):
        GlyphFormat.of(DATA, "/nowhere.ttf")


# -------------------------------------------------------------------------------------------------------- the pictures


def photograph(path: Path, *, dark: bool = False, shadow: bool = False, size: int = 200) -> str:
    """Draws a B with DejaVu Serif in a corner of a picture with noise, and perhaps a shadow; returns its path."""
    font = ImageFont.truetype(bundled("DejaVuSerif.ttf"), size // 2)
    picture = Image.new("L", (2 * size, size), 255)
    ImageDraw.Draw(picture).text((size, size * 3 // 4), "B", 0, font=font, anchor="ls")
    grey = 0.15 + 0.6 * np.asarray(picture) / 255
    if shadow:
        grey = grey * np.linspace(1.0, 0.6, 2 * size)[None]
    if dark:
        grey = 1 - grey
    grey = grey + np.random.default_rng(0).normal(0, 0.015, grey.shape)
    Image.fromarray((255 * grey.clip(0, 1)).astype(np.uint8)).save(path)
    return str(path)


@pytest.mark.parametrize(("dark", "shadow"), [(False, False), (False, True), (True, False)])
def test_a_photographed_glyph_is_cropped_levelled_and_placed(tmp_path: Path, dark: bool, shadow: bool) -> None:
    path = photograph(tmp_path / "b.png", dark=dark, shadow=shadow)
    read = FORM.coverage(read_style(path, FORM, "B"))[0]
    # As large and as high as B in the content font, and in the middle of the width.
    rows, columns = np.flatnonzero((read > 0.5).any(1)), np.flatnonzero((read > 0.5).any(0))
    content = FORM.coverage(FORM.draw(FORM.face, "B"))[0]
    expected = np.flatnonzero((content > 0.5).any(1))
    assert abs(rows[0] - expected[0]) <= 1
    assert abs(rows[-1] - expected[-1]) <= 1
    assert abs((columns[0] + columns[-1]) / 2 - 31.5) <= 1
    # It is the glyph itself: DejaVu Serif's B at the size at which its height is that of the content's B.
    serif = FORM.coverage(FORM.draw(Face(bundled("DejaVuSerif.ttf")), "B"))[0]
    height = np.flatnonzero((serif > 0.5).any(1))
    scale = (expected[-1] - expected[0] + 1) / (height[-1] - height[0] + 1)
    assert read.sum() == pytest.approx(serif.sum() * scale**2, rel=0.12)
    assert read[0].max() == read[:, 0].max() == 0  # the paper is blank


def test_pictures_without_a_glyph_are_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    Image.fromarray((180 + 5 * rng.normal(size=(50, 50))).astype(np.uint8)).save(tmp_path / "blank.png")
    with pytest.raises(UserError, match="shows no glyph"):
        read_style(str(tmp_path / "blank.png"), FORM)
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(UserError, match="cannot be read as a picture"):
        read_style(str(tmp_path / "text.png"), FORM)


def test_styles_are_averaged_and_the_latent_is_one() -> None:
    styles = FORM.draw(FORM.face, "ABC")
    drawing = stylist(styles=styles)
    drawing.draw(["x", "y"])
    assert np.allclose(drawing.network.style[1].numpy(), styles.mean(0), atol=1e-6)
    assert drawing.network.latent.tolist() == [[3.0, 3.0], [3.0, 3.0]]


# ------------------------------------------------------------------------------------------------------------- the text


def test_a_line_has_the_widths_of_the_font() -> None:
    font = ImageFont.truetype(FORM.content, FORM.size)
    line = 255 - np.asarray(typeset(stylist(), "Hi in"))
    found = np.flatnonzero((line > 64).any(0))
    paper = Image.new("L", (200, 64))
    ImageDraw.Draw(paper).text((20, 48), "Hi in", 255, font=font, anchor="ls")
    expected = np.flatnonzero((np.asarray(paper) > 64).any(0))
    assert found[-1] - found[0] == pytest.approx(expected[-1] - expected[0], abs=3)  # the origins are whole pixels
    assert line.shape[0] == 64


def test_text_is_broken_at_spaces_and_at_line_ends() -> None:
    one = typeset(stylist(), "HHH HHH")
    two = typeset(stylist(), "HHH HHH", width=one.width - 40)
    assert two.height == 64 + 71
    assert two.width < one.width
    assert typeset(stylist(), "a\nb\nc").height == 64 + 141
    assert typeset(stylist(), "HHH", height=32).height == 32
    with pytest.raises(UserError, match="nothing to draw"):
        typeset(stylist(), " \n ")


def test_a_specimen_has_each_glyph_in_its_place() -> None:
    sheet = np.asarray(specimen(stylist(), "ABCDE", columns=2))
    assert sheet.shape == (3 * 64, 2 * 64)
    expected = FORM.coverage(FORM.draw(FORM.face, "D"))[0]
    assert np.allclose(sheet[64:128, 64:] / 255, 1 - expected, atol=1 / 255)
    assert (sheet[128:, 64:] == 255).all()


# ------------------------------------------------------------------------------------------------------------- the font


def test_a_font_file_draws_what_was_traced(tmp_path: Path) -> None:
    pytest.importorskip("vtracer", reason="VTracer comes with the extra fonts")
    characters = list("ABgo")
    glyphs = stylist().draw(characters)
    path = tmp_path / "mine.ttf"
    blank = np.zeros((1, 64, 64), np.float32)
    assert save_font(path, FORM, [*characters, "z"], np.concatenate([glyphs, blank]), "My Font", "a test") == 4
    font = TTFont(path)
    assert {chr(code) for code in font.getBestCmap()} == {*characters, " "}
    assert font["name"].getDebugName(1) == "My Font"
    assert font["hmtx"]["space"][0] == pytest.approx(FORM.bearings(" ").advance * 1000 / FORM.size, abs=1)
    drawn = ImageFont.truetype(str(path), FORM.size)
    for character, glyph in zip(characters, glyphs, strict=True):
        # The same ink at the same place: the traced outline differs by less than a tenth of the glyph's ink.
        paper = Image.new("L", (64, 64))
        columns = ink_columns(glyph)
        assert columns is not None
        origin = columns.start - bearings(FORM, character, glyph).left
        ImageDraw.Draw(paper).text((origin, FORM.baseline), character, 255, font=drawn, anchor="ls")
        difference = np.abs(np.asarray(paper) / 255 - glyph).sum()
        assert difference < 0.15 * glyph.sum(), character
        # The hole of an o is a hole: the direction of its outline is the other one.
        assert np.asarray(paper)[FORM.baseline - 12, 32] < 128 or character != "o"
