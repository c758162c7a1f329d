"""The folder of a run: its name, and the files in it.

config.yaml        the resolved configuration
samples/           real.png, step-0000250-generator.png, …
inspection.…       figure, table and numbers of the initialized networks
metrics.jsonl      one row of numbers per log point
events…            the same for TensorBoard
checkpoints/       step-0000500.safetensors, …, final.safetensors
train.log          all messages
status.json        how the run ended
provenance.yaml    each start of the run: the command, versions, machine, and times
.lock              held by the process that trains here
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from ganlab.atomic_write import write_atomically
from ganlab.errors import BAD_VALUE, UserError, in_one_line

OUTPUTS = Path("outputs")
SWEEP = "sweep.json"
"""The file with the plan of a sweep, in the folder that holds those of its runs."""
LONGEST_NAME = 100


def as_yaml(plain: Mapping[str, Any]) -> str:
    """Returns a plain configuration as YAML."""
    return yaml.safe_dump(dict(plain), sort_keys=False, default_flow_style=None, allow_unicode=True)


def run_name(overrides: Sequence[str], longest: int = LONGEST_NAME) -> str:
    """Returns a name of at most ``longest`` letters that lists the overrides, in letters that every shell, file system
    and Hydra itself can read: ``[A-Za-z0-9.+_-]``. Of a path only its last part is used.

    Where the whole text is too long, ``optimizer.generator.lr`` becomes ``o.g.lr`` and then ``lr`` if no other key ends
    so, and values are cut to 12 letters. Where that is too long too, settings inside a group follow the others, which
    tell runs apart, and the last ones are counted: ``init-he+seed-1+4-more``. The full text is in the run's
    provenance.yaml.
    """
    pairs = [override.lstrip("+~").partition("=") for override in overrides]
    whole = [(key, equals, _without_folders(value)) for key, equals, value in pairs]
    short = [(_initials(key), equals, _letters(value)[:12]) for key, equals, value in whole]
    ends = Counter(key.rpartition(".")[2] for key, _, _ in whole)
    shortest = [
        (end if ends[end := key.rpartition(".")[2]] == 1 else _initials(key), equals, _letters(value)[:12])
        for key, equals, value in whole
    ]
    for parts in (whole, short, shortest):
        names = [name for name in map(_letters, map("".join, parts)) if name]
        if len("+".join(names)) <= longest:
            return "+".join(names)
    ordered = sorted(zip(whole, shortest, strict=True), key=lambda pair: "." in pair[0][0])
    names = [name for _, part in ordered if (name := _letters("".join(part)))]
    for count in range(len(names) - 1, -1, -1):
        name = "+".join([*names[:count], f"{len(names) - count}-more"])
        if len(name) <= longest:
            return name
    return ""


def _letters(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._]+", "-", text).strip("-")


def _without_folders(value: str) -> str:
    """Returns the last part of a path; any other value unchanged."""
    inner = value.strip("'\"")
    return re.split(r"[/\\]", inner.rstrip("/\\"))[-1] if re.search(r"[/\\]", inner) else value


def _initials(key: str) -> str:
    *groups, name = key.split(".")
    return ".".join([*(group[:1] for group in groups), name])


def make(overrides: Sequence[str], root: Path = OUTPUTS) -> Path:
    """Creates a new folder ``<root>/<date>/<time>-<overrides>``. Two runs in one second get two folders."""
    now = datetime.now()
    name = "-".join(part for part in (f"{now:%H-%M-%S}", run_name(overrides, LONGEST_NAME - 14)) if part)
    return make_exclusively(root / f"{now:%Y-%m-%d}", name)


def make_sweep(root: Path = OUTPUTS) -> Path:
    """Creates a new folder ``<root>/multirun/<date>/<time>`` for the runs of a sweep."""
    now = datetime.now()
    return make_exclusively(root / "multirun" / f"{now:%Y-%m-%d}", f"{now:%H-%M-%S}")


def job_name(override_dirname: str) -> str:
    """Returns the end of the name of a sweep's run, from Hydra's text of the overrides of its job."""
    name = run_name(override_dirname.split(","), LONGEST_NAME - 10)
    return f"-{name}" if name else ""


def make_exclusively(parent: Path, name: str) -> Path:
    """Creates the folder ``parent/name``, cut to 100 characters, with a number after it if it exists already. Raises
    UserError."""
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
    """Returns the path, or one with a number after its name if something is there already."""
    for number in range(2, 10_000):
        if not path.exists():
            break
        path = path.with_name(f"{path.stem.removesuffix(f'+{number - 1}')}+{number}{path.suffix}")
    return path


class Plain(yaml.SafeLoader):
    """YAML's safe loader without references (``&a``, ``*a``): a few lines of them can expand to more values than fit
    into memory, and no run writes them."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            problem = "a reference to another place; write out the value"
            raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
        return super().compose_node(parent, index)


