"""Pairs of glyphs, with fonts that come with matplotlib alone, and fonts that are made from them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables._g_l_y_f import Glyph

from ganlab.data import ImageSet
from ganlab.data.glyph_pairs import GlyphPairs
from ganlab.data.typefaces.character_sets import SETS, characters_of
from ganlab.data.typefaces.font_files import Face, bundled, hash_of
from ganlab.data.typefaces.glyph_drawing import advances, baseline, draw, size_in, usable
from ganlab.errors import UserError
from ganlab.testing import check_source

FONTS = (
    "DejaVuSans-Bold", "DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSerif", "DejaVuSerif-Bold", "STIXGeneral",
    "cmr10", "cmtt10",
)  # fmt: skip
LETTERS = tuple("ABCDEabcde")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of fonts of six families (DejaVu Sans, its Mono and its Serif, STIX, and two of TeX)."""
    fonts = tmp_path / "fonts"
    fonts.mkdir()
    for name in FONTS:
        shutil.copy(bundled(f"{name}.ttf"), fonts)
    return fonts


def changed(folder: Path, change: Callable[[TTFont], None], name: str = "Changed") -> None:
    """Writes a font that is DejaVu Serif after ``change``."""
    font = TTFont(bundled("DejaVuSerif.ttf"))
    for record in font["name"].names:
        if record.nameID in (1, 4, 16):
            record.string = name
    change(font)
    font.save(folder / f"{name}.ttf")


def opened(folder: Path, tmp_path: Path, **settings: Any) -> ImageSet:
    facts: dict[str, Any] = {"root": str(folder), "characters": LETTERS, "size": 24, **settings}
    return GlyphPairs(**facts).open(tmp_path / "cache")


def names_of(images: ImageSet, rows: np.ndarray, kind: str = "font") -> set[str]:
    found = images.label_sets[kind]
    return {found.names[number] for number in found.labels[rows]}


