"""Checks the words of a command before Hydra reads them: what is no text, and flags that ganlab does not support."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata

from ganlab.errors import Refused

HYDRA_HELP = """Hydra ({version})
See https://hydra.cc for more info.

== Flags ==
--help,-h : ganlab's help
--hydra-help : this help
--version : the version of Hydra
--cfg,-c : show the configuration instead of running it [job|hydra|all]
--resolve : with --cfg, resolve ${{…}} before printing
--package,-p : with --cfg, the part of the configuration to show
--multirun,-m : run a sweep
--config-dir,-cd : a folder of your own options and recipes
--info,-i : print information about Hydra [all|config|defaults|defaults-tree|plugins|searchpath]

Completion of the shell, for the installed command ganlab: eval "$(ganlab completion bash)", or zsh, or fish

== Groups of Hydra ==
Choose one by GROUP=OPTION, such as hydra/job_logging=disabled:

{groups}

--cfg hydra shows Hydra's own configuration.
"""
HALF_A_LETTER = re.compile("[\ud800-\udfff]")


def refuse_what_is_no_text(arguments: Sequence[str]) -> None:
    """Raises Refused for arguments with bytes that are not characters: Python represents each as a lone surrogate,
    which no saved setting and no log can contain."""
    problems = []
    for argument in arguments:
        if half := HALF_A_LETTER.search(argument):
            encoding = sys.getfilesystemencoding()
            hint = "type letters, or rename what it names" if encoding == "utf-8" else "set PYTHONUTF8=1"
            problems.append(
                f"{HALF_A_LETTER.sub(_written_out, argument)[:300]}: found {_written_out(half)}, which is no letter in "
                f"{encoding}, and settings are kept as text; {hint}"
            )
    if problems:
        raise Refused(problems)


def _written_out(half: re.Match[str]) -> str:
    number = ord(half[0])
    return f"\\x{number - 0xDC00:02x}" if 0xDC80 <= number <= 0xDCFF else f"\\u{number:04x}"


def hydra_help(options: Mapping[str, Sequence[str]]) -> str:
    """Returns the help on Hydra's own flags, without those that ``refuse_flags`` refuses, and on the ``options`` of its
    groups. Hydra's help recommends its completion, which does not complete ganlab's commands."""
    groups = "\n".join(f"{group}: {', '.join(names)}" for group, names in sorted(options.items()))
    return HYDRA_HELP.format(version=metadata.version("hydra-core"), groups=groups)


def refuse_flags(args: argparse.Namespace) -> None:
    """Raises Refused for Hydra's flags that ganlab does not support, before Hydra fails on them."""
    problems = [
        f"{flag}: {reason}"
        for given, flag, reason in (
            (
                args.config_name,
                "--config-name",
                "there is one, train; your own recipes: --config-dir FOLDER experiment=NAME",
            ),
            (args.config_path, "--config-path", "ganlab brings its configs; your own beside them: --config-dir FOLDER"),
            (args.experimental_rerun, "--experimental-rerun", "it would unpickle a file; type resume=RUN"),
            (args.shell_completion, "--shell-completion", 'ganlab has its own; type eval "$(ganlab completion bash)"'),
            (args.run and args.multirun, "--run", "it cannot go with --multirun"),
            (args.resolve and not args.cfg, "--resolve", "it goes with --cfg only"),
            (args.multirun and args.cfg not in (None, "job"), "--cfg", "of a sweep --cfg job alone is shown"),
        )
        if given
    ]
    if problems:
        raise Refused(problems)