FAST: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", Plain)
"""Reads YAML nine times as fast where PyYAML was built with libyaml. It accepts references, and ends the process where
values are nested some 30,000 deep, so that it reads only text that has neither."""
DEEPEST = 1000


def _loader_of(text: str) -> type[yaml.SafeLoader]:
    """Returns the fast loader for text without references and without deep values. Every reference needs an ``&``.
    Values are nested by brackets, by indentation, or by the indicators ``-`` and ``?`` in a line."""
    deepest = max(len(line) - len(line.lstrip(" ")) + line.count("-") + line.count("?") for line in text.split("\n"))
    shallow = text.count("[") + text.count("{") + 2 * deepest < DEEPEST
    return FAST if shallow and "&" not in text else Plain


class _Written(yaml.SafeDumper):
    """YAML's safe dumper without references, which ``Plain`` refuses."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


class InUse(UserError):
    """Another process trains in this run folder."""


class RunFolder:
    """Reads and writes the files of a run folder."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def save_config(self, plain: Mapping[str, Any]) -> None:
        """Writes config.yaml. Raises OSError."""
        write_atomically(self.path / "config.yaml", f"# The resolved configuration of this run.\n{as_yaml(plain)}")

    def load_config(self) -> dict[str, Any]:
        """Returns the plain configuration, without interpolation. Raises UserError if it is missing or not YAML."""
        file = self.path / "config.yaml"
        try:
            plain = _read_yaml(file)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise UserError(f"{self.path} is no run folder: it has no config.yaml") from None
        except OSError as error:
            raise UserError(f"{file}: it may not be read ({error.strerror})") from error
        if not isinstance(plain, dict):
            raise UserError(f"{file} holds no settings")
        return plain

    def save_provenance(self, starts: Sequence[Mapping[str, Any]]) -> None:
        """Writes provenance.yaml: an entry for each start of the run, the oldest first. Raises OSError."""
        text = yaml.dump(
            [dict(one) for one in starts], Dumper=_Written, sort_keys=False, allow_unicode=True, width=1000
        )
        write_atomically(self.path / "provenance.yaml", f"# Each start of this run, the oldest first.\n{text}")

    def provenance(self) -> list[dict[str, Any]]:
        """Returns the entries of provenance.yaml, the oldest first; none if it is missing or cannot be read."""
        try:
            starts = _read_yaml(self.path / "provenance.yaml")
        except (OSError, UserError):
            return []
        return [one for one in starts if isinstance(one, dict)] if isinstance(starts, list) else []

    def save_status(self, status: str, reason: str = "", **facts: Any) -> None:
        """Writes status.json: ``finished``, ``stopped``, ``diverged``, ``diagnosed`` (ended by a verdict), ``refused``
        or ``failed``, and ``running`` until the end. Raises OSError."""
        text = json.dumps({"status": status, "reason": reason, **facts}, indent=2)
        write_atomically(self.path / "status.json", f"{text}\n")

    def status(self) -> dict[str, Any]:
        """Returns the content of status.json; ``{"status": "unknown", …}`` if there is none."""
        try:
            status = json.loads((self.path / "status.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            status = None
        if not isinstance(status, dict) or not {"status", "reason"} <= status.keys():
            return {"status": "unknown", "reason": "it was killed, or it is no run"}
        return status

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Locks the folder for this process until the context ends or the process is killed. Raises InUse if another
        process has locked it. Nothing is locked if the file system has no locks or is not writable."""
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
        """Raises InUse if another process trains in this folder."""
        with self.held():
            pass


def shown(path: Path) -> Path:
    """Returns the path relative to the current folder if it lies in it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def find(named: str, root: Path = OUTPUTS) -> RunFolder:
    """Returns the named run folder; ``latest`` is the one with the newest checkpoint. Raises UserError."""
    if named == "latest":
        checkpoints = []
        for path in root.rglob("checkpoints/*.safetensors"):
            with contextlib.suppress(OSError):  # a broken link, or a file that another run has just deleted
                checkpoints.append((path.stat().st_mtime, path))
        if not checkpoints:
            raise UserError(f"latest: no run under {root}/ has saved a checkpoint")
        return RunFolder(max(checkpoints)[1].parent.parent)
    folder = Path(named)
    if not os.path.isdir(folder):  # False for a name that is too long; Path.is_dir raises
        raise UserError(
            f"{named}: there is no such folder; name a run folder such as {root}/<date>/<time>-…, or latest"
        )
    return RunFolder(folder)


def _read_yaml(file: Path) -> Any:
    """Reads a YAML file without references. Raises OSError, and UserError if it is not YAML."""
    try:
        text = file.read_text(encoding="utf-8")
        return _loader_of(text)(text).get_single_data()
    except OSError:
        raise
    except RecursionError:
        raise UserError(f"{file}: its values are nested too deep for settings") from None
    except (yaml.YAMLError, *BAD_VALUE) as error:  # also of bytes that are not UTF-8
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or in_one_line(error)
        raise UserError(f"{file}{line}: not YAML ({reason})") from error
