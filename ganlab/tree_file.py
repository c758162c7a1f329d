"""Trees of numbers, words and tensors in one file: safetensors, its header as JSON. Written whole or not at all, and
nothing in it could run when it is opened. Checkpoints and exported generators are such files."""

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
# What a file that is no such tree, or not all of one, makes its readers stumble over.
BROKEN = (
    safetensors.SafetensorError, KeyError, ValueError, TypeError, AttributeError, OSError, OverflowError,
    RecursionError, MemoryError, RuntimeError,
)  # fmt: skip


def write(path: Path, tree: dict[str, Any]) -> None:
    """Writes a tree of dicts, lists, numbers, strings and tensors, and flushes it to the disk. A reader sees the old
    file or the new one, never a part of it. Raises OSError; the old file is as it was before then."""
    tensors: dict[str, Tensor] = {}
    plain = _take_tensors(tree, "", tensors)
    header = {MARK: json.dumps({"format": FORMAT, "tree": plain})}
    path.parent.mkdir(exist_ok=True)  # the folder alone: where the run folder was moved away, it is not made again
    try:
        with replacing(path, durable=True) as partial:
            partial.touch()
            mode = partial.stat().st_mode  # the rights that this person's files get; safetensors gives its files fewer
            safetensors.torch.save_file(tensors, partial, metadata=header)
            partial.chmod(mode)
    except safetensors.SafetensorError as error:  # the library wraps the system's error
        raise OSError(in_one_line(error)) from error


def read(path: Path, part: str = "") -> dict[str, Any]:
    """The tree in a file, its tensors on the CPU: those under ``part`` such as ``/generator/``, the others None. Raises
    UserError where the file is none or is not whole."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return tree_of(path, file, lambda name: file.get_tensor(name) if name.startswith(part) else None)
    except FileNotFoundError as error:
        raise UserError(f"{path} is not there") from error
    except BROKEN as error:
        raise UserError(f"{path} is not a whole ganlab checkpoint ({in_one_line(error)})") from error


def tree_of(path: Path, file: Any, tensor: Callable[[str], Tensor | None] = lambda name: None) -> dict[str, Any]:
    """The tree in an opened safetensors file, with what ``tensor`` gives for the name of each tensor in it. Raises
    UserError where it is of another format, and one of BROKEN where there is none, or not all of one."""
    header = json.loads((file.metadata() or {})[MARK])
    if header["format"] != FORMAT:
        raise UserError(f"{path} has checkpoint format {header['format']}; this ganlab reads format {FORMAT}")
    tree = _put_tensors(header["tree"], tensor)
    if not isinstance(tree, dict):
        raise ValueError("what it holds has no names")
    return tree


def head(path: Path) -> dict[str, Any]:
    """The numbers and words at the top of a tree, read without its tensors; nothing where the file is not whole."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            tree = tree_of(path, file)
    except (UserError, *BROKEN):
        return {}
    return {key: value for key, value in tree.items() if isinstance(value, int | float | str | bool)}


def step_of(path: Path, unknown: int = 0) -> int:
    """The training step that a file says it is of; ``unknown`` where it does not, or is not whole."""
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
