"""The option files in ``configs/`` as data: their values, and the comments beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

COMMENT = re.compile(r"(?:^|\s)#\s?(.*)$")


@dataclass(frozen=True)
class OptionFile:
    """One file: the text above its first key, the options that it is built from (``defaults``, each with its comment),
    its plain values, and the comment of each key, by its path."""

    name: str
    text: str
    head: tuple[str, ...]
    defaults: tuple[tuple[str, str], ...] = ()
    values: dict[str, Any] = field(default_factory=dict)
    comments: dict[tuple[str, ...], str] = field(default_factory=dict)
    spreads: bool = False
    """Whether its keys are those of the whole configuration (``# @package _global_``)."""


def read(path: Path) -> OptionFile:
    """Returns an option file. Comments that continue on the lines below a key belong to it."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    root = yaml.compose(text, yaml.SafeLoader)
    first = root.start_mark.line if root is not None else len(lines)
    above = [line for line in lines[:first] if line.startswith("#")]
    spreads = any("@package _global_" in line for line in above)
    head = tuple(line.removeprefix("#").removeprefix(" ") for line in above if "@package" not in line)
    plain = yaml.safe_load(text) or {}
    comments: dict[tuple[str, ...], str] = {}
    defaults: list[tuple[str, str]] = []
    for keys, line in _key_lines(root, ()):
        if keys[0] == "defaults":
            continue
        found = _comment(lines, line)
        if found:
            comments[keys] = found
    for key, value in root.value if root is not None else []:
        if key.value == "defaults":
            defaults += [(_default(entry), _comment(lines, entry.start_mark.line)) for entry in value.value]
    plain.pop("defaults", None)
    named = tuple((one, said) for one, said in defaults if one != "_self_")
    return OptionFile(path.stem, text, head, named, plain, comments, spreads)


def _key_lines(node: Any, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            keys = (*above, str(key.value))
            yield keys, key.start_mark.line
            if not getattr(value, "flow_style", False):
                yield from _key_lines(value, keys)


def _comment(lines: list[str], number: int) -> str:
    """Returns the comment at the end of a line, and on lines below that hold nothing else."""
    found = COMMENT.search(lines[number])
    if not found:
        return ""
    words = [found[1].strip()]
    for line in lines[number + 1 :]:
        if not line.strip().startswith("#"):
            break
        words.append(line.strip().lstrip("#").strip())
    return " ".join(words)


def _default(entry: Any) -> str:
    """Returns an entry of a list of defaults as it would be typed, such as ``norm=batch`` or ``tricks=[ema]``."""
    if isinstance(entry, yaml.ScalarNode):
        return entry.value if entry.value == "_self_" else "=".join(_group(entry.value.rpartition("/")))
    ((key, value),) = entry.value
    group = key.value.removeprefix("override ").lstrip("/").partition("@")[0]
    if isinstance(value, yaml.SequenceNode):
        return f"{group}=[{','.join(one.value for one in value.value)}]"
    return f"{group}={value.value}"


def _group(parts: tuple[str, str, str]) -> tuple[str, str]:
    return parts[0].lstrip("/"), parts[2].partition("@")[0]


def leaves(values: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yields the path and the value of each value that is no mapping of further ones."""
    for key, value in values.items():
        keys = (*above, str(key))
        if isinstance(value, dict) and value:
            yield from leaves(value, keys)
        else:
            yield keys, value


def as_typed(value: Any) -> str:
    """Returns a value as it is typed."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(as_typed, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {as_typed(one)}" for key, one in value.items()) + "}"
    return str(value)
