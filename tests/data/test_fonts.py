"""Letters drawn with fonts: whole, in the middle, on one scale; and which fonts are passed over."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont

from ganlab.data import fonts
from ganlab.data.fonts import Fonts
from ganlab.errors import UserError

BUNDLED = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
SERIF, SANS = (BUNDLED / name for name in ("DejaVuSerif.ttf", "DejaVuSans.ttf"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A serif and a sans, of which one lies deeper."""
    (tmp_path / "fonts" / "deeper").mkdir(parents=True)
    shutil.copy(SERIF, tmp_path / "fonts" / "deeper" / "b.ttf")
    shutil.copy(SANS, tmp_path / "fonts" / "a.TTF")
    (tmp_path / "fonts" / "licence.txt").write_text("free")
    return tmp_path / "fonts"


def ink(image: np.ndarray) -> tuple[int, int, int, int]:
    """The first and last rows and columns with ink."""
    rows, columns = np.flatnonzero(image.any((1, 2))), np.flatnonzero(image.any((0, 2)))
    return rows[0], rows[-1], columns[0], columns[-1]


def test_one_image_of_each_character_in_each_font(folder: Path) -> None:
    source = Fonts(root=str(folder), characters="QiA")
    assert source.image_shape == (1, 32, 32)
    assert source.class_count == 3
    opened = source.open()
    assert opened.images.shape == (6, 32, 32, 1)
    assert opened.labels is not None
    assert opened.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert opened.classes == ("Q", "i", "A")
    assert opened.notes == ()
    some = Fonts(root=str(folder), characters="QiA", classes=("A",)).open()
    np.testing.assert_array_equal(some.images, opened.images[[2, 5]])


def test_a_glyph_is_as_pillow_draws_it(folder: Path) -> None:
    """On paper that is large enough for anything, at the size that the source chose."""
    source = Fonts(root=str(folder / "a.TTF"), characters="gjMQ|", size=48)
    for glyph, image in zip(source.listing().items, source.open().images, strict=True):
        paper = Image.new("L", (300, 300))
        font = ImageFont.truetype(str(SANS), glyph.size, layout_engine=ImageFont.Layout.BASIC)
        ImageDraw.Draw(paper).text((100, 100), glyph.character, 255, font)
        expected = np.asarray(paper.crop(paper.getbbox()))
        top, bottom, left, right = ink(image)
        np.testing.assert_array_equal(image[top : bottom + 1, left : right + 1, 0], expected)


@pytest.mark.parametrize(("size", "margin"), [(32, 0.1), ((20, 50), 0.1), ((64, 16), 0.0), (256, 0.25)])
def test_characters_are_whole_and_in_the_middle(size: int | tuple[int, int], margin: float, folder: Path) -> None:
    source = Fonts(root=str(folder), characters="WgI.Å", size=size, margin=margin)
    _, height, width = source.image_shape
    images = source.open().images
    assert images.shape == (10, height, width, 1)
    for of_font in (images[:5], images[5:]):
        edges = np.array([ink(image) for image in of_font])
        above, below = edges[:, 0], height - 1 - edges[:, 1]
        before, behind = edges[:, 2], width - 1 - edges[:, 3]
        assert abs(above - below).max() <= 1
        assert abs(before - behind).max() <= 1
        assert min(above.min(), below.min()) >= int(margin * height)
        assert min(before.min(), behind.min()) >= int(margin * width)
        filled = max(((height - above - below) / height).max(), ((width - before - behind) / width).max())
        assert 1 - 2 * margin - 0.1 <= filled <= 1 - 2 * margin
        tall = height - above - below
        assert tall[3] < tall[0] / 2  # a full stop is not as large as a letter
    grey = np.unique(images)
    assert len(grey) > 10  # antialiased
    assert grey.max() == 255


def test_ink(folder: Path) -> None:
    white, black = (Fonts(root=str(folder), characters="AB", ink=ink).open().images for ink in ("white", "black"))
    np.testing.assert_array_equal(black, 255 - white)
    assert white[:, 0, 0, 0].tolist() == [0] * 4


