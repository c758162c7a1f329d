"""The parts that the observers of tracking services, such as MLflow, have in common."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ganlab.atomic_write import write_atomically
from ganlab.errors import UserError

ATTEMPT = "progress/attempt"
"""The tag with the number of times that training had gone back when a value was recorded."""


@dataclass
class TrackedRun:
    """The run of a service that belongs to a run folder, kept in a file of the folder: its ``id`` at the service, and
    the step at which each attempt began.

    Training that is resumed or rolled back repeats steps, and services do not delete values. Each attempt therefore has
    a number, which is recorded beside its values: values of an earlier attempt at later steps than the one at which an
    attempt began are void.
    """

    path: Path
    id: str | None = None
    attempts: list[int] = field(default_factory=list)

    def begin(self, step: int) -> None:
        """Reads the file if there is one, and begins an attempt after ``step`` steps."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            saved = json.loads(self.path.read_text(encoding="utf-8"))
            self.id, self.attempts = str(saved["id"]), [int(one) for one in saved["attempts"]]
        self.go_back(step)

    def go_back(self, step: int) -> None:
        """Begins an attempt after ``step`` steps. Raises OSError."""
        self.attempts.append(step)
        self.save()

    def save(self) -> None:
        """Writes the file, once the id is known. Raises OSError."""
        if self.id is not None:
            write_atomically(self.path, json.dumps({"id": self.id, "attempts": self.attempts}) + "\n")

    @property
    def attempt(self) -> int:
        """The number of the present attempt, from 0."""
        return len(self.attempts) - 1


def need_package(module: str, extra: str) -> None:
    """Raises UserError with what to type if a package is not installed."""
    if find_spec(module) is None:
        raise UserError(
            f"logging.observers.{extra}: the package {module} is not installed; type "
            f"pip install 'ganlab-train[{extra}]', or leave {extra} out of logging.observers"
        )


def sweep_of(folder: Path) -> str | None:
    """Returns the name of the sweep to which a run belongs, or None."""
    return folder.resolve().parent.name if (folder.parent / "sweep.json").is_file() else None


def flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yields the full key of each setting with its value as text."""
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{key}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, default=str)
            yield f"{prefix}{key}", text


def score_values(values: Mapping[str, float], id: str, best: Mapping[str, Any]) -> dict[str, float]:
    """Returns scores by tag, and the best score so far with its step. Scores with different ids do not compare, so that
    each has tags of its own."""
    named = {f"scores/{name}-{id}": float(value) for name, value in values.items()}
    return named | {"scores/best": float(best["score"]), "scores/best_step": float(best["step"])}
