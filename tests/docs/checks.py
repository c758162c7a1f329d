"""Checks of commands without running them: each is read, and if asked for composed, as the command itself does it."""

from __future__ import annotations

import importlib
import inspect
import re
import shlex
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.override_parser.types import Override

from ganlab.commands import COMMANDS
from ganlab.commands.launch.job import plain_configuration
from ganlab.commands.sweep.asked import asked_for
from ganlab.commands.sweep.prepare import expanded
from ganlab.commands.terminal.arguments import read
from ganlab.config import CannotCombine, configure
from ganlab.config.compose import Composer, composer
from ganlab.config.hydra_plugins import PACKAGES
from ganlab.config.paths import expand_flags
from ganlab.config.schema import fields_at, hints, mapping_slots, table_of
from ganlab.config.settings import Settings
from ganlab.errors import Refused, UserError
from tests.docs.found import ROOT
from tests.test_suggestions import accepts

OTHERS = ("resume", "branch", "out", "jobs")
"""Keys that name a run or a folder that a page does not have, and the number of jobs."""
PLACEHOLDERS = ("…", "KEY=VALUE", "GROUP=OPTION", "ARGS", "[flags]")
FLAGS = ("-m", "--multirun", "--help", "--cfg", "job", "--hydra-help")


@dataclass
class Checks:
    """Checks commands with one composer, which takes a quarter of a second to begin. ``composed``: the settings of a
    run are composed and parsed together, which takes ten times as long as reading each by itself."""

    composing: Composer
    composed: bool = False

    def problem_of(self, command: str) -> str | None:
        """Returns what is wrong with a command; None if nothing is."""
        if "$(" in command:
            command = (
                re.sub(r"\$\(.*?\)", "HOST", command)
                if command.startswith("srun")
                else command.replace("$(", "").replace(")", "")
            )
        try:
            words = [word for word in shlex.split(re.sub(r"<(date|time)>", r"\1", command)) if word not in PLACEHOLDERS]
            return self._problem_of(words, len(words) < len(shlex.split(command)))
        except ValueError as error:
            return f"no shell reads it ({error})"
        except UserError as error:
            return str(error)

    def _problem_of(self, words: list[str], abridged: bool) -> str | None:
        first, *rest = words
        if first == "ganlab":
            return self._of_ganlab(rest, abridged)
        if first == "python":
            return self._of_python(rest, abridged)
        if first in ("torchrun", "srun"):
            if "train.py" in words:
                return self._of_command("train", words[words.index("train.py") + 1 :], abridged)
            return self._of_ganlab(words[words.index("ganlab") + 1 :], abridged)
        if first == "eval":
            return self.problem_of(" ".join(rest))
        return OTHER[first](rest)

    def _of_ganlab(self, words: list[str], abridged: bool) -> str | None:
        name, *rest = words or ["--help"]
        if name in ("--version", "--help"):
            return None
        return self._of_command(name, rest, abridged) if name in COMMANDS else f"there is no command {name}"

    def _of_python(self, words: list[str], abridged: bool) -> str | None:
        script, *rest = words
        if script == "-c":
            compile(rest[0], script, "exec")  # raises SyntaxError
            return None
        if script == "-m":
            if rest[0] == "torch.distributed.run":
                return self._of_ganlab(rest[rest.index("ganlab") + 1 :], abridged) if "ganlab" in rest else None
            return self._of_ganlab(rest[1:], abridged) if rest[0] == "ganlab" else f"{rest[0]} is not ganlab's"
        if script == "train.py":
            return self._of_command("train", rest, abridged)
        if not (ROOT / script).is_file():
            return f"there is no file {script}"
        if script.startswith("scripts/"):
            return self._of_command(Path(script).stem.replace("_", "-"), rest, abridged)
        source = (ROOT / script).read_text(encoding="utf-8").replace("-", "_")  # a benchmark, a script of the docs
        keys = [word.partition("=")[0].lstrip("-") for word in rest if re.match(r"--|[a-z_]+=", word)]
        missing = [key for key in keys if not re.search(rf"\b{re.escape(key.replace('-', '_'))}\b", source)]
        return f"{script} has no {', '.join(missing)}" if missing else None

    def _of_command(self, name: str, words: list[str], abridged: bool) -> str | None:
        if "--help" in words or (name not in ("train", "inspect-init") and not words):
            return None
        if name in ("train", "inspect-init"):
            return self._of_training(words, name == "inspect-init")
        if name == "data":
            return None if words[0] == "clear" else f"data {words[0]}: there is no such action"
        module = importlib.import_module(f"ganlab.commands.{name.replace('-', '_')}")
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if kind.__module__ == module.__name__ and (kind.__doc__ or "").startswith("The settings of the command"):
                needs_run = "run" in hints(kind) and abridged and not any(word.startswith("run=") for word in words)
                read(kind, [*words, "run=RUN"] if needs_run else words)
        return None

    def _of_training(self, words: Sequence[str], sweeps: bool) -> str | None:
        """Returns what is wrong with the settings of a run, or of a sweep: what is refused before data are opened."""
        words = expand_flags(list(words))
        own = next((words[place + 1] for place, word in enumerate(words) if word == "--config-dir"), None)
        typed = [word for word in words if word not in (*FLAGS, "--config-dir", own, "study=NAME")]
        if flags := [word for word in typed if word.startswith("-")]:
            return f"there is no flag {flags[0]}"
        sweeps |= any(word in ("-m", "--multirun") or re.match("study=|resume=", word) for word in words)
        typed = [word for word in typed if word.partition("=")[0] not in OTHERS]
        # A comma in a path that exists is part of it, and the pages' folders do not exist here.
        typed = [
            "data.root=FOLDER" if word.startswith("data.root=") and word != "data.root=null" else word for word in typed
        ]
        if own is None:
            return self._of_settings(self.composing, typed, sweeps)
        with composer(own) as composing:
            return self._of_settings(composing, typed, sweeps)

    def _of_settings(self, composing: Composer, typed: list[str], sweeps: bool) -> str | None:
        try:
            overrides = composing.read(typed)
        except Refused as error:
            missing = all(any(package in one for package in PACKAGES.values()) for one in error.problems)
            return None if missing else str(error)  # an extra that is not installed where the test runs
        if self.composed:
            return _composed_problem(composing, *asked_for(composing, overrides, sweeps), typed)
        several = [one.input_line for one in overrides if one.is_sweep_override()]
        if several and not sweeps:
            return f"{several[0]}: several values are a sweep, which needs -m"
        return next((found for one in overrides if (found := _value_problem(composing, one))), None)


