"""`ganlab completion SHELL`: completes commands, groups, options and settings in bash, zsh and fish.

Hydra has a completion too, but it composes the configuration for every key, which imports PyTorch, and knows no
subcommands. This one reads the names of the option files and the keys in them.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from ganlab.commands.terminal.output import write_out_odd_letters
from ganlab.config_folder import config_folder

SHELLS = ("bash", "zsh", "fish")
USAGE = """the completion of commands, groups, options and settings

  eval "$(ganlab completion bash)"      in bash; for every shell, write this line into ~/.bashrc
  eval "$(ganlab completion zsh)"       in zsh; ~/.zshrc
  ganlab completion fish | source       in fish; ~/.config/fish/config.fish

It completes the installed command `ganlab`, not `python train.py`.
"""
FLAGS = ("--cfg", "--config-dir", "--help", "--hydra-help", "--info", "--multirun", "--resolve")


def main(arguments: Sequence[str] | None = None, program: str = "ganlab completion") -> int:
    """Runs the command and returns its exit code: 0 done, 2 refused."""
    write_out_odd_letters()
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["query"]:
        print("\n".join(candidates(words[1] if len(words) > 1 else "")))
        return 0
    if not words or {"-h", "--help"} & set(words):
        print(f"{program}: {USAGE}", end="")
        return 0
    if len(words) > 1 or words[0] not in SHELLS:
        print(f"{' '.join(words)}: no such shell; there are {', '.join(SHELLS)}", file=sys.stderr)
        return 2
    print(script(words[0]), end="")
    return 0


def script(shell: str) -> str:
    """Returns the commands that make a shell ask `ganlab completion query LINE` for the words that can follow."""
    return (Path(__file__).parent / "completions" / f"ganlab.{shell}").read_text(encoding="utf-8")


def candidates(line: str) -> list[str]:
    """Returns the words that can stand in place of the last word of a command line, which may be empty."""
    from ganlab.commands import COMMANDS

    words = line.split(" ")
    at = next((place for place, word in enumerate(words) if Path(word).name == "ganlab"), 0)
    before, word = [one for one in words[at + 1 : -1] if one], words[-1]
    if not before:
        known = [*COMMANDS, "--help", "--version"]
    elif before[0] == "completion":
        known = list(SHELLS)
    elif before[0] == "data":
        known = ["clear"]
    elif before[0] in ("train", "inspect-init"):
        return _of_training(word, [config_folder(), *_own_folders(before)])
    else:
        known = ["--help"]
    return [one for one in known if one.startswith(word)]


def _of_training(word: str, folders: Sequence[Path]) -> list[str]:
    """Returns the completions of a word of `ganlab train`: a flag, a group or setting, or the value of a group."""
    if word.startswith("-"):
        return [flag for flag in FLAGS if flag.startswith(word)]
    key, equals, value = word.partition("=")
    groups = {path.name for folder in folders for path in folder.iterdir() if path.is_dir() and path.name != "hydra"}
    if equals:
        comma = max(value.rfind(","), value.rfind("[")) + 1
        options = _options(key, folders) if key in groups else ["latest"] if key in ("resume", "branch") else []
        return [f"{key}={value[:comma]}{one}" for one in options if one.startswith(value[comma:])]
    if "." not in key:
        own = _parsed(config_folder() / "train.yaml")
        every = {f"{one}=" for one in (*groups, *own) if one not in ("defaults", "hydra")}
        return sorted(one for one in every if one.startswith(key))
    group, *inner, last = key.split(".")
    found = set()
    for option in _options(group, folders):
        for folder in folders:
            found |= _keys(_parsed(folder / group / f"{option}.yaml"), inner)
    head = ".".join((group, *inner))
    return sorted(f"{head}.{one}" for one in found if one.startswith(last))


def _options(group: str, folders: Sequence[Path]) -> list[str]:
    return sorted({file.stem for folder in folders for file in (folder / group).glob("*.yaml")})


def _keys(content: Any, parts: Sequence[str]) -> set[str]:
    """Returns the keys below ``parts``, each with ``.`` behind it where more keys follow, otherwise with ``=``."""
    for part in parts:
        content = content.get(part) if isinstance(content, Mapping) else None
    if not isinstance(content, Mapping):
        return set()
    keys = {str(key): value for key, value in content.items() if key not in ("name", "defaults")}
    return {f"{key}{'.' if isinstance(value, Mapping) and value else '='}" for key, value in keys.items()}


def _own_folders(words: Sequence[str]) -> list[Path]:
    """Returns the folders that ``--config-dir`` names."""
    named = [after for flag, after in pairwise(words) if flag in ("--config-dir", "-cd")]
    named += [word.partition("=")[2] for word in words if word.startswith("--config-dir=")]
    return [folder for name in named if (folder := Path(name).expanduser()).is_dir()]


def _parsed(file: Path) -> Mapping[str, Any]:
    """Returns the content of an option file; nothing where there is none."""
    with contextlib.suppress(OSError, ValueError, yaml.YAMLError):
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        if isinstance(content, Mapping):
            return content
    return {}
