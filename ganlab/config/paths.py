"""Settings that are paths: which ones there are, and how their text on the command line is read.

Hydra's grammar gives ``~``, ``=``, commas, brackets and letters outside ASCII another meaning or none. A path has no
use for most of that, so its text is taken as it was typed; only quotes, ``null``, ``${…}`` and commas between several
paths of a sweep keep their meaning, unless a file or folder of exactly that name exists.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, QuotedString, Sweep
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ganlab.config.outline import known_settings
from ganlab.config.schema import fields_at, is_path
from ganlab.errors import Refused, in_one_line

OF_HYDRA = ("hydra.run.dir", "hydra.sweep.dir")
"""Paths among Hydra's own settings; each is one path, also in a sweep."""

PIECE = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')(?=\s*(?:,|$))|[^\s,](?:[^,]*[^\s,])?""")
"""One of several paths with commas between them; its group is one in quotes."""


def is_path_key(key: str) -> bool:
    """Whether the full key of a setting, of ganlab or of Hydra, is a file or a folder."""
    return key in OF_HYDRA or any(is_path(kind, name) for kind, name in fields_at(known_settings(), key.split(".")))


def read_path(text: str) -> str:
    """Returns an override whose value is a path in Hydra's grammar, with ``~`` expanded; any other override unchanged.
    A path relative to the current folder stays relative."""
    prefix_and_key, equals, value = text.partition("=")
    key = prefix_and_key.lstrip("+")
    if not equals or key.startswith("~") or not is_path_key(key):
        return text
    typed = _of_grammar(value)
    if typed is None or isinstance(typed, QuotedString):  # null, or quoted
        inner = typed.text if isinstance(typed, QuotedString) else ""
        return f"{prefix_and_key}={quoted(os.path.expanduser(inner))}" if inner.startswith("~") else text
    if typed == value and "${" not in value:
        return text
    if os.path.lexists(os.path.expanduser(value)):
        return f"{prefix_and_key}={literal(os.path.expanduser(value))}"
    if isinstance(typed, str) or (isinstance(typed, Sweep) and key not in OF_HYDRA):
        return text  # with ${…}, with spaces around it, or several, each of which is read alone in its job
    if "," in value.strip(", ") and key not in OF_HYDRA:
        return f"{prefix_and_key}={PIECE.sub(lambda one: one[1] or literal(os.path.expanduser(one[0])), value)}"
    return f"{prefix_and_key}={literal(os.path.expanduser(value))}"


class _Unreadable:
    """The value of a text that Hydra's grammar does not allow."""


def _of_grammar(value: str) -> Any:
    """Returns the value of a text by Hydra's grammar: a string, a QuotedString, a number, a sweep, …"""
    try:
        return OverridesParser.create().parse_override(f"path={value}")._value
    except (HydraException, ValueError, RecursionError):
        return _Unreadable()


def quoted(text: str) -> str:
    """Returns a text in double quotes, as Hydra's grammar reads it. ``${…}`` in it is resolved."""
    return '"' + re.sub(r'(\\*)("|$)', lambda found: 2 * found[1] + ('\\"' if found[2] else ""), text) + '"'


def literal(text: str) -> str:
    """Returns a text in double quotes, as Hydra's grammar reads it, in which ``${…}`` has no meaning."""
    return quoted(re.sub(r"(\\*)\$\{", r"\1\1\\${", text))


def to_type(key: str, path: str) -> str:
    """Returns the override that sets a setting to exactly this path, quoted for a shell."""
    path = f"./{path}" if path.startswith("~") else path
    as_it_is = f"{key}={path}"
    grammatical = _of_grammar(path) == path and "${" not in path
    taken = grammatical or read_path(as_it_is) == f"{key}={literal(path)}"
    return shlex.quote(as_it_is if taken else f"{key}={literal(path)}")


def value_of(override: Override) -> Any:
    """Returns the value of an override with its ``${…}`` resolved. Raises Refused if they name other settings, which
    have no values where this one is used."""
    value = override.value()
    try:
        return OmegaConf.to_container(OmegaConf.create([value]), resolve=True)[0]  # type: ignore[index, call-overload]
    except OmegaConfBaseException as error:
        reason = in_one_line(error).partition(" full_key")[0]
        raise Refused([f"{override.input_line}: it cannot be resolved here ({reason}); type the value"]) from None


def single_hint(text: str) -> str:
    """Returns what to type if one value was meant by an override that Hydra reads as several."""
    key, _, value = text.lstrip("+").partition("=")
    if not is_path_key(key):
        return "a list needs brackets"
    path = PIECE.sub(lambda one: _of_grammar(one[1]).text if one[1] else one[0], value)
    return f"for one path with commas type {shlex.quote(f'{key}={literal(path)}')}"


def expand_flags(arguments: Sequence[str]) -> list[str]:
    """Returns the arguments with ``~`` expanded in the folder of ``--config-dir``, which a shell leaves as it is in
    ``--config-dir=~/mine``."""
    flags = ("--config-dir", "-cd")
    expanded = []
    for before, word in zip(["", *arguments], arguments, strict=False):
        flag, equals, folder = word.partition("=")
        if equals and flag in flags:
            word = f"{flag}={os.path.expanduser(folder)}"
        elif before in flags:
            word = os.path.expanduser(word)
        expanded.append(word)
    return expanded
