"""The provenance of a run: for each of its starts the command, what was typed, versions, machine, and times."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import ganlab
from ganlab.run_folder import RunFolder

log = logging.getLogger("ganlab")

PACKAGES = ("torchvision", "numpy", "hydra-core")
PATIENCE = 5.0  # seconds that git may take; a checkout on a slow network has no commit then


class Provenance:
    """The entry of provenance.yaml for one start of a run. ``command`` is the command line, ``overrides`` what was
    typed for this run, and ``options`` the options that were chosen by name (``{"loss": "wgan_gp"}``), of which
    config.yaml has only the settings. A file that cannot be written is no reason to end a run."""

    def __init__(self, folder: RunFolder, command: str, overrides: Sequence[str], options: Mapping[str, Any]) -> None:
        self.folder, self.before = folder, folder.provenance()
        self.entry: dict[str, Any] = {
            "command": command,
            "overrides": list(overrides),
            "options": dict(options),
            "folder": str(Path.cwd()),
            "versions": dict(versions()),
            "machine": machine(),
            "started": _now(),
        }
        self._save()

    def add(self, **facts: Any) -> None:
        """Adds plain values to the entry."""
        self.entry |= facts
        self._save()

    def add_plugins(self, modules: Sequence[str]) -> None:
        """Adds the hash of the code of each plugin, and notes where it is not the code of the start before."""
        if not modules:
            return
        now = {module: code_hash(module) for module in modules}
        before = self.before[-1].get("plugins") if self.before else None
        for module, found in now.items():
            was = before.get(module) if isinstance(before, dict) else None
            if was is not None and was != found:
                log.warning(
                    "note: plugins=[%s]: its code has changed since this run was last trained (SHA-256 %s then, %s "
                    "now); the run goes on with the new code", module, was, found,
                )  # fmt: skip
        self.add(plugins=now)

    def end(self, status: str, reason: str, **facts: Any) -> None:
        """Adds how this part of the run ended."""
        self.add(ended=_now(), status=status, **({"reason": reason} if reason else {}), **facts)

    def withdraw(self) -> None:
        """Takes the entry away again: there was nothing left to do, so that no part of the run began."""
        with contextlib.suppress(OSError):
            self.folder.save_provenance(self.before)

    def _save(self) -> None:
        with contextlib.suppress(OSError):
            self.folder.save_provenance([*self.before, self.entry])


def code_hash(module: str) -> str:
    """Returns the first 16 digits of the SHA-256 of an imported module's source: of its file, or of all Python files
    of a package by their names; empty for one without files."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return ""
    path = Path(file)
    files = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
    found = hashlib.sha256()
    with contextlib.suppress(OSError):
        for one in files:
            found.update(one.relative_to(path.parent).as_posix().encode() + b"\0" + one.read_bytes())
    return found.hexdigest()[:16]


@lru_cache(maxsize=1)
def versions() -> Mapping[str, str]:
    """Returns the versions of ganlab, Python, PyTorch and others, and ganlab's commit where it runs from a checkout."""
    import torch  # not above: ganlab doctor works where PyTorch does not

    found = {"ganlab": ganlab.__version__, "python": platform.python_version(), "torch": str(torch.__version__)}
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    if commit := _commit(Path(ganlab.__file__).resolve().parent.parent):
        found["commit"] = commit
    return found


def _commit(checkout: Path) -> str | None:
    """Returns the commit of a git checkout, with ``, changed`` where tracked files differ from it; None where the
    folder is none, or git is not installed."""
    if not (checkout / ".git").exists():
        return None

    def git(*words: str) -> str:
        command = ["git", "-C", str(checkout), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
        return done.stdout.strip()

    try:
        commit = git("rev-parse", "HEAD")
        changed = git("--no-optional-locks", "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{commit}, changed" if changed else commit


def machine() -> dict[str, Any]:
    """Returns the name of this machine, its system, processor, and number of cores."""
    return {
        "host": socket.gethostname(),
        "system": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
    }


def processor() -> str:
    """Returns the name of the processor."""
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                key, _, value = line.partition(":")
                if key.strip() == "model name":
                    return value.strip()
    return platform.processor() or platform.machine()


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
