"""Parses dicts, lists, numbers and strings to typed objects, and reports all problems at once."""

from __future__ import annotations

import math
import os
import re
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from ganlab.config.synonyms import meant
from ganlab.errors import Refused, nearest
from ganlab.scalars import Scheduled, Shape
from ganlab.table import PATH, Fraction, Range, Table

T = TypeVar("T")

MEANT = {  # names that users may type for settings with other names in ganlab
    "lamda": "weight", "lambda": "weight", "lambda_gp": "weight", "gp_weight": "weight", "coefficient": "weight",
    "learning_rate": "lr", "beta": "betas", "beta1": "betas", "beta2": "betas", "eps": "epsilon", "epochs": "steps",
    "iterations": "steps", "iters": "steps", "max_steps": "steps", "num_steps": "steps", "batch": "batch_size",
    "bs": "batch_size", "batchsize": "batch_size", "nz": "latent.dim", "z_dim": "latent.dim",
    "latent_dim": "latent.dim", "initializer": "init", "initialization": "init", "normalization": "norm",
    "dataset": "data", "disc": "discriminator", "critic": "discriminator", "gen": "generator", "gan_mode": "loss",
    "objective": "loss", "ngf": "generator.width", "ndf": "discriminator.width", "channels": "width",
    "image_size": "data.size", "resolution": "data.size", "device": "runtime.device", "amp": "runtime.precision",
    "smoothing": "targets.real",
}  # fmt: skip


class _Failed(Exception):
    """Raised for a value that could not be parsed; its problem has been recorded."""


_hints: dict[type, dict[str, Any]] = {}


def hints(component: type) -> dict[str, Any]:
    """Returns the annotation of each setting of a dataclass."""
    if component not in _hints:
        every = get_type_hints(component, include_extras=True)
        every |= {name: Annotated[every[name], PATH] for name in getattr(component, "paths", ())}  # of a data source
        _hints[component] = {name: every[name] for name in _names(component)}
    return _hints[component]


def _names(component: type) -> list[str]:
    return [field.name for field in fields(component)]


def table_of(annotation: Any) -> Table[Any] | None:
    """Returns the table of a setting's annotation, also if the setting may be a word such as ``auto``; None if there
    is none."""
    if get_origin(annotation) in (Union, types.UnionType):
        return next((table for table in map(table_of, get_args(annotation)) if table is not None), None)
    if get_origin(annotation) is not Annotated:
        return None
    base, *marks = get_args(annotation)
    return next((mark for mark in marks if isinstance(mark, Table)), None) or table_of(base)


def is_mapping(annotation: Any) -> bool:
    """Whether a setting is several named components rather than one."""
    return get_origin(annotation) is Annotated and get_origin(get_args(annotation)[0]) is Mapping


def is_path(kind: type, name: str) -> bool:
    """Whether a field of a dataclass is a file or a folder."""
    return PATH in getattr(hints(kind)[name], "__metadata__", ())


def parse(kind: type[T], plain: Any, suggestions: Mapping[str, str] | None = None) -> T:
    """Parses ``plain`` to the dataclass ``kind``. ``suggestions`` maps further words that users may type to the text
    to type instead. Raises Refused with all problems, each with its full key."""
    parser = _Parser(kind, suggestions or {})
    try:
        result: T = parser.value(kind, plain, "")
    except _Failed:
        raise Refused(parser.problems) from None
    return result


