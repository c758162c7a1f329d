"""The numbers of black and white: derived from the whole set, typed, or refused with the numbers that were found."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganlab.data import SOURCES, ImageSet
from ganlab.data.arrays import Arrays
from ganlab.data.image_folder import ImageFolder
from ganlab.data.reading.ranges import Numbers, RangeSetting, bounds_of, scaled
from ganlab.errors import UserError
from tests.data.images import save, zipped


@pytest.mark.parametrize(
    ("kind", "lowest", "highest", "bounds"),
    [
        ("integers", 0, 255, (0, 255)),
        ("integers", 0, 64, (0, 255)),
        ("integers", 12, 900, (0, 1023)),
        ("integers", 0, 4095, (0, 4095)),
        ("integers", 0, 4096, (0, 16383)),
        ("integers", 0, 16384, (0, 65535)),
        ("integers", 0, 63, None),
        ("integers", 0, 1, None),
        ("integers", 0, 65536, None),
        ("integers", -1024, 3071, None),
        ("fractions", 0, 1, (0, 1)),
        ("fractions", -0.04, 1.03, (0, 1)),
        ("fractions", 0.2, 0.4, (0, 1)),
        ("fractions", -1, 1, (-1, 1)),
        ("fractions", -1.05, 0.2, (-1, 1)),
        ("fractions", -0.6, 0.9, (-1, 1)),
        ("fractions", -0.3, 0.9, None),
        ("fractions", 0, 255, (0, 255)),
        ("fractions", -7, 261, (0, 255)),
        ("fractions", 0, 3.5, None),
        ("fractions", -2.1, 2.6, None),
        ("fractions", 0, 0, None),
    ],
)
def test_auto_takes_the_usual_range_that_the_numbers_fill(
    kind: Any, lowest: float, highest: float, bounds: tuple[float, float] | None
) -> None:
    numbers = Numbers(kind, lowest, highest)
    if bounds is None:
        with pytest.raises(UserError, match=r"data\.range=auto: the numbers go from .* type data\.range=\[") as raised:
            bounds_of("auto", numbers)
        assert str(numbers) in str(raised.value)
        return
    found, note = bounds_of("auto", numbers)
    assert found == bounds
    assert f"numbers from {numbers} were read as " in note
    assert ("clipped" in note) == (lowest < bounds[0] or highest > bounds[1])


@pytest.mark.parametrize(
    ("setting", "kind", "lowest", "highest", "sentence"),
    [
        ("unit", "fractions", 0, 255, r"data\.range=unit: the numbers go from 0 to 255, and unit means 0 to 1; type"),
        ("uint8", "integers", 0, 4095, "go from 0 to 4,095, and uint8 means 0 to 255"),
        ("signed", "fractions", -3, 1, "and signed means -1 to 1"),
        ((0.0, 10.0), "integers", 10, 4095, r"data\.range=\[0,10\]: .* all of them at or beyond one end"),
        ("auto", "fractions", np.nan, np.nan, "finite numbers"),
        ((0.0, 1.0), "fractions", 0, np.inf, "finite numbers"),
    ],
)
def test_a_typed_range_that_does_not_fit_is_refused(
    setting: RangeSetting, kind: Any, lowest: float, highest: float, sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        bounds_of(setting, Numbers(kind, lowest, highest))


def test_bounds_become_0_and_255() -> None:
    assert scaled(np.array([-5.0, 0, 2.5, 5, 99]), (0, 5)).tolist() == [0, 0, 128, 255, 255]
    assert scaled(np.array([0, 4095], np.uint16), (4095, 0)).tolist() == [255, 0]  # an inverted X-ray
    shades = np.arange(256)
    np.testing.assert_array_equal(scaled(shades * 257, (0, 65535)), shades)
    with pytest.raises(ValueError, match="black and white are the same number"):
        Arrays(range=(3.0, 3.0))


def deep_png(path: Path, numbers: np.ndarray) -> Path:
    """A PNG file with 16 bits a channel of (H, W, C) numbers, which Pillow does not write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, channels = numbers.shape
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in numbers)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
    return path


def opened(root: Path, **settings: Any) -> ImageSet:
    return ImageFolder(root=str(root), size=8, **{"color": "grey", **settings}).open()


def levels(found: ImageSet) -> list[int]:
    return found.images[:, 0, 0, 0].tolist()


@pytest.mark.parametrize("kind", ["image_folder", "zip"])
def test_the_whole_set_decides_and_not_an_image(kind: str, tmp_path: Path) -> None:
    """12 bits in files of 16: a dark image alone would be taken for 8 bits."""
    for number, level in enumerate((100, 1000, 4095)):
        save(tmp_path / "xray" / f"{number}.png", Image.fromarray(np.full((8, 8), level, np.uint16)))
    root = tmp_path / "xray" if kind == "image_folder" else zipped(tmp_path / "xray", tmp_path / "xray.zip")
    found = SOURCES[kind](root=str(root), size=8, color="grey").open()  # type: ignore[call-arg]
    assert levels(found) == [round(255 * level / 4095) for level in (100, 1000, 4095)]
    assert found.notes == (
        "numbers from 100 to 4,095 were read as 12 bits: 0 is black, 4,095 is white; data.range=[BLACK,WHITE] sets "
        "other numbers",
    )


