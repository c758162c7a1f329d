"""The checkpoints of a run: writing, deleting and finding them."""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import sys
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ganlab.errors import TrainingFailed, UserError, in_one_line
from ganlab.table import NonNegativeInt, Positive, PositiveInt
from ganlab.tree_file import SUFFIX, head, read, step_of, write

log = logging.getLogger("ganlab")

PAUSE = 1.0  # seconds between the attempts to write the last checkpoint of a run


@dataclass(frozen=True)
class CheckpointSettings:
    """The settings of checkpoints. One is written ``every`` so many steps, and ``minutes`` after the previous one
    (None: by steps only). The newest ``keep`` are kept, and ``final``, that of the last step. ``retries`` writes in a
    row may fail; the next failure ends the run."""

    every: PositiveInt = 500  # steps
    minutes: Positive | None = None  # since the checkpoint before; null: by steps only
    keep: PositiveInt = 2  # files
    retries: NonNegativeInt = 3  # writes that may fail in a row; the next one ends the run


class Checkpoints:
    """The checkpoints of one run folder: ``step-0000500.safetensors``, …, and ``final.safetensors`` of the last step.

    ``spare`` is the number of checkpoints before which all updates were finite that are kept beside the newest ones.
    ``before`` is the step at which the first verdict began; the checkpoint to branch from before it is kept.
    """

    def __init__(self, folder: Path, settings: CheckpointSettings, spare: int = 0) -> None:
        self.folder, self.settings, self.spare = folder, settings, spare
        self.failures = 0
        self.before: int | None = None  # the newest checkpoint that is not from after this step is kept too
        self._saved = time.monotonic()

    def begin(self) -> None:
        """Creates the folder, and deletes partial files that a killed process left there. Raises OSError."""
        self._saved = time.monotonic()
        self.folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):
            for partial in self.folder.glob(".*.partial"):
                partial.unlink(missing_ok=True)

    def due_by_time(self) -> bool:
        """Whether ``minutes`` have passed since the last checkpoint, or since training began."""
        minutes = self.settings.minutes
        return minutes is not None and time.monotonic() - self._saved >= 60 * minutes

    def save(self, step: int, state: dict[str, Any], final: bool = False, last: bool = False) -> Path | None:
        """Writes a checkpoint and returns its path; logs a note and returns None if it cannot be written. Raises
        TrainingFailed after more failures in a row than ``retries``. The ``last`` checkpoint of a run is retried at
        once."""
        self._saved = time.monotonic()
        path = self.folder / (f"final{SUFFIX}" if final else f"step-{step:07d}{SUFFIX}")
        while not self._written(path, state):
            if self.failures > self.settings.retries:
                raise TrainingFailed(self._ended(step))
            if not last:
                return None
            time.sleep(PAUSE)
        # Older checkpoints are deleted after the new one is complete. Later ones, which a resumed run has skipped
        # because they are damaged, do not count.
        older = [one for one in numbered(self.folder) if _named_step(one) <= step]
        good = (path for path in reversed(older) if head(path).get("finite", True))
        spared = list(islice(good, self.spare))
        if self.before is not None:
            spared += [path for path in older if _named_step(path) <= self.before][-1:]
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
        going_on = shlex.quote(f"resume={self.folder.parent}")
        kept = [path.name for path in (*numbered(self.folder)[-1:], self.folder / f"final{SUFFIX}") if path.exists()]
        times = f" {self.failures} times in a row" if self.failures > 1 else ""
        return (
            f"Training ended after step {step}: its checkpoint could not be written{times}. "
            + (f"{self.folder} still has {' and '.join(kept)}. " if kept else f"{self.folder} holds no checkpoint. ")
            + f"Make room, or let the folder be written to, and go on with {going_on}"
        )

    def save_best(self, state: dict[str, Any]) -> None:
        """Replaces the checkpoint with the best score; logs a note if it cannot be written."""
        path = self.folder / f"best{SUFFIX}"
        try:
            write(path, state)
        except OSError as error:
            log.warning("note: %s could not be written (%s); it is as it was before", path, in_one_line(error))

    def last_finite(self, tried: int | None = None, before: int | None = None) -> dict[str, Any]:
        """Returns the newest checkpoint before which all updates were finite, of those from ``before`` a step if there
        are any. If its step was ``tried`` before, returns an older one if there is one. Raises UserError if there is
        none."""
        every = [path for path in reversed(self._by_step()) if head(path).get("finite", True)]
        if before is not None:
            every = [path for path in every if step_of(path) < before] or every[-1:]
        if every and head(every[0]).get("step") == tried:
            every = [path for path in every if head(path).get("step") != tried] + every
        for path in every:
            with contextlib.suppress(UserError):  # damaged: an older one may be complete
                return read(path)
        raise UserError(f"{self.folder} holds no checkpoint before which all updates were finite")

    def drop_after(self, step: int) -> None:
        """Deletes the checkpoints of later steps than ``step``, which will be repeated."""
        for path in self._by_step():
            if step_of(path) > step:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)

    def _by_step(self) -> list[Path]:
        final = self.folder / f"final{SUFFIX}"
        every = [*([final] if os.path.exists(final) else []), *numbered(self.folder)]
        return sorted(every, key=step_of)


def numbered(folder: Path) -> list[Path]:
    """Returns the paths of the numbered checkpoints, oldest first."""
    named = [path for path in folder.glob(f"step-*{SUFFIX}") if path.stem.removeprefix("step-").isdecimal()]
    return sorted(named, key=_named_step)


def _named_step(path: Path) -> int:
    return int(path.stem.removeprefix("step-"))


def exists(folder: Path) -> bool:
    """Whether there is a checkpoint to resume from, damaged ones included; ``best`` does not count."""
    return bool(numbered(folder)) or os.path.exists(folder / f"final{SUFFIX}")


def newest(folder: Path, part: str = "") -> tuple[Path, dict[str, Any]]:
    """Reads the complete checkpoint with the most steps; returns its path and content, with tensors as in ``read``.
    Raises UserError if there is none."""
    final = folder / f"final{SUFFIX}"
    # A run that was resumed with more steps has numbered checkpoints that are newer than its old final one.
    candidates = [(_named_step(path), path) for path in numbered(folder)]
    if os.path.exists(final):  # False where the folder may not be entered; Path.exists raises there
        # An unreadable one counts as the newest, so that the damage is reported.
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
