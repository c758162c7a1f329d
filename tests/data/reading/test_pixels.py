"""Files of every kind become pixels of one shape."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import PIL
import pytest
from PIL import Image

from ganlab.data.reading import pixels
from tests.data.images import RED, save

SHAPE = (3, 16, 16)


def read(path: Path, shape: tuple[int, int, int] = SHAPE, crop: pixels.Crop = "center") -> np.ndarray:
    return pixels.read(path, shape, crop, "white")


@pytest.mark.parametrize(
    ("name", "image", "options"),
    [
        ("plain.jpg", RED, {"quality": 95}),
        ("progressive.jpg", RED, {"quality": 95, "progressive": True}),
        ("palette.png", RED.quantize(4), {}),
        ("cmyk.jpg", RED.convert("CMYK"), {"quality": 95}),
        ("lossless.webp", RED, {"lossless": True}),
        ("plain.bmp", RED, {}),
        ("plain.tiff", RED, {}),
        pytest.param(
            "ycbcr.tiff",
            RED.convert("YCbCr"),
            {},
            marks=pytest.mark.skipif(PIL.__version__ < "13", reason="Pillow reads such files since 13"),
        ),
        ("plain.ppm", RED, {}),
        ("plain.avif", RED, {"quality": 95}),
        ("animated.gif", RED.quantize(4), {"save_all": True, "append_images": [Image.new("P", (40, 30))]}),
        ("animated.webp", RED, {"save_all": True, "append_images": [Image.new("RGB", (40, 30))], "lossless": True}),
        ("wrong ending.png", RED, {"format": "JPEG", "quality": 95}),
    ],
)
def test_red_stays_red(name: str, image: Image.Image, options: dict[str, object], tmp_path: Path) -> None:
    found = read(save(tmp_path / name, image, **options))
    assert found.shape == (16, 16, 3)
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found, np.broadcast_to([255, 0, 0], found.shape), atol=6)


def test_grey_of_a_colour_and_colour_of_a_grey(tmp_path: Path) -> None:
    grey = read(save(tmp_path / "a.png"), (1, 16, 16))
    assert grey.shape == (16, 16, 1)
    assert set(grey.flat) == {76}  # 0.299 of 255, ITU-R 601
    back = read(save(tmp_path / "b.png", Image.new("L", (20, 20), 76)))
    assert set(back.flat) == {76}
    assert set(read(save(tmp_path / "c.png", Image.new("1", (20, 20), 1))).flat) == {255}


def test_sixteen_bits_keep_their_scale(tmp_path: Path) -> None:
    deep = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    for name in ("a.png", "a.tiff"):
        found = read(save(tmp_path / name, Image.fromarray(deep)), (1, 16, 16))
        np.testing.assert_array_equal(found[..., 0].flat, np.arange(256))


@pytest.mark.parametrize(("background", "level"), [("white", 255), ("black", 0)])
def test_transparent_parts_are_put_on_the_background(background: pixels.Background, level: int, tmp_path: Path) -> None:
    half = Image.new("RGBA", (16, 16), (255, 0, 0, 128))
    mixed = pixels.read(save(tmp_path / "half.png", half), SHAPE, "center", background)[0, 0].tolist()
    assert mixed == pytest.approx([(255 * 128 + level * 127) / 255, level * 127 / 255, level * 127 / 255], abs=1)
    clear = RED.quantize(4)
    clear.info["transparency"] = clear.getpixel((0, 0))
    file = save(tmp_path / "clear.png", clear, transparency=clear.getpixel((0, 0)))
    assert set(pixels.read(file, SHAPE, "center", background).flat) == {level}


def test_a_camera_held_upright_is_turned(tmp_path: Path) -> None:
    """The white half lies on the left in the file, and the tag says to turn the picture clockwise: then it is above."""
    image = Image.new("L", (40, 20))
    image.paste(255, (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    found = read(save(tmp_path / "x.jpg", image, exif=exif, quality=95), (1, 16, 8))[..., 0]
    assert found[:6].min() > 240
    assert found[-6:].max() < 15


def test_center_keeps_proportions_and_stretch_keeps_everything(tmp_path: Path) -> None:
    image = Image.new("L", (60, 20), 0)
    image.paste(255, (0, 0, 20, 20))  # the left third is white
    file = save(tmp_path / "x.png", image)
    assert read(file, (1, 16, 16)).mean() < 1  # only the middle is left, but for the resampling's ringing
    assert read(file, (1, 16, 16), "stretch").mean() / 255 == pytest.approx(1 / 3, abs=0.03)


def test_shrinking_is_antialiased(tmp_path: Path) -> None:
    """A one-pixel checkerboard becomes grey; without antialiasing it would stay black or white."""
    board = ((np.arange(64)[:, None] + np.arange(64)) % 2 * 255).astype(np.uint8)
    assert abs(read(save(tmp_path / "x.png", Image.fromarray(board)), (1, 16, 16)).astype(float) - 127.5).max() < 10


def test_a_large_jpeg_decoded_small_looks_as_if_decoded_whole(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 1600)
    smooth = np.stack([np.tile(ramp, (1200, 1)), np.tile(ramp[::-1], (1200, 1)), np.full((1200, 1600), 90.0)], axis=-1)
    file = save(tmp_path / "x.jpg", Image.fromarray(smooth.astype(np.uint8)), quality=95)
    with Image.open(file) as image:
        whole = pixels.fit(image.convert("RGB"), (3, 64, 64))
    np.testing.assert_allclose(read(file, (3, 64, 64)).astype(float), whole.astype(float), atol=3)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "no image that can be read"),
        (b"hello", "no image that can be read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "no image that can be read"),  # starts Ghostscript
    ],
)
def test_what_is_no_image(content: bytes, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        pixels.read(io.BytesIO(content), SHAPE, "center", "white")


def test_damaged_and_dangerous_files(tmp_path: Path) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8))
    whole = save(tmp_path / "x.jpg", noise).read_bytes()
    with pytest.raises(OSError, match="truncated"):
        pixels.read(io.BytesIO(whole[: len(whole) // 2]), SHAPE, "center", "white")
    with pytest.raises(ValueError, match="decompression bomb"):
        read(save(tmp_path / "bomb.png", Image.new("1", (14000, 14000))))
    with pytest.raises(ValueError, match="floating-point"):
        read(save(tmp_path / "x.tiff", Image.fromarray(np.ones((4, 4), np.float32))))
    with pytest.raises(ValueError, match="outside 0 to 65,535"):
        read(save(tmp_path / "y.tiff", Image.fromarray(np.full((4, 4), 70000, np.int32))))
