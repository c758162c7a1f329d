"""Checkpoints: safetensors with a JSON header, written whole or not at all, and nothing that could run when opened."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from ganlab.errors import UserError
from ganlab.table import Count

FORMAT = 1
SUFFIX = ".safetensors"


@dataclass(frozen=True)
class CheckpointSettings:
    """A checkpoint ``every`` so many steps, of which the newest ``keep`` stay; the last step's is ``final`` and
    stays."""

    every: Count = 500  # steps
    keep: Count = 2  # files


def write(path: Path, tree: dict[str, Any]) -> None:
    """Writes a tree of dicts, lists, numbers, strings and tensors. A reader sees the old file or the new one, never a
    part: it is written beside its place, flushed to the disk, and renamed."""
    tensors: dict[str, Tensor] = {}
    plain = _take_tensors(tree, "", tensors)
    header = {"ganlab": json.dumps({"format": FORMAT, "tree": plain})}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        safetensors.torch.save_file(tensors, partial, metadata=header)
        with open(partial, "rb") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
        with contextlib.suppress(OSError):  # not every file system can flush a folder
            folder = os.open(path.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
    finally:
        partial.unlink(missing_ok=True)


def read(path: Path) -> dict[str, Any]:
    """The tree of a checkpoint, its tensors on the CPU. Raises UserError where the file is none or is not whole."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})["ganlab"])
            if header["format"] != FORMAT:
                raise UserError(f"{path} has checkpoint format {header['format']}; this ganlab reads format {FORMAT}")
            tree: dict[str, Any] = _put_tensors(header["tree"], file)
            return tree
    except FileNotFoundError as error:
        raise UserError(f"{path} is not there") from error
    except (safetensors.SafetensorError, KeyError, ValueError, TypeError, AttributeError, OSError) as error:
        raise UserError(f"{path} is not a whole ganlab checkpoint ({error}); take it away and resume again") from error


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


def _put_tensors(node: Any, file: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if "tensor" in node:
        tensor: torch.Tensor = file.get_tensor(node["tensor"])
        return tensor
    if "list" in node:
        return [_put_tensors(value, file) for value in node["list"]]
    return {key: _put_tensors(value, file) for key, value in node["tree"].items()}


class Checkpoints:
    """The checkpoints of one run folder: ``step-0000500.safetensors``, …, and ``final.safetensors`` when it is done."""

    def __init__(self, folder: Path, settings: CheckpointSettings) -> None:
        self.folder, self.settings = folder, settings

    def save(self, step: int, state: dict[str, Any], final: bool = False) -> Path:
        path = self.folder / (f"final{SUFFIX}" if final else f"step-{step:07d}{SUFFIX}")
        write(path, state)
        # Older ones go only when the new one is safely there.
        for old in numbered(self.folder)[: -self.settings.keep]:
            old.unlink(missing_ok=True)
        return path


def numbered(folder: Path) -> list[Path]:
    """The numbered checkpoints, oldest first."""
    return sorted(folder.glob(f"step-{'[0-9]' * 7}{SUFFIX}"))


def newest(folder: Path) -> Path:
    """The checkpoint with the most steps. Raises UserError where there is none."""
    final = folder / f"final{SUFFIX}"
    found = numbered(folder)
    candidates = [*found[-1:], *([final] if final.exists() else [])]
    if not candidates:
        raise UserError(f"{folder} holds no checkpoint; resume=… needs a run that has saved one")
    # A run that was resumed with more steps has numbered checkpoints that are newer than its old final one.
    return max(candidates, key=lambda path: _steps(path))


def _steps(path: Path) -> int:
    if path.name.startswith("step-"):
        return int(path.name.removeprefix("step-").removesuffix(SUFFIX))
    step = read(path).get("step")
    return step if isinstance(step, int) else 0