class _Parser:
    def __init__(self, root: type, suggestions: Mapping[str, str]) -> None:
        self.root, self.suggestions = root, suggestions
        self.problems: list[str] = []

    def fail(self, problem: str) -> _Failed:
        self.problems.append(problem)
        return _Failed()

    def value(self, annotation: Any, found: Any, key: str) -> Any:
        if isinstance(found, np.generic | np.ndarray):  # from Python
            found = found.tolist()
        if annotation is Any:
            return found
        origin = get_origin(annotation)
        if origin in (Union, types.UnionType):
            return self.union(annotation, found, key)
        if origin is Annotated:
            return self.annotated(annotation, found, key)
        if origin is Literal:
            if any(found == word and type(found) is type(word) for word in get_args(annotation)):
                return found
            raise self.fail(_no_option(key, found, [str(word) for word in get_args(annotation)]))
        if origin is tuple:
            return self.sequence(annotation, found, key)
        if origin is Mapping:
            return self.named(annotation, found, key)
        if is_dataclass(annotation):
            return self.dataclass(annotation, found, key)  # type: ignore[arg-type]
        return self.scalar(annotation, found, key)

    def scalar(self, kind: Any, found: Any, key: str) -> Any:
        if kind in (None, type(None)) and found is None:
            return None
        if kind is bool and isinstance(found, bool):
            return found
        if kind is str and isinstance(found, str):
            return found
        if kind is int and isinstance(found, int) and not isinstance(found, bool):
            return found
        if kind in (int, float) and not isinstance(found, bool):
            number = _number(found)  # YAML 1.1 parses 1e5 as text, although a number is meant
            if number is not None and (kind is float or number == int(number)):
                return kind(number)
        raise self.fail(f"{key}: found {_show(found)}, need {describe(kind)}")

    def annotated(self, annotation: Any, found: Any, key: str) -> Any:
        base, *marks = get_args(annotation)
        for mark in marks:
            if isinstance(mark, Table):
                return self.mapping(mark, found, key) if is_mapping(annotation) else self.component(mark, found, key)
        value = self.value(base, found, key)
        if PATH in marks and isinstance(value, str):
            if not value:
                raise self.fail(f"{key}: found {_show(found)}, need {describe(annotation)}")
            return os.path.expanduser(value)
        if any(isinstance(mark, Range) and value not in mark for mark in marks):
            raise self.fail(f"{key}: found {_show(found)}, need {describe(annotation)}")
        return value

    def union(self, annotation: Any, found: Any, key: str) -> Any:
        members = get_args(annotation)
        if Scheduled in members and isinstance(found, Mapping):
            return self.schedule(annotation, found, key)
        listed = next((member for member in members if get_origin(member) is tuple), None)
        if listed is not None and isinstance(found, list) and any(isinstance(item, Mapping) for item in found):
            return self.value(listed, found, key)  # reports an item's problem, not the list's
        for member in members:
            attempt = _Parser(self.root, self.suggestions)
            try:
                return attempt.value(member, found, key)
            except _Failed:
                continue
        # A mapping has the problem of the component that it describes; a word is compared with the allowed words.
        described = [member for member in members if table_of(member) is not None or is_dataclass(member)]
        if isinstance(found, Mapping) and described:
            return self.value(described[0], found, key)
        words = [word for member in members for word in _words(member)]
        if isinstance(found, str) and len(words) > 1:
            raise self.fail(_no_option(key, found, words))
        raise self.fail(f"{key}: found {_show(found)}, need {describe(annotation)}")

    def schedule(self, annotation: Any, found: Mapping[Any, Any], key: str) -> Scheduled:
        """Parses a number that changes during training; its start and end must be in the range of the number."""
        number = next(member for member in get_args(annotation) if _base(member) in (int, float))
        kinds = {"start": number, "end": number, "shape": Shape, "from": Fraction, "until": Fraction}
        if found.get("shape") == "constant" and "start" in found:
            found = {"end": found["start"], **found}
        failed = False
        for name in found:
            if name not in kinds:
                self.problems.append(self.unknown(str(name), key, list(kinds), "", {}))
                failed = True
        for name in ("start", "end"):
            if name not in found and not failed:  # a misspelt key is reported instead of a missing one
                self.problems.append(f"{_join(key, name)}: missing, need {describe(number)}; a schedule has both ends")
        failed = failed or not {"start", "end"} <= found.keys()
        given = [name for name in kinds if name in found]
        try:
            values = self.all((kinds[name], found[name], _join(key, name)) for name in given)
        except _Failed:
            failed = True
        if failed:
            raise _Failed
        try:
            return Scheduled(**{"since" if n == "from" else n: v for n, v in zip(given, values, strict=True)})
        except ValueError as error:
            raise self.fail(f"{key}: {_with_full_keys(str(error), key, kinds)}") from None

    def sequence(self, annotation: Any, found: Any, key: str) -> tuple[Any, ...]:
        kinds = get_args(annotation)
        if isinstance(found, str) or not isinstance(found, Sequence):
            raise self.fail(f"{key}: found {_show(found)}, need {describe(annotation)}")
        if kinds[-1] is not Ellipsis and len(found) != len(kinds):
            raise self.fail(f"{key}: found {_show(found)}, need {describe(annotation)}")
        every = kinds[:1] * len(found) if kinds[-1] is Ellipsis else kinds
        return tuple(
            self.all((kind, item, f"{key}[{i}]") for i, (kind, item) in enumerate(zip(every, found, strict=True)))
        )

    def named(self, annotation: Any, found: Any, key: str) -> dict[str, Any]:
        """Parses a mapping from arbitrary names to values."""
        if not isinstance(found, Mapping):
            raise self.fail(f"{key}: found {_show(found)}, need {describe(annotation)}")
        kind = get_args(annotation)[1]
        given = {str(name): value for name, value in found.items() if value is not None}  # null removes an entry
        return dict(zip(given, self.all((kind, one, _join(key, name)) for name, one in given.items()), strict=True))

    def all(self, parts: Iterator[tuple[Any, Any, str]]) -> list[Any]:
        """Parses all ``parts``, so that every problem is recorded, and only then fails if one of them failed."""
        values, failed = [], False
        for kind, found, key in parts:
            try:
                values.append(self.value(kind, found, key))
            except _Failed:
                failed = True
        if failed:
            raise _Failed
        return values

    def component(self, table: Table[Any], found: Any, key: str) -> Any:
        if isinstance(found, str):
            found = {"name": found}
        if not isinstance(found, Mapping):
            raise self.fail(f"{key}: found {_show(found)}, need {_one_of(list(table))}")
        name = found.get("name")
        if name is None:
            settings = f"settings ({', '.join(map(str, found))})" if found else "nothing"
            raise self.fail(f"{key}: found {settings} and no name; type {key}=… too, {_one_of(list(table))}")
        if not isinstance(name, str) or name not in table:
            raise self.fail(_no_option(key, name, list(table)))
        return self.dataclass(table[name], {k: v for k, v in found.items() if k != "name"}, key, name, table)

    def mapping(self, table: Table[Any], found: Any, key: str) -> dict[str, Any]:
        names = [name.strip() for name in found.split(",") if name.strip()] if isinstance(found, str) else found
        if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
            found = {name: {} for name in names}  # names alone, with the default settings of each
        if not isinstance(found, Mapping):
            example = f"a list of {table.kind}s such as [{', '.join(list(table)[:2])}]"
            raise self.fail(f"{key}: found {_show(found)}, need {example}, or their names with settings")
        named, failed = {}, False
        for name, settings in found.items():
            try:
                if name not in table:
                    raise self.fail(_no_option(key, name, list(table)))
                if settings is not None:  # null removes what a loss or a recipe added
                    named[name] = self.dataclass(table[name], settings, f"{key}.{name}")
            except _Failed:
                failed = True
        if failed:
            raise _Failed
        return named

    def dataclass(self, kind: type, found: Any, key: str, of: str = "", table: Table[Any] | None = None) -> Any:
        known = hints(kind)
        if not isinstance(found, Mapping):
            holders = [
                name for name, hint in known.items() if isinstance(found, str) and found in (table_of(hint) or ())
            ]
            end = f"; type {' or '.join(f'{key}.{name}={found}' for name in holders)}" if holders else ""
            need = ", ".join(_names(kind)) or "none"
            raise self.fail(f"{key}: found {_show(found)}, need settings ({need}){end}")
        failed = False
        for name in found:
            if name not in known:
                self.problems.append(self.unknown(str(name), key, list(known), of, table or {}))
                failed = True
        for field in fields(kind):
            if field.default is MISSING and field.default_factory is MISSING and field.name not in found:
                self.problems.append(f"{_join(key, field.name)}: missing, need {describe(known[field.name])}")
                failed = True
        given = [name for name in known if name in found]
        try:
            values = self.all((known[name], found[name], _join(key, name)) for name in given)
        except _Failed:
            failed = True
        if failed:
            raise _Failed
        try:
            return kind(**dict(zip(given, values, strict=True)))
        except ValueError as error:  # a component's __post_init__ refuses its settings together
            raise self.fail(f"{key}: {_with_full_keys(str(error), key, known)}") from None

    def unknown(self, name: str, key: str, siblings: list[str], of: str, table: Mapping[str, type]) -> str:
        """Returns a sentence on a key that is not a setting, with a suggestion."""
        if owners := [owner for owner, component in table.items() if name in hints(component)]:
            return (
                f"{_join(key, name)}: {of} has no such setting, {' or '.join(owners)} has; type {key}={owners[0]} too"
            )
        other = MEANT.get(name.lower())
        guess = next((sibling for sibling in (name.lower(), other) if sibling in siblings), None) or nearest(
            name, siblings
        )
        suggestion = [_join(key, guess)] if guess else []
        if not suggestion:
            everywhere = list(keys(self.root))
            wanted = other or name
            suggestion = [full for full in everywhere if full == wanted or full.endswith(f".{wanted}")]
        if not suggestion and name in self.suggestions:
            suggestion = [self.suggestions[name]]
        if not suggestion and (leaf := nearest(name, [full.rpartition(".")[2] for full in everywhere])):
            suggestion = [full for full in everywhere if full.endswith(leaf)]
        subject = f"{_join(key, name)}: {of + ' has ' if of else ''}no such setting"
        if suggestion:
            return f"{subject}; did you mean {' or '.join(suggestion[:2])}?"
        return f"{subject}; it has {', '.join(siblings)}" if siblings else f"{subject}; it has none"


