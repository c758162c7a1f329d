"""Checkpoints: safetensors with a JSON header, written whole or not at all, and nothing that could run when opened."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from ganlab.errors import TrainingFailed, UserError, in_one_line
from ganlab.table import Count, Whole

log = logging.getLogger("ganlab")

FORMAT = 1
SUFFIX = ".safetensors"
PAUSE = 1.0  # seconds between the tries to write the last checkpoint of a run, after which no other comes


@dataclass(frozen=True)
class CheckpointSettings:
    """A checkpoint ``every`` so many steps, of which the newest ``keep`` stay; the last step's is ``final`` and stays.
    ``retries`` of them in a row may fail to be written; with the next failure the run ends."""

    every: Count = 500  # steps
    keep: Count = 2  # files
    retries: Whole = 3  # writes that may fail in a row; the next one ends the run


def write(path: Path, tree: dict[str, Any]) -> None:
    """Writes a tree of dicts, lists, numbers, strings and tensors. A reader sees the old file or the new one, never a
    part: it is written beside its place, flushed to the disk, and renamed. Raises OSError where it cannot be written;
    the old file is as it was then."""
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
    except safetensors.SafetensorError as error:  # its own wrapping of what the system said
        raise OSError(in_one_line(error)) from error
    finally:
        with contextlib.suppress(OSError):
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
        self.spare = 0  # so many of the newest before which all updates were finite stay beside those
        self.failures = 0

    def clear(self) -> None:
        """Takes away the partial files that a kill left behind."""
        with contextlib.suppress(OSError):
            for partial in self.folder.glob(".*.partial"):
                partial.unlink(missing_ok=True)

    def save(self, step: int, state: dict[str, Any], final: bool = False, last: bool = False) -> Path | None:
        """The file that was written. None where it could not be, with a note; raises TrainingFailed after more
        failures in a row than ``retries``. Of a ``last`` one, after which no other comes, these tries are made here."""
        path = self.folder / (f"final{SUFFIX}" if final else f"step-{step:07d}{SUFFIX}")
        while not self._written(path, state):
            if self.failures > self.settings.retries:
                raise TrainingFailed(self._ended(step))
            if not last:
                return None
            time.sleep(PAUSE)
        # Older ones go only when the new one is safely there.
        older = numbered(self.folder)
        good = (path for path in reversed(older) if _header(path).get("finite", True))
        spared = list(islice(good, self.spare))
        for old in older[: -self.settings.keep]:
            if old not in spared:
                with contextlib.suppress(OSError):
                    old.unlink(missing_ok=True)
        return path

    def _written(self, path: Path, state: dict[str, Any]) -> bool:
        try:
            write(path, state)
        except OSError as error:
            self.failures += 1
            left = self.settings.retries - self.failures + 1
            going_on = f"; it may fail {left} more time{'s' if left > 1 else ''}" if left > 0 else ""
            log.warning("note: %s could not be written (%s)%s", path, in_one_line(error), going_on)
            return False
        self.failures = 0
        return True

    def _ended(self, step: int) -> str:
        kept = [path.name for path in (*numbered(self.folder)[-1:], self.folder / f"final{SUFFIX}") if path.exists()]
        times = f" {self.failures} times in a row" if self.failures > 1 else ""
        return (
            f"Training ended after step {step}: its checkpoint could not be written{times}. "
            + (f"{self.folder} still has {' and '.join(kept)}. " if kept else f"{self.folder} holds no checkpoint. ")
            + f"Make room, or let the folder be written to, and go on with resume={self.folder.parent}"
        )

    def save_best(self, state: dict[str, Any]) -> None:
        """The checkpoint with the best score so far, which replaces the one before; a note where it cannot."""
        path = self.folder / f"best{SUFFIX}"
        try:
            write(path, state)
        except OSError as error:
            log.warning("note: %s could not be written (%s); it is as it was before", path, in_one_line(error))

    def last_finite(self, tried: int | None = None) -> dict[str, Any]:
        """What is in the newest checkpoint before which all updates were finite; in an older one where there is one
        and this is of the step that was ``tried`` before. Raises UserError where there is none."""
        every = [path for path in reversed(self._by_step()) if _header(path).get("finite", True)]
        if every and _header(every[0]).get("step") == tried:
            every = [path for path in every if _header(path).get("step") != tried] + every
        for path in every:
            with contextlib.suppress(UserError):  # damaged: an older one may be whole
                return read(path)
        raise UserError(f"{self.folder} holds no checkpoint before which all updates were finite")

    def drop_after(self, step: int) -> None:
        """Takes away the checkpoints of later steps than ``step``, which will be gone through again."""
        for path in self._by_step():
            if _step(path) > step:
                path.unlink(missing_ok=True)

    def _by_step(self) -> list[Path]:
        final = self.folder / f"final{SUFFIX}"
        every = [*([final] if final.exists() else []), *numbered(self.folder)]
        return sorted(every, key=_step)


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
        # As late as can be where its step cannot be read, so that it is told.
        candidates.append((_step(final, sys.maxsize), final))
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


def _step(path: Path, unknown: int = 0) -> int:
    step = _header(path).get("step")
    return step if isinstance(step, int) else unknown


def _header(path: Path) -> dict[str, Any]:
    """The numbers and words at the top of a checkpoint, read without its tensors; nothing where it is not whole."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            top = json.loads(file.metadata()["ganlab"])["tree"]["tree"]
        return {key: value for key, value in top.items() if isinstance(value, int | float | str | bool)}
    except (
        safetensors.SafetensorError, KeyError, ValueError, TypeError, AttributeError, OSError, OverflowError,
        RecursionError,
    ):  # fmt: skip
        return {}
