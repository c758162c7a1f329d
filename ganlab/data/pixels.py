"""From an image file of whatever kind to pixels of one shape."""

from __future__ import annotations

import os
import warnings
from typing import BinaryIO, Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

Crop = Literal["center", "stretch"]
Background = Literal["white", "black"]

# What a stranger's file may be decoded with. Pillow knows more formats, some of which start other programs.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")
SUFFIXES = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".ppm",
    ".pgm", ".pbm", ".pnm", ".avif",
})  # fmt: skip
# In bytes: more than the 179 million pixels that Pillow decodes at most take at 8 bits each, in any of the formats.
LARGEST_FILE = 1 << 29


def bounded(size: int) -> None:
    """Raises ValueError for a file of more bytes than any image that is decoded."""
    if size > LARGEST_FILE:
        raise ValueError("more than 512 MiB, which no image takes that could be decoded")


def read(
    file: str | os.PathLike[str] | BinaryIO, shape: tuple[int, int, int], crop: Crop, background: Background
) -> np.ndarray:
    """The pixels (H, W, C) uint8 of an image file, the first picture of an animation. Raises OSError, ValueError or
    what else a decoder raises at a damaged file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, on odd tags and on sizes that cameras have come to make
        try:
            opened = Image.open(file, formats=FORMATS)
        except UnidentifiedImageError:
            raise ValueError(f"no image that can be read; {', '.join(FORMATS)} can") from None
        except Image.DecompressionBombError:
            raise ValueError("a decompression bomb, perhaps: more than 178,956,970 pixels") from None
        with opened as image:
            # JPEG can be decoded at 1/2, 1/4 or 1/8: to twice what is needed, so that no difference can be seen.
            twice = 2 * max(shape[1:])
            image.draft(None, (twice, twice))
            return fit(ImageOps.exif_transpose(image), shape, crop, background)


def fit(
    image: Image.Image, shape: tuple[int, int, int], crop: Crop = "center", background: Background = "white"
) -> np.ndarray:
    """The pixels (H, W, C) uint8 of an image in the wanted ``shape`` (C, H, W), grey for one channel.

    ``crop: center`` cuts the largest middle part of that shape, ``stretch`` keeps all of the image. Transparent parts
    are put on ``background``. Where it shrinks, a Lanczos filter over all the pixels that fall into one (Parmar et al.
    2022 show what becomes of scores without such antialiasing); where it grows, bilinear.
    """
    channels, height, width = shape
    if image.mode == "F":
        raise ValueError("floating-point pixels, whose range nobody knows")
    if image.mode.startswith("I"):  # 16 bits a pixel: the high ones
        deep = np.asarray(image)
        if deep.min() < 0 or deep.max() > 65535:
            raise ValueError("pixels outside 0 to 65,535")
        image = Image.fromarray((deep / 257).round().astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, background), image)
    image = image.convert("L" if channels == 1 else "RGB")
    if image.size != (width, height):
        shrinks = image.width > width or image.height > height
        method = Image.Resampling.LANCZOS if shrinks else Image.Resampling.BILINEAR
        if crop == "center":
            image = ImageOps.fit(image, (width, height), method)
        else:
            image = image.resize((width, height), method)
    return np.asarray(image).reshape(height, width, channels)