def test_the_fonts_of_the_machine() -> None:
    opened = Fonts().open()
    assert opened.images.shape[1:] == (32, 32, 1)
    assert len(opened) % 26 == 0
    assert len(opened) >= 5 * 26  # matplotlib brings more than that
    assert opened.labels is not None
    assert np.bincount(opened.labels).tolist() == [len(opened) // 26] * 26
    assert len(np.unique(opened.images.reshape(len(opened), -1), axis=0)) == len(opened)  # none is there twice
    assert opened.images.reshape(len(opened), -1).max(1).min() > 100  # and none is blank


@pytest.mark.parametrize("name", ["STIXSizOneSymReg.ttf", "STIXNonUni.ttf", "cmex10.ttf", "LastResortHE-Regular.ttf"])
def test_fonts_of_symbols_are_left_out(name: str, folder: Path) -> None:
    if not (BUNDLED / name).exists():
        pytest.skip(f"this matplotlib does not bring {name}")
    shutil.copy(BUNDLED / name, folder)
    source = Fonts(root=str(folder), characters="AB")
    assert len(source.open()) == 4
    assert source.open().notes[0].startswith("of the fonts in 3 files: 1 without any of the characters")
    assert source.listing().details == (f"{folder / name}: none of the characters",)


def test_a_font_has_what_its_own_table_says() -> None:
    """FreeType, asked for the table of characters and not for pictures."""
    characters = "Aß漢Ω☃ℵ𝔄क"
    checked = set()
    for file in sorted(BUNDLED.glob("[DS]*.ttf")):
        has = {character for character in characters if ord(character) in FT2Font(str(file)).get_charmap()}
        assert {glyph.character for glyph in Fonts(characters=characters)._glyphs(str(file), 0)} == has
        checked |= has
    assert checked >= set("AßΩ☃")


def test_what_a_font_lacks_is_not_drawn(folder: Path) -> None:
    source = Fonts(root=str(folder), characters="A漢B")
    opened = source.open()
    assert opened.labels is not None
    assert opened.labels.tolist() == [0, 2, 0, 2]
    assert opened.notes[0].startswith("of the fonts in 2 files: 2 without some of them")
    assert source.listing().details[0] == f"{folder / 'a.TTF'}: no 漢"


def test_capitals_that_stand_for_small_letters_are_letters(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = fonts._drawn
    monkeypatch.setattr(fonts, "_drawn", lambda font, character: drawn(font, character.upper()))
    assert len(Fonts(root=str(folder), characters="ABCabc").listing().items) == 12


def test_copies_are_drawn_once(folder: Path) -> None:
    shutil.copy(SERIF, folder / "c.ttf")
    source = Fonts(root=str(folder), characters="AB")
    assert len(source.open()) == 4
    assert source.listing().details == (f"{folder / 'c.ttf'}: looks like {folder / 'deeper' / 'b.ttf'}",)


def test_a_collection_has_several_fonts(tmp_path: Path) -> None:
    """Made here: the tables of a font lie behind offsets from the start of the file."""
    parts, place, starts = [], 12 + 4 * 2, []
    for file in (SERIF, SANS):
        font = bytearray(file.read_bytes())
        starts.append(place)
        for table in range(int.from_bytes(font[4:6], "big")):
            at = 12 + 16 * table + 8
            font[at : at + 4] = struct.pack(">I", int.from_bytes(font[at : at + 4], "big") + place)
        font += bytes(-len(font) % 4)
        parts.append(bytes(font))
        place += len(font)
    (tmp_path / "both.ttc").write_bytes(b"ttcf" + struct.pack(">IIII", 0x10000, 2, *starts) + b"".join(parts))
    both = Fonts(root=str(tmp_path / "both.ttc"), characters="AB").open().images
    alone = [Fonts(root=str(file), characters="AB").open().images for file in (SERIF, SANS)]
    np.testing.assert_array_equal(both, np.concatenate(alone))


def test_fonts_that_cannot_be_read_are_named(folder: Path) -> None:
    whole = SERIF.read_bytes()
    (folder / "text.otf").write_text("no font")
    (folder / "half.ttf").write_bytes(whole[: len(whole) // 50])
    (folder / "empty.ttc").write_bytes(b"")
    source = Fonts(root=str(folder), characters="AB")
    opened = source.open()
    assert len(opened) == 4
    assert opened.notes[0].startswith("of the fonts in 5 files: 3 unreadable")
    named = [line.split(": ")[0] for line in source.listing().details]
    assert named == [str(folder / name) for name in ("empty.ttc", "half.ttf", "text.otf")]


def test_another_font_makes_other_images(folder: Path) -> None:
    source = Fonts(root=str(folder), characters="AB")
    before = source.stamp()
    assert source.stamp() == before
    facts = (folder / "a.TTF").stat()
    (folder / "a.TTF").write_bytes(SANS.read_bytes() + b" ")
    os.utime(folder / "a.TTF", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert source.stamp() != before
    before = source.stamp()
    shutil.copy(BUNDLED / "DejaVuSansMono.ttf", folder)
    assert source.stamp() != before
    assert len(source.open()) == 6


@pytest.mark.parametrize(
    ("characters", "sentence"),
    [
        ("", "data.characters: none are named"),
        ("ABA", "data.characters=ABA: A occurs twice"),
        ("A B", "data.characters='A B': ' ' is invisible"),
        ("A\u200bB", r"is invisible"),
        ("漢字", "data.characters=漢字: none of 2 font files has any of them"),
    ],
)
def test_characters_that_cannot_be(characters: str, sentence: str, folder: Path) -> None:
    with pytest.raises(UserError) as raised:
        Fonts(root=str(folder), characters=characters).open()
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)


def test_places_without_fonts(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such file or folder; type null"):
        Fonts(root=str(tmp_path / "nowhere")).check()
    with pytest.raises(UserError, match=r"there is no font \(\.ttf \.otf"):
        Fonts(root=str(tmp_path)).open()


def test_one_character_is_no_class(folder: Path) -> None:
    source = Fonts(root=str(folder), characters="A")
    assert source.class_count == 0
    assert source.open().labels is None


def test_matplotlib_is_left_alone_where_a_folder_is_named(folder: Path) -> None:
    code = (
        "import sys; from ganlab.data.fonts import Fonts; Fonts(root=sys.argv[1], characters='AB').open(); "
        "sys.exit(bool({'matplotlib', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code, str(folder)], check=False).returncode == 0
