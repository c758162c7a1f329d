"""Trains the runs of the collection, one after the other, in one process, and goes on where it was interrupted."""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from benchmarks.diagnosis_collection.fresh import FRESH_HEALTHY, FRESH_PLANTED
from benchmarks.diagnosis_collection.healthy import HEALTHY
from benchmarks.diagnosis_collection.kinds import Kind, without_replaced
from benchmarks.diagnosis_collection.planted import PLANTED
from ganlab.commands.launch.job import plain_configuration
from ganlab.commands.launch.training_run import Outcome
from ganlab.commands.launch.training_run import train as training
from ganlab.config import Configuration, configure
from ganlab.config.compose import composer
from ganlab.errors import Diverged, UserError
from ganlab.run.rows import metrics_rows, scores_rows
from ganlab.run_folder import RunFolder

KINDS: tuple[Kind, ...] = PLANTED + FRESH_PLANTED + HEALTHY + FRESH_HEALTHY
ENDED = ("finished", "diverged", "refused", "failed")
"""The statuses of runs that are not trained again."""
TYPED = "typed.json"


@dataclass(frozen=True)
class Member:
    """One run of the collection, in its ``folder``."""

    kind: Kind
    seed: int
    folder: Path

    @property
    def status(self) -> str:
        """How it ended; ``missing`` if it has not begun."""
        try:
            return str(json.loads((self.folder / "status.json").read_text(encoding="utf-8"))["status"])
        except (OSError, ValueError, KeyError):
            return "missing"

    @property
    def ended(self) -> bool:
        """Whether it is not to be trained again: it has ended, with the settings that its kind has today."""
        return self.status in ENDED and self._typed() in (None, self.kind.overrides(self.seed))

    def _typed(self) -> list[str] | None:
        try:
            return list(json.loads((self.folder / TYPED).read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return None

    def begin(self) -> None:
        """Empties its folder, and writes down what it is trained with."""
        shutil.rmtree(self.folder, ignore_errors=True)  # of a run that was interrupted, or of other settings
        self.folder.mkdir(parents=True)
        (self.folder / TYPED).write_text(json.dumps(self.kind.overrides(self.seed), indent=1), encoding="utf-8")

    def metrics(self) -> list[dict[str, Any]]:
        """Returns the rows of its metrics."""
        return metrics_rows(self.folder)

    def scores(self) -> list[dict[str, Any]]:
        """Returns the rows of its scores."""
        return scores_rows(self.folder)


def members(folder: Path, kinds: Iterable[Kind] = KINDS) -> list[Member]:
    """Returns all runs: the first seed of every kind, then the second, so that an unfinished collection has all
    kinds."""
    chosen = tuple(kinds)
    most = max((len(kind.seeds) for kind in chosen), default=0)
    return [
        Member(kind, kind.seeds[place], folder / "runs" / kind.name / f"seed-{kind.seeds[place]}")
        for place in range(most)
        for kind in chosen
        if place < len(kind.seeds)
    ]


@cache
def _composed(kind: Kind, changes: tuple[str, ...]) -> dict[str, Any]:
    """Returns the plain configuration of a kind's runs; their seed alone differs."""
    with composer(None) as composing:
        read = composing.read(without_replaced((*kind.overrides(0), *changes)))
        return plain_configuration(composing, read, composing.rewrite(read), None)[0]


def settings_of(kind: Kind, seed: int, changes: tuple[str, ...] = ()) -> Configuration:
    """Returns the configuration of a run, with ``changes``. Raises UserError."""
    return configure({**_composed(kind, changes), "seed": seed})


def train(configured: Callable[[], Configuration], path: Path, parent: RunFolder | None = None) -> str:
    """Trains a run in the folder ``path``, or goes on from the state in ``parent``, and returns how it ended, which
    status.json says too. Nothing that happens to it ends the collection."""
    path.mkdir(parents=True, exist_ok=True)
    folder = RunFolder(path)
    try:
        outcome = training(configured(), folder, parent)
    except Diverged as error:
        outcome = Outcome("diverged", str(error), {"steps": error.step})
    except Exception as error:
        outcome = Outcome("failed", f"{type(error).__name__}: {error}")
    folder.save_status(outcome.status, outcome.reason, **outcome.facts)
    return outcome.status


def train_all(todo: Sequence[Member]) -> Iterator[str]:
    """Trains the runs that have not ended, and yields a line for each. Ctrl-C and SIGTERM end it after a step."""
    logging.getLogger("ganlab").setLevel("ERROR")
    for number, one in enumerate(todo, 1):
        if one.ended:
            continue
        began = time.process_time()
        one.begin()
        status = train(partial(settings_of, one.kind, one.seed), one.folder)
        last = (one.scores() or [{}])[-1]
        scores = " ".join(f"{name} {last[name]:.3g}" for name in ("fid", "modes", "recall") if name in last)
        seconds = time.process_time() - began
        yield f"{number}/{len(todo)} {one.kind.name} seed {one.seed}: {status}, {seconds:.0f} CPU s, {scores}"
        if status == "stopped":
            return


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Returns a context in which no other process trains in the collection's folder. Raises UserError."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "collection.lock", timeout=0):
            yield
    except Timeout:
        raise UserError(f"{folder}: another process trains there; wait for it, or end it") from None


def use_cache(folder: Path) -> None:
    """Keeps decoded images and classifiers in the collection's folder, unless the environment names another."""
    os.environ.setdefault("GANLAB_CACHE", str(folder / "cache"))
