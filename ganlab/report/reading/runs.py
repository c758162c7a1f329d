"""Reads the files of a run folder. What cannot be read is named in ``damage`` and never raises."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ganlab.errors import UserError, in_one_line
from ganlab.report.model import Damage, Picture
from ganlab.report.reading.rows import ScoreRow, read_metrics, read_scores
from ganlab.run_folder import InUse, RunFolder

FILES = ("status.json", "config.yaml", "metrics.jsonl", "scores.jsonl", "provenance.yaml")
"""The files by which a folder is known as that of a run."""
LARGEST = 10**15
Kinds = Mapping[str, type | tuple[type, ...]]
OF_STATUS: Kinds = {
    "status": str,
    "reason": str,
    "steps": int,
    "images": int,
    "seconds": (int, float),
    "lifted_rules": list,
    "verdicts": (list, str),
    "judged": bool,
}
OF_START: Kinds = {
    "command": str, "overrides": list, "versions": dict, "machine": dict, "device": str, "seconds": (int, float),
    "from_step": int,
    "started": str, "ended": str,
}  # fmt: skip
"""The kinds of values in status.json, and in an entry of provenance.yaml."""
PICTURE = re.compile(r"step-(\d{1,12})-(.+)\.png")


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

    @property
    def trained(self) -> tuple[Mapping[str, Any], ...]:
        """The starts that trained: without those that were refused, or that found nothing left to do. All starts where
        none of them trained, as of a refused run."""
        return tuple(one for one in self.starts if one.keys() & {"from_step", "seconds"}) or self.starts


def is_run(path: Path) -> bool:
    """Whether the folder holds a file of a run."""
    return any(os.path.isfile(path / name) for name in FILES)


def read_run(path: Path) -> RunFiles:
    """Reads a run folder; one that does not exist, or is empty, gives an empty record with the status ``missing``, or
    ``running`` where a process has just begun it."""
    if not is_run(path):
        return RunFiles(path, {"status": "running", "reason": ""}) if is_held(path) else RunFiles(path)
    damage: list[Damage] = []
    status = _status(path, damage)
    config: Mapping[str, Any] = {}
    try:
        config = RunFolder(path).load_config()
    except UserError as error:
        if os.path.exists(path / "config.yaml") or status["status"] != "refused":
            damage.append(Damage(str(path / "config.yaml"), _without(str(error), path)))
    starts = [_of_kinds(start, OF_START) for start in RunFolder(path).provenance()]
    if not starts and os.path.exists(path / "provenance.yaml"):
        damage.append(Damage(str(path / "provenance.yaml"), "it cannot be read"))
    ended = status["status"] not in ("running", "killed", "unknown")
    scores, fingerprints = read_scores(path / "scores.jsonl", ended, damage)
    pictures, real = _pictures(path, damage)
    metrics = read_metrics(path / "metrics.jsonl", ended, damage)
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
    if status["status"] == "running" and (_has_ended(status) or not is_held(path)):
        status |= {"status": "killed", "reason": "its process ended without a message (killed, or the machine stopped)"}
    return {"reason": "", **_of_kinds(status, OF_STATUS)}


def _of_kinds(found: Mapping[str, Any], kinds: Kinds) -> dict[str, Any]:
    """Returns the entries of a record without those that have another kind of value than ganlab writes, and without
    numbers that are not finite, negative, or too large for steps and seconds."""
    return {
        key: value
        for key, value in found.items()
        if isinstance(value, kinds.get(key, object))
        and not isinstance(value, bool)
        and (not isinstance(value, int | float) or 0 <= value < LARGEST)
    }


def _has_ended(status: Mapping[str, Any]) -> bool:
    """Whether the process of a run was on this machine and is there no more. Then its lock need not be tried, which
    would be in the way of a process that resumes the run at the same instant."""
    pid = status.get("pid")
    if sys.platform == "win32" or status.get("host") != socket.gethostname() or not isinstance(pid, int) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)  # sends nothing
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def is_held(path: Path) -> bool:
    """Whether a process trains in the folder, or runs the sweep in it. Writes nothing: a folder without a lock file is
    not held."""
    if not os.path.exists(path / ".lock"):
        return False
    try:
        RunFolder(path).need_free()
    except InUse:
        return True
    return False


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
