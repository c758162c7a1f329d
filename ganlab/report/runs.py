"""Reads the files of a run folder. What cannot be read is named in ``damage`` and never raises."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ganlab.errors import UserError, in_one_line
from ganlab.report.model import Damage, Picture
from ganlab.run_folder import InUse, RunFolder

FILES = ("status.json", "config.yaml", "metrics.jsonl", "scores.jsonl", "provenance.yaml")
"""The files by which a folder is known as that of a run."""
MOST_ROWS = 100
"""The most rows of metrics.jsonl that are read: evenly spaced ones, and the last."""
IMAGES, SPEED = "progress/images", "progress/images_per_second"
TAGS = (
    "discriminator/loss", "discriminator/real", "discriminator/fake", "discriminator/gradient_norm",
    "discriminator/blocked", "discriminator/learning_rate",
    "generator/loss", "generator/gradient_norm", "generator/blocked", "generator/learning_rate",
)  # fmt: skip
"""The tags of metrics.jsonl that a report shows."""
PICTURE = re.compile(r"step-(\d{1,12})-(.+)\.png")


@dataclass(frozen=True)
class ScoreRow:
    """A row of scores.jsonl. ``key`` names what its values depend on apart from whose ``weights`` are scored: rows
    with equal keys compare. ``id`` is the short name in the file, which depends on the weights too. ``training`` is
    whether it was made while training, not by ``evaluate`` afterwards."""

    step: int
    values: Mapping[str, float | None]
    key: str
    id: str
    weights: str | None
    training: bool
    histogram: tuple[int, ...] | None = None


@dataclass(frozen=True)
class RunFiles:
    """The content of a run folder. ``status`` has at least ``status`` and ``reason``; ``config`` is empty where it
    cannot be read; ``metrics`` are columns of equal length, NaN where a row has no value; ``fingerprints`` are those
    of the rows, by key."""

    path: Path
    status: Mapping[str, Any] = field(default_factory=lambda: {"status": "missing", "reason": ""})
    config: Mapping[str, Any] = field(default_factory=dict)
    starts: tuple[Mapping[str, Any], ...] = ()
    scores: tuple[ScoreRow, ...] = ()
    fingerprints: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    metrics: Mapping[str, np.ndarray] = field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()
    real: str | None = None
    damage: tuple[Damage, ...] = ()


def is_run(path: Path) -> bool:
    """Whether the folder holds a file of a run."""
    return any(os.path.isfile(path / name) for name in FILES)


def read_run(path: Path) -> RunFiles:
    """Reads a run folder; a folder that does not exist gives an empty record with the status ``missing``."""
    if not os.path.isdir(path):
        return RunFiles(path)
    damage: list[Damage] = []
    status = _status(path, damage)
    config: Mapping[str, Any] = {}
    try:
        config = RunFolder(path).load_config()
    except UserError as error:
        if os.path.exists(path / "config.yaml") or status["status"] != "refused":
            damage.append(Damage(str(path / "config.yaml"), _without(str(error), path)))
    starts = RunFolder(path).provenance()
    if not starts and os.path.exists(path / "provenance.yaml"):
        damage.append(Damage(str(path / "provenance.yaml"), "it cannot be read"))
    ended = status["status"] not in ("running", "killed", "unknown")
    scores, fingerprints = _scores(path / "scores.jsonl", ended, damage)
    pictures, real = _pictures(path, damage)
    metrics = _metrics(path / "metrics.jsonl", ended, damage)
    return RunFiles(path, status, config, tuple(starts), scores, fingerprints, metrics, pictures, real, tuple(damage))


def _without(message: str, path: Path) -> str:
    """Returns an error's message without the path at its start, which stands beside it."""
    return re.sub(rf"^{re.escape(str(path))}\S*?[ :,]+", "", message)


def _status(path: Path, damage: list[Damage]) -> dict[str, Any]:
    """Returns the content of status.json. A run that says ``running`` is ``killed`` if no process holds its folder."""
    file = path / "status.json"
    try:
        status = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(status, dict) or not isinstance(status.get("status"), str):
            raise ValueError("it names no status")
    except FileNotFoundError:
        return {"status": "unknown", "reason": "it has no status.json"}
    except (OSError, ValueError, RecursionError) as error:
        damage.append(Damage(str(file), in_one_line(error)))
        return {"status": "unknown", "reason": "its status.json cannot be read"}
    if status["status"] == "running" and not _is_held(path):
        status |= {"status": "killed", "reason": "its process ended without a word (killed, or the machine stopped)"}
    return {**status, "reason": str(status.get("reason") or "")}


