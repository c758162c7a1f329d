"""Reads the rows of a run's scores.jsonl and metrics.jsonl. Rows that cannot be read are named, and left out."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ganlab.report.model import Damage

MOST_ROWS = 100
"""The most rows of metrics.jsonl that are read: evenly spaced ones, and the last."""
IMAGES, SPEED = "progress/images", "progress/images_per_second"
LARGEST_NUMBER, LARGEST_STEP = 1e300, 10**15
TAGS = (
    "discriminator/loss", "discriminator/real", "discriminator/fake", "discriminator/gradient_norm",
    "discriminator/blocked", "discriminator/learning_rate",
    "generator/loss", "generator/gradient_norm", "generator/blocked", "generator/learning_rate",
)  # fmt: skip
"""The tags of metrics.jsonl that a report shows."""


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
            if not isinstance(row, dict) or not _is_step(row.get("step")):
                raise ValueError
        except (ValueError, RecursionError):
            if lines[number].strip() and (ended or number < len(lines) - 1):
                bad.append(number + 1)
            continue
        yield row
    if bad:
        more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        damage.append(Damage(str(file), f"line {bad[0]}{more}: no row of numbers"))


def read_scores(
    file: Path, ended: bool, damage: list[Damage]
) -> tuple[tuple[ScoreRow, ...], dict[str, Mapping[str, Any]]]:
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


def _is_step(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < LARGEST_STEP


def _number(value: Any) -> float | None:
    """Returns a finite float, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) <= LARGEST_NUMBER else None


def read_metrics(file: Path, ended: bool, damage: list[Damage]) -> dict[str, np.ndarray]:
    """Returns the columns ``step``, the images, the speed and ``TAGS`` of some rows of metrics.jsonl."""
    rows = list(_rows(file, ended, damage, MOST_ROWS))
    columns = ("step", IMAGES, SPEED, *TAGS)
    values = [[_number(row.get(column)) for column in columns] for row in rows]
    table = np.array(values, dtype=np.float64).reshape(len(rows), len(columns))  # None becomes NaN
    return {name: table[:, place] for place, name in enumerate(columns) if not np.isnan(table[:, place]).all()}
