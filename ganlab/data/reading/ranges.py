"""The range of the numbers in images: which number is black, and which is white."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np

from ganlab.errors import UserError

Bounds = tuple[float, float]
"""The numbers of black and of white. The first may be the greater one: then small numbers are bright."""

RangeSetting = Literal["auto", "uint8", "uint16", "unit", "signed"] | Bounds
"""``data.range``: the bounds, by name or as two numbers; ``auto`` derives them from the numbers of the whole set."""

NAMED: dict[str, Bounds] = {"uint8": (0, 255), "uint16": (0, 65535), "unit": (0, 1), "signed": (-1, 1)}
DEPTHS = (8, 10, 12, 14, 16)  # bits that cameras, microscopes and scanners use
OVERSHOOT = 0.1  # share of a range by which fractions may lie outside: resampling overshoots at edges
DARK = 64  # of 255: images whose brightest pixel is below this are nearly black

Kind = Literal["integers", "fractions"]


class Unscaled(Exception):
    """Raised by ``pixels`` if the bounds of the set are needed and unknown. Contains the least and the greatest number
    of the image."""

    def __init__(self, kind: Kind, lowest: float, highest: float) -> None:
        super().__init__(kind, lowest, highest)
        self.numbers = Numbers(kind, lowest, highest)


class Numbers(NamedTuple):
    """The kind of the numbers of images, the least and the greatest of them."""

    kind: Kind
    lowest: float
    highest: float

    def __str__(self) -> str:
        return f"{_shown(self.lowest)} to {_shown(self.highest)}"


def bounds_of(setting: RangeSetting, numbers: Numbers, where: str = "") -> tuple[Bounds, str]:
    """Returns the bounds of a set with these numbers, and a note that states them. ``where`` names the file in errors.
    Raises UserError where the numbers do not fit."""
    found = f"data.range={_typed(setting)}: the numbers{f' of {where}' if where else ''} go from {numbers}"
    if not (math.isfinite(numbers.lowest) and math.isfinite(numbers.highest)):
        raise UserError(f"{found}, and images have finite numbers; replace the others and save the file again")
    hint = f"type data.range=[{numbers.lowest:g},{numbers.highest:g}], or other numbers for black and white"
    if isinstance(setting, tuple):
        name, bounds = "", setting
        if max(bounds) <= numbers.lowest or min(bounds) >= numbers.highest:
            raise UserError(f"{found}, all of them at or beyond one end of the range; {hint}")
    elif setting == "auto":
        fitting = _fitting(numbers)
        if fitting is None:
            raise UserError(
                f"{found}, which is no usual range (0 to 255, 0 to 1, -1 to 1, or 10 to 16 bits from 0 on); {hint}"
            )
        name, bounds = fitting
    else:
        name, bounds = setting, NAMED[setting]
        if not _within(numbers, bounds):
            raise UserError(f"{found}, and {setting} means {_shown(bounds[0])} to {_shown(bounds[1])}; {hint}")
    black, white = map(_shown, bounds)
    taken = f"numbers from {numbers} were read as {name or 'typed'}: {black} is black, {white} is white"
    clipped = numbers.lowest < min(bounds) or numbers.highest > max(bounds)
    return bounds, taken + (", and numbers beyond them are clipped" if clipped else "")


def _fitting(numbers: Numbers) -> tuple[str, Bounds] | None:
    """Returns the usual range that the numbers fill, and its name; None if they fill none of them."""
    if numbers.kind == "integers":
        if numbers.lowest < 0 or numbers.highest < DARK:
            return None
        bits = next((bits for bits in DEPTHS if numbers.highest < 1 << bits), None)
        if bits is None:
            return None
        return {8: "uint8", 16: "uint16"}.get(bits, f"{bits} bits"), (0, (1 << bits) - 1)
    # A signed set has dark pixels, far below 0; a little below 0 is the overshoot of a resampling.
    if numbers.lowest <= -0.5 and _within(numbers, NAMED["signed"]):
        return "signed", NAMED["signed"]
    if numbers.highest > 0 and _within(numbers, NAMED["unit"]):
        return "unit", NAMED["unit"]
    if numbers.highest >= 200 and _within(numbers, NAMED["uint8"]):
        return "uint8", NAMED["uint8"]
    return None


def _within(numbers: Numbers, bounds: Bounds) -> bool:
    slack = OVERSHOOT * (bounds[1] - bounds[0]) if numbers.kind == "fractions" else 0
    return numbers.lowest >= bounds[0] - slack and numbers.highest <= bounds[1] + slack


def scaled(numbers: np.ndarray, bounds: Bounds) -> np.ndarray:
    """Returns the numbers as uint8: 0 at and below ``bounds[0]``, 255 at and above ``bounds[1]``, linear between."""
    black, white = bounds
    # Of whole numbers of 16 bits float32 has the product with 255 exactly.
    shade: Any = numbers.astype(np.float32 if numbers.dtype.itemsize <= 2 else np.float64)
    shade -= black
    shade *= 255
    shade /= white - black
    found: np.ndarray = np.rint(shade.clip(0, 255, out=shade)).astype(np.uint8)
    return found


def kind_of(dtype: np.dtype[Any]) -> Kind:
    return "fractions" if dtype.kind == "f" else "integers"


def shades(numbers: np.ndarray, setting: RangeSetting | None) -> np.ndarray:
    """Returns the numbers of one image as uint8 if ``setting`` is a pair of bounds. Raises Unscaled if it is a name,
    and ValueError if they are no shades. None is the setting of sources without one: 16 bits."""
    lowest, highest = float(numbers.min()), float(numbers.max())
    if not (math.isfinite(lowest) and math.isfinite(highest)):
        raise ValueError("numbers that are not finite")
    if setting is None:
        if numbers.dtype.kind == "f":
            raise ValueError("floating-point pixels, whose range is unknown")
        if lowest < 0 or highest > 65535:
            raise ValueError("pixels outside 0 to 65,535")
        setting = NAMED["uint16"]
    if not isinstance(setting, tuple):
        raise Unscaled(kind_of(numbers.dtype), lowest, highest)
    return scaled(numbers, setting)


def need_two(setting: RangeSetting) -> None:
    """Raises ValueError for bounds that are one number."""
    if isinstance(setting, tuple) and setting[0] == setting[1]:
        raise ValueError(f"data.range={_typed(setting)}: black and white are the same number; type two different ones")


def _typed(setting: RangeSetting) -> str:
    return f"[{setting[0]:g},{setting[1]:g}]" if isinstance(setting, tuple) else setting


def _shown(number: float) -> str:
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:.4g}"