def keys(kind: type, prefix: str = "") -> Iterator[str]:
    """Yields the full keys of all settings of a dataclass and of its components."""
    for name, annotation in hints(kind).items():
        full = _join(prefix, name)
        yield full
        if is_dataclass(annotation):
            yield from keys(annotation, full)  # type: ignore[arg-type]
        table = table_of(annotation)
        if table is not None:
            seen = set()
            for entry, component in table.items():
                inner = _join(full, entry) if is_mapping(annotation) else full
                for key in keys(component, inner):
                    if key not in seen:
                        seen.add(key)
                        yield key


def dump(annotation: Any, value: Any) -> Any:
    """Returns the plain form of a parsed value, which ``parse`` converts back to an equal value."""
    table = table_of(annotation)
    if isinstance(value, Scheduled):
        return value.plain()
    if table is not None and is_mapping(annotation):
        return {name: _dump_fields(component) for name, component in value.items()}
    if table is not None and is_dataclass(value):
        return {"name": table.name_of(value), **_dump_fields(value)}
    if is_dataclass(value):
        return _dump_fields(value)
    if isinstance(value, Mapping):
        return dict(value)
    return [dump(Any, item) for item in value] if isinstance(value, tuple) else value


def _dump_fields(component: Any) -> dict[str, Any]:
    return {name: dump(hint, getattr(component, name)) for name, hint in hints(type(component)).items()}


