"""Checkpoints: safetensors with a JSON header, written whole or not at all, and nothing that could run when opened."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from ganlab.errors import UserError, in_one_line
from ganlab.table import Count

log = logging.getLogger("ganlab")

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
        partial.touch()
        mode = partial.stat().st_mode  # what this person's files may be; safetensors lets nobody else read its own
        safetensors.torch.save_file(tensors, partial, metadata=header)
        partial.chmod(mode)
        with open(partial, "rb") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
        with contextlib.suppress(OSError):  # not every file system can flush a folder
            folder = os.open(path.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
    finally:
        partial.unlink(missing_ok=True)


def read(path: Path, part: str = "") -> dict[str, Any]:
    """The tree of a checkpoint, its tensors on the CPU: those under ``part`` such as ``/generator/``, the others None.
    Raises UserError where the file is none or is not whole."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})["ganlab"])
            if header["format"] != FORMAT:
                raise UserError(f"{path} has checkpoint format {header['format']}; this ganlab reads format {FORMAT}")
            tree = _put_tensors(header["tree"], file, part)
            if not isinstance(tree, dict):
                raise ValueError("what it holds has no names")
            return tree
    except FileNotFoundError as error:
        raise UserError(f"{path} is not there") from error
    except (
        safetensors.SafetensorError, KeyError, ValueError, TypeError, AttributeError, OSError, RecursionError,
        MemoryError, RuntimeError,
    ) as error:  # fmt: skip
        raise UserError(f"{path} is not a whole ganlab checkpoint ({in_one_line(error)})") from error


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


def _put_tensors(node: Any, file: Any, part: str) -> Any:
    if not isinstance(node, dict):
        return node
    if "tensor" in node:
        tensor: torch.Tensor | None = file.get_tensor(node["tensor"]) if node["tensor"].startswith(part) else None
        return tensor
    if "list" in node:
        return [_put_tensors(value, file, part) for value in node["list"]]
    return {key: _put_tensors(value, file, part) for key, value in node["tree"].items()}


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

    def save_best(self, state: dict[str, Any]) -> Path:
        """The checkpoint with the best score so far, which replaces the one before."""
        path = self.folder / f"best{SUFFIX}"
        write(path, state)
        return path


def numbered(folder: Path) -> list[Path]:
    """The numbered checkpoints, oldest first."""
    return sorted(folder.glob(f"step-{'[0-9]' * 7}{SUFFIX}"))


def newest(folder: Path, part: str = "") -> tuple[Path, dict[str, Any]]:
    """The checkpoint with the most steps that is whole, and what is in it, tensors as ``read`` gives them. Raises
    UserError where there is none."""
    final = folder / f"final{SUFFIX}"
    # A run that was resumed with more steps has numbered checkpoints that are newer than its old final one.
    candidates = [(int(path.stem.removeprefix("step-")), path) for path in numbered(folder)]
    if final.exists():
        candidates.append((_steps_of(final), final))
    if not candidates:
        raise UserError(f"{folder} holds no checkpoint; name a run that has saved one")
    problems: list[str] = []
    for _, path in sorted(candidates, reverse=True):
        try:
            tree = read(path, part)
        except UserError as error:
            problems.append(str(error))
            continue
        for problem in problems:
            log.warning("note: %s; going on from %s", problem, path.name)
        return path, tree
    raise UserError("; ".join(problems))


def _steps_of(path: Path) -> int:
    """The step of a checkpoint, from its header alone; as late as can be where that cannot be read, so that it is
    told."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return int(json.loads(file.metadata()["ganlab"])["tree"]["tree"]["step"])
    except (
        safetensors.SafetensorError, KeyError, ValueError, TypeError, OSError, OverflowError, RecursionError,
    ):  # fmt: skip
        return sys.maxsize
