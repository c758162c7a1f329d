"""The text of a command, as it can be typed in a shell."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence

from ganlab.progress import in_notebook


def command_text(program: str, arguments: Sequence[str]) -> str:
    """Returns a command as it can be typed in a shell."""
    start = ["python", program] if program.endswith(".py") else program.split()
    return shlex.join([*start, *arguments])


def training_program() -> str:
    """Returns the command that trains: the ``train.py`` of the checkout whose ``train.py`` or ``scripts/`` was typed,
    with the path that was typed, or that of the current folder; otherwise ``ganlab train``."""
    folder, name = os.path.split(sys.argv[0])
    if os.path.basename(os.path.abspath(folder)) == "scripts":
        folder, name = os.path.normpath(os.path.join(folder, os.pardir)), "train.py"
    typed = os.path.normpath(os.path.join(folder, "train.py")) if name == "train.py" else "train.py"
    return next((file for file in (typed, "train.py") if os.path.isfile(file)), "ganlab train")


def command_beside(program: str, name: str) -> str:
    """Returns the beginning of the command ``name`` (``report``, or ``train``) of the same installation as ``program``,
    for a shell: ``ganlab report`` beside ``ganlab train``, and ``python scripts/report.py`` beside ``train.py``."""
    if not program.endswith(".py"):
        return command_text(f"ganlab {name.replace('_', '-')}", [])
    folder = os.path.dirname(program)
    folder = os.path.dirname(folder) if os.path.basename(folder) == "scripts" else folder
    return command_text(os.path.join(folder, "train.py" if name == "train" else f"scripts/{name}.py"), [])


def command_here(name: str) -> str:
    """Returns the beginning of the command ``name`` in the current folder, for a shell: that of the checkout where the
    folder is one, otherwise that of the installed package."""
    return command_beside(training_program(), name)


def resuming(folder: str, ranks: int = 1) -> str:
    """Returns the command that goes on with the run in ``folder`` in as many processes; in a notebook the call."""
    if in_notebook():
        return f"ganlab.train(resume={folder!r})"
    from ganlab.config.paths import to_type  # it imports Hydra's grammar, which opening a run does not wait for

    if ranks == 1:
        return f"{command_here('train')} {to_type('resume', folder)}"
    program = training_program()
    script = program if program.endswith(".py") else f"--no-python {program}"
    return f"torchrun --nproc-per-node=… {script} {to_type('resume', folder)}"


def first_command(starts: Sequence[dict[str, object]]) -> list[str] | None:
    """Returns the words that train a run again from the start, of its provenance: what was typed when it began, with
    what was typed when it went on in its place. None where the provenance has no such entry."""
    typed: dict[str, str] = {}
    for start in starts:
        overrides = start.get("overrides")
        if not isinstance(overrides, list):
            return None
        for one in map(str, overrides):
            key = one.partition("=")[0].lstrip("+")
            if key not in ("resume", "resume_override") and not key.startswith(("hydra.run.", "hydra.sweep.")):
                typed[key] = one
    if not starts:
        return None
    return [*_config_dir(str(starts[0].get("command", ""))), *typed.values()]


def _config_dir(command: str) -> list[str]:
    """Returns ``--config-dir FOLDER``, where a command has it."""
    try:
        words = shlex.split(command)
    except ValueError:
        return []
    for word, after in zip(words, [*words[1:], ""], strict=False):
        flag, equals, folder = word.partition("=")
        if flag in ("--config-dir", "-cd"):
            return ["--config-dir", folder if equals else after]
    return []
