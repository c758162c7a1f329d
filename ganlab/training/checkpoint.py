"""Which checkpoints of a run there are: when one is written, which of the old ones stay, and which is the newest."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ganlab.errors import TrainingFailed, UserError, in_one_line
from ganlab.table import NonNegativeInt, PositiveInt
from ganlab.tree_file import SUFFIX, head, read, step_of, write

log = logging.getLogger("ganlab")

PAUSE = 1.0  # seconds between the tries to write the last checkpoint of a run, after which no other comes


@dataclass(frozen=True)
class CheckpointSettings:
    """A checkpoint ``every`` so many steps, of which the newest ``keep`` stay; the last step's is ``final`` and stays.
    ``retries`` of them in a row may fail to be written; with the next failure the run ends."""

    every: PositiveInt = 500  # steps
    keep: PositiveInt = 2  # files
    retries: NonNegativeInt = 3  # writes that may fail in a row; the next one ends the run


class Checkpoints:
    """The checkpoints of one run folder: ``step-0000500.safetensors``, …, and ``final.safetensors`` when it is done."""

    def __init__(self, folder: Path, settings: CheckpointSettings) -> None:
        self.folder, self.settings = folder, settings
        self.spare = 0  # so many of the newest before which all updates were finite stay beside those
        self.failures = 0

    def begin(self) -> None:
        """Makes the folder, and takes away the partial files that a kill left there. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
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
        # Older ones go only when the new one is safely there. Later ones, which a resumed run has stepped over because
        # they are damaged, do not count.
        older = [one for one in numbered(self.folder) if _named_step(one) <= step]
        good = (path for path in reversed(older) if head(path).get("finite", True))
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
        every = [path for path in reversed(self._by_step()) if head(path).get("finite", True)]
        if every and head(every[0]).get("step") == tried:
            every = [path for path in every if head(path).get("step") != tried] + every
        for path in every:
            with contextlib.suppress(UserError):  # damaged: an older one may be whole
                return read(path)
        raise UserError(f"{self.folder} holds no checkpoint before which all updates were finite")

    def drop_after(self, step: int) -> None:
        """Takes away the checkpoints of later steps than ``step``, which will be gone through again."""
        for path in self._by_step():
            if step_of(path) > step:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)

    def _by_step(self) -> list[Path]:
        final = self.folder / f"final{SUFFIX}"
        every = [*([final] if os.path.exists(final) else []), *numbered(self.folder)]
        return sorted(every, key=step_of)


def numbered(folder: Path) -> list[Path]:
    """The numbered checkpoints, oldest first."""
    named = [path for path in folder.glob(f"step-*{SUFFIX}") if path.stem.removeprefix("step-").isdecimal()]
    return sorted(named, key=_named_step)


def _named_step(path: Path) -> int:
    return int(path.stem.removeprefix("step-"))


def newest(folder: Path, part: str = "") -> tuple[Path, dict[str, Any]]:
    """The checkpoint with the most steps that is whole, and what is in it, tensors as ``read`` gives them. Raises
    UserError where there is none."""
    final = folder / f"final{SUFFIX}"
    # A run that was resumed with more steps has numbered checkpoints that are newer than its old final one.
    candidates = [(_named_step(path), path) for path in numbered(folder)]
    if os.path.exists(final):  # False where the folder may not be entered; Path raises there
        # As late as can be where its step cannot be read, so that it is told.
        candidates.append((step_of(final, sys.maxsize), final))
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
