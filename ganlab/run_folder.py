"""A run's folder: its name, and what later commands find in it.

config.yaml        the resolved configuration
samples/           real.png, step-0000250-generator.png, …
metrics.jsonl      one row of numbers per log point
events…            the same for TensorBoard
checkpoints/       step-0000500.safetensors, …, final.safetensors
train.log          what was said
status.json        how it ended
.lock              held by the process that trains here
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from ganlab.atomic_write import write_atomically
from ganlab.errors import BAD_VALUE, UserError, in_one_line

OUTPUTS = Path("outputs")
LONGEST_NAME = 100


def as_yaml(plain: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(plain), sort_keys=False, default_flow_style=None, allow_unicode=True)


def run_name(overrides: Sequence[str]) -> str:
    """What was overridden, in letters that every shell, file system and Hydra itself can read back:
    ``[A-Za-z0-9.+_-]``."""
    parts = [re.sub(r"[^A-Za-z0-9._]+", "-", override.lstrip("+~")).strip("-") for override in overrides]
    return "+".join(part for part in parts if part)


def make(overrides: Sequence[str], root: Path = OUTPUTS) -> Path:
    """A new folder ``<root>/<date>/<time>-<what was overridden>``, made exclusively: two runs in one second get two."""
    now = datetime.now()
    name = "-".join(part for part in (f"{now:%H-%M-%S}", run_name(overrides)) if part)
    return make_exclusively(root / f"{now:%Y-%m-%d}", name)


def make_sweep(root: Path = OUTPUTS) -> Path:
    """A new folder ``<root>/multirun/<date>/<time>`` for the runs of a sweep, made exclusively."""
    now = datetime.now()
    return make_exclusively(root / "multirun" / f"{now:%Y-%m-%d}", f"{now:%H-%M-%S}")


def job_name(override_dirname: str) -> str:
    """What a sweep's job overrides, from Hydra's own text for it, as the end of a folder's name."""
    name = run_name(override_dirname.split(","))
    return f"-{name[: LONGEST_NAME - 10].rstrip('-+.')}" if name else ""


def make_exclusively(parent: Path, name: str) -> Path:
    """The folder ``parent/name``, cut to 100 characters, or with a number behind it where there is one already."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for number in range(1, 10_000):
            suffix = f"+{number}" if number > 1 else ""
            folder = parent / (name[: LONGEST_NAME - len(suffix)].rstrip("-+.") + suffix)
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
    except OSError as error:
        raise UserError(f"{parent}: no folder can be made there ({error.strerror}); type hydra.run.dir=…") from error
    raise UserError(f"{parent} holds 10,000 runs named {name}")


def unused(path: Path) -> Path:
    """The path, or one with a number behind its name where there is something already: nothing is overwritten."""
    for number in range(2, 10_000):
        if not path.exists():
            break
        path = path.with_name(f"{path.stem.removesuffix(f'+{number - 1}')}+{number}{path.suffix}")
    return path


class Plain(yaml.SafeLoader):
    """YAML's safe loader without references (``&a``, ``*a``): a few lines of them unfold to more values than any memory
    holds, and no run writes them."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            problem = "a reference to another place; write out what it stands for"
            raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
        return super().compose_node(parent, index)


class InUse(UserError):
    """Another process trains in this run folder."""


class RunFolder:
    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def save_config(self, plain: Mapping[str, Any]) -> None:
        write_atomically(self.path / "config.yaml", f"# The resolved configuration of this run.\n{as_yaml(plain)}")

    def load_config(self) -> dict[str, Any]:
        """The plain configuration. Raises UserError where it is missing or no YAML. Nothing in it is interpolated."""
        file = self.path / "config.yaml"
        try:
            plain = Plain(file.read_text(encoding="utf-8")).get_single_data()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise UserError(f"{self.path} is no run folder: it has no config.yaml") from None
        except OSError as error:
            raise UserError(f"{file}: it may not be read ({error.strerror})") from error
        except RecursionError:
            raise UserError(f"{file}: its values are nested too deep for settings") from None
        except (yaml.YAMLError, *BAD_VALUE) as error:  # also of bytes that are no UTF-8
            mark = getattr(error, "problem_mark", None)
            line = f", line {mark.line + 1}" if mark else ""
            reason = getattr(error, "problem", None) or in_one_line(error)
            raise UserError(f"{file}{line}: not YAML ({reason})") from error
        if not isinstance(plain, dict):
            raise UserError(f"{file} holds no settings")
        return plain

    def save_status(self, status: str, reason: str = "", **facts: Any) -> None:
        """How the run ended: ``finished``, ``stopped``, ``refused`` or ``failed``; ``running`` until then."""
        text = json.dumps({"status": status, "reason": reason, **facts}, indent=2)
        write_atomically(self.path / "status.json", f"{text}\n")

    def status(self) -> dict[str, Any]:
        """What ``save_status`` wrote; ``{"status": "unknown"}`` where nothing did."""
        try:
            status = json.loads((self.path / "status.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            status = None
        if not isinstance(status, dict) or not {"status", "reason"} <= status.keys():
            return {"status": "unknown", "reason": "it ended without a word"}
        return status

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """The folder for this process alone, until it leaves the context or is killed. Raises InUse where another one
        has it. Where the file system has no locks, or may not be written to, nothing is held."""
        lock = FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            status = self.status()
            whose = f"process {status['pid']} on {status.get('host')}" if "pid" in status else "another process"
            raise InUse(f"{self.path} is being trained by {whose}; stop that one first") from None
        except (OSError, NotImplementedError):
            yield
            return
        try:
            yield
        finally:
            lock.release()

    def need_free(self) -> None:
        """Raises InUse where another process trains here."""
        with self.held():
            pass


def shown(path: Path) -> Path:
    """The path as a person would type it: relative where it is under the current folder."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def find(named: str, root: Path = OUTPUTS) -> RunFolder:
    """The run folder that a person named, ``latest`` being the last one with a checkpoint. Raises UserError."""
    if named == "latest":
        checkpoints = []
        for path in root.rglob("checkpoints/*.safetensors"):
            with contextlib.suppress(OSError):  # a link to nowhere, or one that another run has just taken away
                checkpoints.append((path.stat().st_mtime, path))
        if not checkpoints:
            raise UserError(f"latest: no run under {root}/ has saved a checkpoint")
        return RunFolder(max(checkpoints)[1].parent.parent)
    folder = Path(named)
    if not os.path.isdir(folder):  # which a name too long for a file is not either; Path raises
        raise UserError(
            f"{named}: there is no such folder; name a run folder such as {root}/<date>/<time>-…, or latest"
        )
    return RunFolder(folder)