def _is_held(path: Path) -> bool:
    """Whether a process trains in the folder. Writes nothing: a folder without a lock file is not held."""
    if not os.path.exists(path / ".lock"):
        return False
    try:
        RunFolder(path).need_free()
    except InUse:
        return True
    return False


def _rows(file: Path, ended: bool, damage: list[Damage], most: int | None = None) -> Iterator[dict[str, Any]]:
    """Yields the rows of a file of JSON objects, at most about ``most`` of them, evenly spaced. An incomplete last row
    is no damage of a run that has not ``ended``."""
    try:
        lines = file.read_bytes().splitlines()
    except FileNotFoundError:
        return
    except OSError as error:
        damage.append(Damage(str(file), error.strerror or str(error)))
        return
    stride = 1 if most is None else max(1, math.ceil(len(lines) / most))
    chosen = [*range((len(lines) - 1) % stride, len(lines), stride)]  # the last one is among them
    bad = []
    for number in chosen:
        try:
            row = json.loads(lines[number])
            if not isinstance(row, dict) or not isinstance(row.get("step"), int):
                raise ValueError
        except (ValueError, RecursionError):
            if lines[number].strip() and (ended or number < len(lines) - 1):
                bad.append(number + 1)
            continue
        yield row
    if bad:
        more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        damage.append(Damage(str(file), f"line {bad[0]}{more}: no row of numbers"))


def _scores(file: Path, ended: bool, damage: list[Damage]) -> tuple[tuple[ScoreRow, ...], dict[str, Mapping[str, Any]]]:
    """Returns the rows of scores.jsonl by step, the last of a step where it was scored twice, and fingerprints."""
    found: dict[tuple[str, bool, int], ScoreRow] = {}
    fingerprints: dict[str, Mapping[str, Any]] = {}
    for row in _rows(file, ended, damage):
        values, fingerprint = row.get("scores"), row.get("fingerprint")
        fingerprint = fingerprint if isinstance(fingerprint, dict) else {}
        if not isinstance(values, dict):
            continue
        measure = {key: value for key, value in fingerprint.items() if key != "weights"}
        key = json.dumps(measure, sort_keys=True) if measure else str(row.get("id") or "unknown")
        fingerprints[key] = measure
        numbers = {str(name): _number(value) for name, value in values.items()}
        histogram = row.get("histogram")
        one = ScoreRow(
            row["step"],
            numbers,
            key,
            str(row.get("id") or "unknown"),
            str(fingerprint["weights"]) if "weights" in fingerprint else None,
            "checkpoint" not in row,
            tuple(histogram) if isinstance(histogram, list) else None,
        )
        found[(key, one.training, one.step)] = one
    return tuple(sorted(found.values(), key=lambda one: one.step)), fingerprints


def _number(value: Any) -> float | None:
    """Returns a finite float, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _metrics(file: Path, ended: bool, damage: list[Damage]) -> dict[str, np.ndarray]:
    """Returns the columns ``step``, the images, the speed and ``TAGS`` of some rows of metrics.jsonl."""
    rows = list(_rows(file, ended, damage, MOST_ROWS))
    columns = ("step", IMAGES, SPEED, *TAGS)
    values = [[_number(row.get(column)) for column in columns] for row in rows]
    table = np.array(values, dtype=np.float64).reshape(len(rows), len(columns))  # None becomes NaN
    return {name: table[:, place] for place, name in enumerate(columns) if not np.isnan(table[:, place]).all()}


def _pictures(path: Path, damage: list[Damage]) -> tuple[tuple[Picture, ...], str | None]:
    """Returns the pictures of samples by step, and that of real images."""
    try:
        names = sorted(os.listdir(path / "samples"))
    except (FileNotFoundError, NotADirectoryError):
        return (), None
    except OSError as error:
        damage.append(Damage(str(path / "samples"), error.strerror or str(error)))
        return (), None
    found = [
        Picture(int(match[1]), match[2], f"samples/{name}") for name in names if (match := PICTURE.fullmatch(name))
    ]
    return tuple(sorted(found, key=lambda one: (one.step, one.network))), (
        "samples/real.png" if "real.png" in names else None
    )