def _value_problem(composing: Composer, one: Override) -> str | None:
    """Returns what is wrong with one setting: there is none of this name, or it does not take the value."""
    key = one.key_or_group
    if composing.is_group_choice(one) or one.is_hydra_override() or one.is_delete() or names_component(key):
        return None
    if not list(fields_at(Settings, key.split("."))):
        return f"{key}: there is no such setting"
    if one.is_discrete_sweep():
        values = [str(value) for value in one.sweep_string_iterator()]
    else:
        values = [] if one.is_sweep_override() else [(one.input_line or "").partition("=")[2]]
    return next((f"{key} does not take {value}" for value in values if not accepts(Settings, key, value)), None)


def names_component(key: str) -> bool:
    """Whether a key is a component among several, such as ``logging.observers.csv``."""
    above, _, name = key.rpartition(".")
    found = fields_at(Settings, above.split(".")) if above in mapping_slots(Settings) else ()
    return any(name in (table_of(hints(kind)[field]) or ()) for kind, field in found)


def _composed_problem(
    composing: Composer, overrides: Sequence[Override], sweeps: bool, typed: Sequence[str]
) -> str | None:
    jobs = expanded(composing, [one for one in overrides if not one.is_hydra_override()]) if sweeps else [typed]
    chosen = sorted({0, len(jobs) // 2, len(jobs) - 1})
    refused = [found for number in chosen if (found := _job_problem(composing, jobs[number]))]
    return refused[0] if len(refused) == len(chosen) else None


def _job_problem(composing: Composer, job: Sequence[str]) -> str | None:
    overrides = composing.read(job)
    plain, _ = plain_configuration(composing, overrides, composing.rewrite(overrides), None)
    try:
        configure(plain, composing.suggestions)
    except CannotCombine as error:
        return str(error)
    return None


def _make(words: list[str]) -> str | None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    wrong = [word for word in words if "=" not in word and not re.search(rf"^{word}\b.*:", makefile, re.MULTILINE)]
    return f"there is no target {wrong[0]}" if wrong else None


def _pip(words: list[str]) -> str | None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for word in words:
        for extra in re.findall(r"\[(\w+)\]", word):
            if extra != "NAME" and extra not in project["optional-dependencies"]:
                return f"there is no extra {extra}"
    return None


def _pytest(words: list[str]) -> str | None:
    missing = [word for word in words if "/" in word and not (ROOT / word).exists()]
    return f"there is no {missing[0]}" if missing else None


OTHER: dict[str, Callable[[list[str]], str | None]] = {
    "make": _make,
    "mlflow": lambda words: None if words == ["ui"] else words[0],
    "pip": _pip,
    "pytest": _pytest,
    "tensorboard": lambda words: None if words[0] == "--logdir" else words[0],
}


def write_files(folder: Path, files: Sequence[tuple[str, str]]) -> None:
    """Writes the files that the pages say to write, so that what is typed beside them finds them."""
    for name, content in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