def schedules(value: Any, key: str = "") -> Iterator[tuple[str, Scheduled]]:
    """Yields every schedule in a tree of settings, with its full key; an item of a list has its index in the key."""
    if isinstance(value, Scheduled):
        yield key, value
    elif is_dataclass(value):
        for name in _names(type(value)):
            yield from schedules(getattr(value, name), _join(key, name))
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from schedules(inner, _join(key, str(name)))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from schedules(item, _join(key, str(index)))


def describe(annotation: Any) -> str:
    """Returns a description of the values that an annotation allows, for messages and help."""
    origin = get_origin(annotation)
    words = {int: "a whole number", float: "a number", str: "text", bool: "true or false", type(None): "null"}
    if origin in (Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not Scheduled]
        end = ", or a schedule {start: …, end: …}" if Scheduled in get_args(annotation) else ""
        return " or ".join(map(describe, members)) + end
    if origin is Annotated:
        base, *marks = get_args(annotation)
        table = table_of(annotation)
        limits = " and ".join(str(mark) for mark in marks if isinstance(mark, Range))
        if PATH in marks:
            return describe(base).replace("text", "a path", 1)
        return _one_of(list(table)) if table is not None else f"{describe(base)} {limits}".strip()
    if origin is Literal:
        return _one_of([str(word) for word in get_args(annotation)])
    if origin is tuple:
        kinds = get_args(annotation)
        if kinds[-1] is Ellipsis:
            return f"a list such as [a, b] with each item {describe(kinds[0])}"
        return f"a list of {len(kinds)}, each {describe(kinds[0])}"
    if origin is Mapping:
        return f"names with values such as {{a: b}}, each {describe(get_args(annotation)[1])}"
    if is_dataclass(annotation):
        return f"settings such as {{{_names(annotation)[0]}: …}}" if _names(annotation) else "settings"  # type: ignore[arg-type]
    return words.get(annotation, "settings")


def _base(annotation: Any) -> Any:
    """Returns the type of an annotation without its marks."""
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _words(annotation: Any) -> list[str]:
    if get_origin(annotation) is Literal:
        return [str(word) for word in get_args(annotation)]
    table = table_of(annotation)
    return list(table) if table is not None else []


def _no_option(key: str, found: Any, options: Sequence[str]) -> str:
    guess = meant(str(found), options)
    end = f"did you mean {key}={guess}?" if guess else f"the options are {', '.join(options)}"
    return f"{key}={found}: no such option; {end}"


def _one_of(options: Sequence[str]) -> str:
    return options[0] if len(options) == 1 else f"one of {', '.join(options)}"


def _number(found: Any) -> float | None:
    if not isinstance(found, int | float | str):
        return None
    try:
        number = float(found)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _show(found: Any) -> str:
    if found is None or isinstance(found, bool):
        text = {None: "null", True: "true", False: "false"}[found]
    else:
        text = repr(found) if isinstance(found, str) else str(found)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _with_full_keys(message: str, key: str, names: Iterable[str]) -> str:
    """Returns the message of a component with the full key of each ``name=…`` that its last part says to type."""
    found, semicolon, hint = message.rpartition("; ")
    if key and names:
        hint = re.sub(rf"(?<![\w.])(?=(?:{'|'.join(names)})=)", f"{key}.", hint)
    return found + semicolon + hint


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name
