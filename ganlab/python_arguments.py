"""Arguments of the Python interface: numbers and tensors, also as NumPy's numbers and arrays."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganlab.errors import UserError


def whole_number(name: str, value: Any, least: int | None = None) -> int:
    """Returns a whole number of Python, of NumPy, or in a tensor. Raises UserError, also if it is below ``least``."""
    try:
        number = None if isinstance(value, bool | np.bool_) else operator.index(value)
    except TypeError:
        number = None
    if number is None or (least is not None and number < least):
        raise UserError(f"{name}={_shown(value)}: need a whole number{'' if least is None else f', at least {least}'}")
    return number


def positive_number(name: str, value: Any, example: float) -> float:
    """Returns a number above 0 of Python, of NumPy, or in a tensor. Raises UserError."""
    found = value.tolist() if isinstance(value, np.generic | np.ndarray | Tensor) else value
    if isinstance(found, bool) or not isinstance(found, int | float) or not found > 0:
        raise UserError(f"{name}={_shown(value)}: need a number above 0, such as {example}")
    return float(found)


def _shown(value: Any) -> str:
    """Returns a value for a message: text in quotes, since '4' is no number."""
    return repr(value) if isinstance(value, str) else str(value)


def as_tensor(name: str, value: Any) -> Tensor:
    """Returns a tensor unchanged, and the numbers of an array or of nested lists as a tensor of their own. Raises
    UserError."""
    if isinstance(value, Tensor):
        return value
    try:
        array = np.array(value)  # a copy: PyTorch takes no array that is read-only or backwards
        return torch.from_numpy(array.astype(array.dtype.newbyteorder("=")))
    except (TypeError, ValueError) as error:  # texts, None, or lists of different lengths
        raise UserError(f"{name}: need a tensor, an array or lists of numbers, found {type(value).__name__}") from error