def test_another_range_is_another_entry_of_the_cache(tmp_path: Path) -> None:
    save(tmp_path / "x.png", Image.fromarray(np.full((8, 8), 1000, np.uint16)))
    for setting, level in (("auto", 249), ("uint16", 4), ((0.0, 2000.0), 128), ((2000.0, 0.0), 128), ((0.0, 1e4), 26)):
        assert levels(opened(tmp_path, range=setting)) == [level], setting
    with pytest.raises(UserError, match="go from 1,000 to 1,000, and uint8 means 0 to 255"):
        opened(tmp_path, range="uint8")


def test_colours_of_16_bits_keep_all_of_them(tmp_path: Path) -> None:
    """Pillow keeps the high bytes alone."""
    colour = np.broadcast_to(np.array([4095, 2048, 16], np.uint16), (8, 8, 3))
    deep_png(tmp_path / "rgb" / "x.png", colour)
    assert opened(tmp_path / "rgb", color="rgb").images[0, 0, 0].tolist() == [255, 128, 1]
    assert opened(tmp_path / "rgb", color="rgb", range="uint16").images[0, 0, 0].tolist() == [16, 8, 0]
    clear = np.concatenate([colour, np.zeros((8, 8, 1), np.uint16)], axis=2)  # transparent
    clear[0, 0, 3] = 65535
    deep_png(tmp_path / "rgba" / "x.png", clear)
    found = opened(tmp_path / "rgba", color="rgb").images[0]
    assert (found[0, 0].tolist(), found[1, 1].tolist()) == ([255, 128, 1], [255, 255, 255])
    deep_png(tmp_path / "la" / "x.png", clear[..., [0, 3]])
    assert opened(tmp_path / "la").images[0, 0, 0].tolist() == [255]


def test_floating_point_files_are_read(tmp_path: Path) -> None:
    for number, level in enumerate((-0.02, 0.5, 1.0)):
        save(tmp_path / "tiff" / f"{number}.tiff", Image.fromarray(np.full((8, 8), level, np.float32)))
    found = opened(tmp_path / "tiff")
    assert levels(found) == [0, 128, 255]
    assert "read as unit: 0 is black, 1 is white, and numbers beyond them are clipped" in found.notes[0]
    save(tmp_path / "tiff" / "3.tiff", Image.fromarray(np.full((8, 8), np.nan, np.float32)))
    assert len(opened(tmp_path / "tiff")) == 3  # this one alone is left out


def test_files_of_8_bits_are_as_they_are_beside_those_of_16(tmp_path: Path) -> None:
    save(tmp_path / "a.png", Image.new("L", (8, 8), 16))
    save(tmp_path / "b.png", Image.fromarray(np.full((8, 8), 4095, np.uint16)))
    found = opened(tmp_path)
    assert levels(found) == [16, 255]
    assert found.notes[0].startswith("1 of 2 images: numbers from 4,095 to 4,095 were read as 12 bits")


def test_masks_of_zeros_and_ones_are_not_black_without_a_word(tmp_path: Path) -> None:
    for number in range(2):
        save(tmp_path / f"{number}.png", Image.new("L", (8, 8), number))
    found = opened(tmp_path)
    assert levels(found) == [0, 1]
    assert found.notes == (
        "the images are nearly black: the brightest pixel of all is 1 of 255; if it should be white, type "
        "data.range=[0,1]",
    )
    assert levels(opened(tmp_path, range=(0.0, 1.0))) == [0, 255]
    clear = Image.new("LA", (8, 8), (1, 255))
    clear.putpixel((0, 0), (1, 0))
    save(tmp_path / "2.png", clear)
    third = opened(tmp_path, range=(0.0, 1.0), background="black").images[2, ..., 0]
    assert (third[0, 0], third[4, 4]) == (0, 255)  # how opaque a pixel is has a range of its own


@pytest.mark.parametrize(
    ("array", "setting", "levels_"),
    [
        (np.array([0, 1000, 4095], np.uint16), "auto", [0, 62, 255]),
        (np.array([0, 1000, 4095], np.int32), "auto", [0, 62, 255]),
        (np.array([0, 128, 255], np.int64), "auto", [0, 128, 255]),
        (np.array([-0.01, 0.5, 1]), "auto", [0, 128, 255]),
        (np.array([-0.01, 0.5, 1]), "signed", [126, 191, 255]),
        (np.array([0, 128, 255], np.float32), "auto", [0, 128, 255]),
        (np.array([-1024, 0, 1024], np.int16), (-1024.0, 1024.0), [0, 128, 255]),
        (np.array([0, 8, 16], np.uint8), (0.0, 16.0), [0, 128, 255]),
        (np.array([0, 8, 16], np.uint8), "auto", [0, 8, 16]),
        (np.array([False, True]), "unit", [0, 255]),
    ],
)
def test_arrays(array: np.ndarray, setting: RangeSetting, levels_: list[int], tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.broadcast_to(array[:, None, None], (len(array), 4, 5)))
    found = Arrays(root=str(tmp_path / "x.npy"), range=setting).open()
    assert levels(found) == levels_
    assert any("nearly black" in note for note in found.notes) == (max(levels_) < 64)