def test_the_source_keeps_the_contract(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANLAB_CACHE", str(tmp_path / "cache"))
    check_source(GlyphPairs(root=str(folder), characters=LETTERS, size=(20, 24)))


def test_content_and_style_belong_to_the_glyph(folder: Path, tmp_path: Path) -> None:
    images = opened(folder, tmp_path)
    plain = Face(bundled("DejaVuSans.ttf"))
    size = size_in(plain, LETTERS, (24, 24), 0.1)
    font, character = (images.label_sets[name] for name in ("font", "character"))
    for row in (*images.rows[::7], *images.held_out[::5]):
        (content,) = images.aligned_images("content", np.array([row]))
        expected = 255 - draw(plain, size, character.names[character.labels[row]], (24, 24), 0.1)
        assert np.array_equal(content[..., 0], expected)
    (style,) = (images.aligned["style"],)
    for number in range(100):
        by = np.random.default_rng(number).integers(0, 2**32, len(images.rows))
        chosen = style.choose(images.rows, by)  # type: ignore[union-attr]
        assert (font.labels[chosen] == font.labels[images.rows]).all()
        assert (chosen != images.rows).all()
        assert np.isin(chosen, images.rows).all()  # neither an unseen character nor one of the content's font


def test_families_and_characters_are_held_out_whole(folder: Path, tmp_path: Path) -> None:
    images = opened(folder, tmp_path, unseen_fonts=3, unseen_characters=0.2)
    parts = images.parts
    rows = {"seen": images.rows, **parts}
    assert sorted(np.concatenate([*rows.values()])) == sorted(np.unique(np.concatenate([*rows.values()])))
    assert set(images.held_out) == set(np.concatenate([*parts.values()]))
    seen, unseen = names_of(images, images.rows), names_of(images, parts["unseen_fonts_unseen_characters"])
    assert names_of(images, parts["unseen_fonts_seen_characters"]) == unseen
    assert names_of(images, parts["seen_fonts_unseen_characters"]) == seen
    assert len(seen) + len(unseen) == len(FONTS)
    assert len(unseen) == 3
    families = [
        {name.split(" (")[0].removesuffix(" Bold").removesuffix(" Book") for name in names} for names in (seen, unseen)
    ]
    assert not families[0] & families[1]
    letters = names_of(images, parts["seen_fonts_unseen_characters"], "character")
    assert len(letters) == 2
    assert not letters & names_of(images, images.rows, "character")
    again = opened(folder, tmp_path / "again", unseen_fonts=3, unseen_characters=0.2)
    assert np.array_equal(again.rows, images.rows)


def test_missing_and_blank_glyphs_are_no_images(folder: Path, tmp_path: Path) -> None:
    """The font maps no A, maps B to the sign for missing characters, and has a blank glyph for C."""

    def change(font: TTFont) -> None:
        for table in font["cmap"].tables:
            table.cmap.pop(ord("A"), None)
            if ord("B") in table.cmap:
                table.cmap[ord("B")] = ".notdef"
        font["glyf"]["C"] = Glyph()

    changed(folder, change)
    assert usable(Face(str(folder / "Changed.ttf")), LETTERS) == list("DEabcde")
    images = opened(folder, tmp_path, unseen_fonts=0, unseen_characters=0)
    font, character = (images.label_sets[name] for name in ("font", "character"))
    number = next(place for place, name in enumerate(font.names) if name.startswith("Changed"))
    rows = images.rows[font.labels[images.rows] == number]
    assert [character.names[one] for one in character.labels[rows]] == list("DEabcde")
    assert images.images[images.rows].min(axis=(1, 2, 3)).max() < 128  # none is blank
    (left_out,) = (tmp_path / "cache").glob("*/left-out.txt")
    assert "Changed.ttf: no A B C" in left_out.read_text()
    assert any("fonts without some of the characters" in note for note in images.notes)


def test_damaged_fonts_and_copies_are_named_and_left_out(folder: Path, tmp_path: Path) -> None:
    (folder / "damaged.ttf").write_bytes((folder / "STIXGeneral.ttf").read_bytes()[:4000])
    (folder / "nothing.otf").write_bytes(b"")
    shutil.copy(folder / "cmr10.ttf", folder / "other-name.ttf")
    unusual = Path(bundled("LastResortHE-Regular.ttf"))  # a sign for each block of characters
    if unusual.exists():  # since matplotlib 3.9
        shutil.copy(unusual, folder)
    images = opened(folder, tmp_path)
    assert len(images.label_sets["font"].names) == len(FONTS)
    (left_out,) = (tmp_path / "cache").glob("*/left-out.txt")
    lines = left_out.read_text()
    for file in (
        "damaged.ttf: ",
        "nothing.otf: ",
        "other-name.ttf: it looks like",
        *(["LastResortHE-Regular.ttf: most of"] if unusual.exists() else []),
    ):
        assert file in lines
    assert any("2 unreadable fonts" in note for note in images.notes)


def test_few_faces_of_a_family(folder: Path, tmp_path: Path) -> None:
    images = opened(folder, tmp_path, per_family=1)
    assert len(images.label_sets["font"].names) == len(FONTS) - 2  # DejaVu Sans Mono and DejaVu Serif have two each


def test_a_list_has_the_fonts_and_the_split(folder: Path, tmp_path: Path) -> None:
    packaged = [bundled(f"{name}.ttf") for name in FONTS]
    fonts = [
        {
            "sha256": hash_of(file),
            "file": Path(file).name,
            "package": "matplotlib",
            "version": "3",
            "unseen": not place % 4,
        }
        for place, file in enumerate(packaged)
    ]
    path = tmp_path / "list.json"
    path.write_text(json.dumps({"fonts": fonts, "unseen_characters": ["C", "a"]}))
    images = opened(folder, tmp_path, root=None, fonts=str(path))
    assert len(images.label_sets["font"].names) == len(FONTS)
    unseen = images.parts["unseen_fonts_unseen_characters"]
    assert set(images.label_sets["font"].labels[unseen]) == {0, 4}
    assert names_of(images, unseen, "character") == {"C", "a"}
    fonts[1]["sha256"] = "0" * 64
    path.with_name("other.json").write_text(json.dumps({"fonts": fonts, "unseen_characters": []}))
    with pytest.raises(
        UserError, match=r"1 of 8 fonts are not there.*DejaVuSansMono.ttf; type pip install matplotlib==3"
    ):
        opened(folder, tmp_path, root=None, fonts=str(path.with_name("other.json")))
    path.write_text("[]")
    with pytest.raises(UserError, match="it is no list of fonts"):
        opened(folder, tmp_path, root=None, fonts=str(tmp_path / "list.json"), size=25)


def test_glyphs_stand_on_one_baseline_inside_of_the_image() -> None:
    face = Face(bundled("DejaVuSerif.ttf"))
    size = size_in(face, tuple("Hgy"), (64, 48), 0.1)
    line = baseline(64, 0.1)
    for character in "Hg":
        rows = np.flatnonzero(draw(face, size, character, (64, 48), 0.1).max(axis=1))
        assert rows[0] >= 6
        assert rows[-1] <= 58
        if character == "H":
            assert rows[-1] in (line - 1, line)
    columns = np.flatnonzero(draw(face, size, "H", (64, 48), 0.1).max(axis=0))
    assert abs(columns[0] - (47 - columns[-1])) <= 1  # in the middle
    wide = advances(face, size, "Wi")
    assert wide["W"] > 2 * wide["i"]


def test_sets_of_characters(tmp_path: Path) -> None:
    assert len(SETS["latin"]) == 62
    assert len(SETS["chinese"]) == len(set(SETS["chinese"])) == 3755
    assert (SETS["chinese"][0], SETS["chinese"][-1]) == ("啊", "座")
    file = tmp_path / "set.txt"
    file.write_text("ab\nc a\t永\n", encoding="utf-8")
    assert characters_of(str(file)) == ("a", "b", "c", "永")
    for setting, sentence in (
        ("latn", "did you mean latin"),
        (("A", "B", "A"), "A occurs twice"),
        (("AB",), "'AB' is no visible character"),
        ((), "it has no characters"),
    ):
        with pytest.raises(UserError, match=sentence):
            characters_of(setting)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"root": "/nowhere"}, "data.root=/nowhere: there is no such file or folder"),
        ({"fonts": "latin_v1"}, "data.fonts=latin_v1 with data.root="),
        ({"content": "/nowhere.ttf"}, "data.content=/nowhere.ttf: there is no such font file"),
        ({"unseen_characters": 10}, "no font and character is left to train with"),
        ({"root": None, "fonts": "latin_v0"}, "data.fonts=latin_v0: there is no such list .*; the built-in ones are"),
        ({"content": "damaged"}, "data.content=.*damaged.ttf: the font cannot be read"),
    ],
)
def test_what_is_refused(settings: dict[str, Any], sentence: str, folder: Path, tmp_path: Path) -> None:
    if settings.get("content") == "damaged":
        (tmp_path / "damaged.ttf").write_bytes(b"0" * 100)
        settings = {"content": str(tmp_path / "damaged.ttf")}
    with pytest.raises(UserError, match=sentence):
        opened(folder, tmp_path, **settings)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("content", "DejaVuSerif.ttf"), ("characters", tuple("ABCDEabcdf")), ("size", 20), ("ink", "white"), ("margin", 0.2),
        ("per_family", 1), ("limit", 5), ("unseen_fonts", 3), ("unseen_characters", 3), ("root", "folder"),
    ],
)  # fmt: skip
def test_every_setting_changes_something(setting: str, value: Any, folder: Path, tmp_path: Path) -> None:
    if setting == "content":
        value = bundled(value)
    if setting == "root":
        value = str(tmp_path / "other")
        shutil.copytree(folder, value)
        (tmp_path / "other" / "cmr10.ttf").unlink()

    def facts(images: ImageSet) -> list[Any]:
        shown = images.aligned_images("content", images.rows[:4])
        return [images.images.tobytes(), shown.tobytes(), images.rows.tolist(), images.held_out.tolist()]

    before, after = opened(folder, tmp_path), opened(folder, tmp_path, **{setting: value})
    assert facts(before) != facts(after)
    if setting == "limit":
        assert len(after.rows) == 5


def test_the_built_in_list_is_well_formed() -> None:
    from ganlab.data.typefaces.font_list import named_list

    found = named_list("latin_v1")
    assert len(found.fonts) == 129
    assert sum(bool(font["unseen"]) for font in found.fonts.values()) == 22
    assert set(found.unseen_characters) <= set(SETS["latin"])
    families: dict[str, set[bool]] = {}
    for font in found.fonts.values():
        assert font["license"] in ("OFL-1.1", "Apache-2.0")
        families.setdefault(str(font["package"]), set()).add(bool(font["unseen"]))
    assert all(len(split) == 1 for split in families.values())  # families are held out whole
