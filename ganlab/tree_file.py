"""Trees of numbers, strings and tensors in one safetensors file, the structure as JSON in its header. Files are
written atomically, and reading one runs no code from it. Checkpoints and exported generators are such files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from ganlab.atomic_write import replacing
from ganlab.errors import UserError, in_one_line

FORMAT = 1
SUFFIX = ".safetensors"
MARK = "ganlab"  # the entry of safetensors' header that holds the tree
# The errors that readers raise for a file that holds no such tree, or only a part of one.
BROKEN = (
    safetensors.SafetensorError, KeyError, ValueError, TypeError, AttributeError, OSError, OverflowError,
    RecursionError, MemoryError, RuntimeError,
)  # fmt: skip


def write(path: Path, tree: dict[str, Any]) -> None:
    """Writes a tree of dicts, lists, numbers, strings and tensors, and flushes it to the disk. A reader gets the
    complete old or the complete new file. Raises OSError; the old file is unchanged then."""
    tensors: dict[str, Tensor] = {}
    plain = _take_tensors(tree, "", tensors)
    header = {MARK: json.dumps({"format": FORMAT, "tree": plain})}
    path.parent.mkdir(exist_ok=True)  # without parents: a run folder that was moved away is not created again
    try:
        with replacing(path, durable=True) as partial:
            partial.touch()
            mode = partial.stat().st_mode  # the user's default permissions; safetensors sets fewer
            safetensors.torch.save_file(tensors, partial, metadata=header)
            partial.chmod(mode)
    except safetensors.SafetensorError as error:  # the library wraps the system's error
        raise OSError(in_one_line(error)) from error


def read(path: Path, part: str = "") -> dict[str, Any]:
    """Returns the tree in a file, with tensors on the CPU: those whose names begin with ``part``, such as
    ``/generator/``; the others are None. Raises UserError if the file is missing, incomplete or not such a file."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return tree_of(path, file, lambda name: file.get_tensor(name) if name.startswith(part) else None)
    except FileNotFoundError as error:
        raise UserError(f"{path} is not there") from error
    except BROKEN as error:
        raise UserError(f"{path} is not a whole ganlab checkpoint ({in_one_line(error)})") from error


def tree_of(path: Path, file: Any, tensor: Callable[[str], Tensor | None] = lambda name: None) -> dict[str, Any]:
    """Returns the tree in an opened safetensors file, each tensor replaced by the result of ``tensor`` for its name.
    Raises UserError if it has another format, and one of BROKEN if there is no tree or it is incomplete."""
    header = json.loads((file.metadata() or {})[MARK])
    if header["format"] != FORMAT:
        raise UserError(f"{path} has checkpoint format {header['format']}; this ganlab reads format {FORMAT}")
    tree = _put_tensors(header["tree"], tensor)
    if not isinstance(tree, dict):
        raise ValueError("what it holds has no names")
    return tree


def head(path: Path) -> dict[str, Any]:
    """Returns the numbers and strings at the top level of a tree without reading its tensors; {} if the file is not
    complete."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            tree = tree_of(path, file)
    except (UserError, *BROKEN):
        return {}
    return {key: value for key, value in tree.items() if isinstance(value, int | float | str | bool)}


def step_of(path: Path, unknown: int = 0) -> int:
    """Returns the training step that is stored in a file, or ``unknown`` if there is none or the file is
    incomplete."""
    step = head(path).get("step")
    return step if isinstance(step, int) else unknown


def _take_tensors(node: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(node, Tensor):
        # A copy of its own: safetensors stores no views, and batch norm's counters may share memory.
        tensors[path] = node.detach().cpu().contiguous().clone()
        return {"tensor": path}
    if isinstance(node, dict):
        return {"tree": {key: _take_tensors(value, f"{path}/{key}", tensors) for key, value in node.items()}}
    if isinstance(node, list | tuple):
        return {"list": [_take_tensors(value, f"{path}/{i}", tensors) for i, value in enumerate(node)]}
    return node


def _put_tensors(node: Any, tensor: Callable[[str], Tensor | None]) -> Any:
    if not isinstance(node, dict):
        return node
    if "tensor" in node:
        return tensor(node["tensor"])
    if "list" in node:
        return [_put_tensors(value, tensor) for value in node["list"]]
    return {key: _put_tensors(value, tensor) for key, value in node["tree"].items()}
