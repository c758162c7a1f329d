"""Sentences on settings: the values that they allow, and what was probably meant instead of a wrong one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import is_dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from ganlab.config.schema import hints, is_union, join, keys, names, table_of
from ganlab.config.synonyms import by_other_name, meant
from ganlab.errors import nearest
from ganlab.scalars import Scheduled
from ganlab.table import PATH, Range


def describe(annotation: Any) -> str:
    """Returns a description of the values that an annotation allows, for messages and help."""
    origin = get_origin(annotation)
    words = {int: "a whole number", float: "a number", str: "text", bool: "true or false", type(None): "null"}
    if is_union(annotation):
        members = [member for member in get_args(annotation) if member is not Scheduled]
        end = ", or a schedule {start: …, end: …}" if Scheduled in get_args(annotation) else ""
        return " or ".join(map(describe, members)) + end
    if origin is Annotated:
        base, *marks = get_args(annotation)
        table = table_of(annotation)
        limits = " and ".join(str(mark) for mark in marks if isinstance(mark, Range))
        if PATH in marks:
            return describe(base).replace("text", "a path", 1)
        return one_of(list(table)) if table is not None else f"{describe(base)} {limits}".strip()
    if origin is Literal:
        return one_of([str(word) for word in get_args(annotation)])
    if origin is tuple:
        kinds = get_args(annotation)
        if kinds[-1] is Ellipsis:
            return f"a list such as [a, b] with each item {describe(kinds[0])}"
        return f"a list of {len(kinds)}, each {describe(kinds[0])}"
    if origin is Mapping:
        return f"names with values such as {{a: b}}, each {describe(get_args(annotation)[1])}"
    if is_dataclass(annotation):
        return f"settings such as {{{names(annotation)[0]}: …}}" if names(annotation) else "settings"  # type: ignore[arg-type]
    return words.get(annotation, "settings")


def one_of(options: Sequence[str]) -> str:
    """Returns the options as text."""
    return options[0] if len(options) == 1 else f"one of {', '.join(options)}"


def shown(found: Any) -> str:
    """Returns a value that was found as short text, as it is typed."""
    if found is None or isinstance(found, bool):
        text = {None: "null", True: "true", False: "false"}[found]
    else:
        text = repr(found) if isinstance(found, str) else str(found)
    return text if len(text) <= 60 else f"{text[:57]}…"


def no_option(key: str, found: Any, options: Sequence[str]) -> str:
    """Returns a sentence on a word that is none of the options."""
    guess = meant(str(found), options)
    end = f"did you mean {key}={guess}?" if guess else f"the options are {', '.join(options)}"
    return f"{key}={found}: no such option; {end}"


def unknown_key(
    root: type,
    key: str,
    name: str,
    siblings: Sequence[str],
    suggestions: Mapping[str, str],
    of: str = "",
    table: Mapping[str, type] | None = None,
) -> str:
    """Returns a sentence on ``key.name``, which is not a setting, with a suggestion: a component of ``table`` that has
    it, one of the ``siblings``, a setting elsewhere below ``root``, or the text that ``suggestions`` give for it.
    ``of`` is the name of the component that was chosen."""
    full = join(key, name)
    if owners := [owner for owner, component in (table or {}).items() if name in hints(component)]:
        return f"{full}: {of} has no such setting, {' or '.join(owners)} has; type {key}={owners[0]} too"
    guess = next((one for one in siblings if one == name.lower()), None) or by_other_name(name, siblings)
    guess = guess or nearest(name, siblings)
    found = [join(key, guess)] if guess else _elsewhere(root, name, suggestions)
    subject = f"{full}: {of + ' has ' if of else ''}no such setting"
    if found:
        return f"{subject}; did you mean {' or '.join(found[:2])}?"
    return f"{subject}; it has {', '.join(siblings)}" if siblings else f"{subject}; it has none"


def _elsewhere(root: type, name: str, suggestions: Mapping[str, str]) -> list[str]:
    """Returns the full keys of settings anywhere below ``root`` that are called ``name``, by this or another name, or
    that are spelled alike."""
    everywhere = list(keys(root))
    wanted = by_other_name(name, dict.fromkeys(part for full in everywhere for part in (full, full.rpartition(".")[2])))
    for word in filter(None, (wanted, name)):
        if found := [full for full in everywhere if full == word or full.endswith(f".{word}")]:
            return found
    if name in suggestions:
        return [suggestions[name]]
    leaf = nearest(name, [full.rpartition(".")[2] for full in everywhere])
    return [full for full in everywhere if full.endswith(leaf)] if leaf else []


def with_full_keys(message: str, key: str, names: Iterable[str]) -> str:
    """Returns the message of a component with the full key of each ``name=…`` that its last part says to type."""
    found, semicolon, hint = message.rpartition("; ")
    if key and names:
        hint = re.sub(rf"(?<![\w.])(?=(?:{'|'.join(names)})=)", f"{key}.", hint)
    return found + semicolon + hint
