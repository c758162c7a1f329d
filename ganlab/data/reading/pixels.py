"""Decoding of image files of many formats to pixels of one shape."""

from __future__ import annotations

import os
import warnings
from typing import BinaryIO, Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ganlab.data.reading import ranges
from ganlab.data.reading.ranges import RangeSetting

Crop = Literal["center", "stretch"]
Background = Literal["white", "black"]

# Formats of files from strangers. Pillow knows more formats, some of which start other programs.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")
SUFFIXES = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".ppm",
    ".pgm", ".pbm", ".pnm", ".avif",
})  # fmt: skip
# In bytes. Pillow decodes at most 179 million pixels, which take less than this in any of the formats.
LARGEST_FILE = 1 << 29
ORIENTATION = 0x0112  # the tag of Exif


def bounded(size: int) -> None:
    """Raises ValueError if a file of ``size`` bytes is larger than any image that is decoded."""
    if size > LARGEST_FILE:
        raise ValueError("more than 512 MiB, which no image takes that could be decoded")


def read(
    file: str | os.PathLike[str] | BinaryIO,
    shape: tuple[int, int, int],
    crop: Crop,
    background: Background,
    number_range: RangeSetting | None = None,
) -> np.ndarray:
    """Returns the pixels (H, W, C) uint8 of an image file, the first picture of an animation. Raises Unscaled if its
    numbers may have several ranges and ``number_range`` is no pair of numbers; OSError, ValueError or others at a
    damaged file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd tags and of sizes that cameras have
        try:
            opened = Image.open(file, formats=FORMATS)
        except UnidentifiedImageError:
            raise ValueError(f"no image that can be read; {', '.join(FORMATS)} can") from None
        except Image.DecompressionBombError:
            raise ValueError("a decompression bomb, perhaps: more than 178,956,970 pixels") from None
        with opened as image:
            # JPEG can be decoded at 1/2, 1/4 or 1/8 of its size; at twice the wanted size no difference is visible.
            twice = 2 * max(shape[1:])
            image.draft(None, (twice, twice))
            if _has_deep_colours(image):
                return fit(_from_deep_colours(file, image, number_range), shape, crop, background)
            if image.format == "PPM" and not isinstance(number_range, tuple):
                number_range = None  # the file states its range, which Pillow maps to 16 bits
            return fit(ImageOps.exif_transpose(image), shape, crop, background, number_range)


def size_of(file: str | os.PathLike[str] | BinaryIO) -> tuple[int, int]:
    """Returns the height and width in pixels of an image file, as it is seen, without decoding it. Raises OSError,
    ValueError or others for a damaged file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(file, formats=FORMATS) as image:
            lies = image.getexif().get(ORIENTATION, 1) >= 5  # turned by 90 degrees
            return (image.width, image.height) if lies else (image.height, image.width)


def fit(
    image: Image.Image,
    shape: tuple[int, int, int],
    crop: Crop = "center",
    background: Background = "white",
    number_range: RangeSetting | None = None,
) -> np.ndarray:
    """Returns the pixels (H, W, C) uint8 of an image in the wanted ``shape`` (C, H, W), grey for one channel.

    ``crop: center`` cuts the largest central part with that aspect ratio, ``stretch`` keeps the whole image.
    ``background`` is the colour behind transparent parts. ``number_range`` is the setting ``data.range``; None means
    whole numbers of 16 bits, and refuses fractions. An image is reduced with Lanczos's filter, with antialiasing
    (Parmar et al. 2022 show how scores change without it), and enlarged bilinearly.
    """
    channels, height, width = shape
    if image.mode == "F" or image.mode.startswith("I"):
        image = Image.fromarray(ranges.shades(np.asarray(image), number_range))
    elif isinstance(number_range, tuple):
        image = _rescaled(image, number_range)
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


def _rescaled(image: Image.Image, bounds: ranges.Bounds) -> Image.Image:
    """Returns an image of bytes whose black and white are ``bounds``; its transparency stays."""
    if image.mode == "1":
        return image
    colours = 1 if image.mode in ("L", "LA") else 3
    clear, opaque = ("LA", "L") if colours == 1 else ("RGBA", "RGB")
    image = image.convert(clear if image.has_transparency_data else opaque)
    table = ranges.scaled(np.arange(256), bounds).tolist()
    return image.point(table * colours + list(range(256)) * (len(image.getbands()) - colours))


def _has_deep_colours(image: Image.Image) -> bool:
    """Returns whether Pillow would keep only the high byte of each channel of 16 bits."""
    return image.mode in ("RGB", "RGBA", "LA") and any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))


def _from_deep_colours(
    file: str | os.PathLike[str] | BinaryIO, image: Image.Image, number_range: RangeSetting | None
) -> Image.Image:
    """Returns an image with several channels of 16 bits as one of bytes. Raises Unscaled, ValueError."""
    if image.format != "PNG" or number_range is None:  # nothing here reads the low bytes of the other formats
        if isinstance(number_range, tuple):
            if number_range != ranges.NAMED["uint16"]:
                raise ValueError(
                    f"a {image.format} file with several channels of 16 bits, of which only the high 8 can be read; "
                    "save it as PNG, or type data.range=uint16"
                )
        elif number_range is not None:
            ranges.shades(np.asarray(image.convert("RGB")).astype(np.uint16) * np.uint16(257), number_range)
        return ImageOps.exif_transpose(image)
    import torch  # takes a second, and only these files need it: it reads all 16 bits
    from torchvision.io import decode_png

    if isinstance(file, str | os.PathLike):
        with open(file, "rb") as opened:
            packed = opened.read()
    else:
        file.seek(0)
        packed = file.read()
    deep = decode_png(torch.frombuffer(bytearray(packed), dtype=torch.uint8)).permute(1, 2, 0).numpy()
    opaque = deep.shape[2] in (1, 3)
    colours = ranges.shades(deep if opaque else deep[..., :-1], number_range)
    if not opaque:
        colours = np.concatenate([colours, ranges.scaled(deep[..., -1:], ranges.NAMED["uint16"])], axis=2)
    found = Image.fromarray(colours if colours.shape[2] > 1 else colours[..., 0])
    found.info["exif"] = image.getexif().tobytes()
    return ImageOps.exif_transpose(found)
