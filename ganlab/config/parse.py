"""Parses dicts, lists, numbers and strings to typed objects, and reports all problems at once."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from ganlab.config.describe import describe, no_option, one_of, shown, unknown_key, with_full_keys
from ganlab.config.schema import base_of, hints, is_mapping, is_union, join, names, table_of, words_of
from ganlab.errors import Refused
from ganlab.scalars import Scheduled, Shape
from ganlab.table import PATH, Fraction, Range, Table

T = TypeVar("T")


class _Failed(Exception):
    """Raised for a value that could not be parsed; its problem has been recorded."""


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
        if type(found).__module__ == "numpy":  # from Python
            found = found.tolist()
        if annotation is Any:
            return found
        origin = get_origin(annotation)
        if is_union(annotation):
            return self.union(annotation, found, key)
        if origin is Annotated:
            return self.annotated(annotation, found, key)
        if origin is Literal:
            if any(found == word and type(found) is type(word) for word in get_args(annotation)):
                return found
            raise self.fail(no_option(key, found, [str(word) for word in get_args(annotation)]))
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
        raise self.fail(f"{key}: found {shown(found)}, need {describe(kind)}")

    def annotated(self, annotation: Any, found: Any, key: str) -> Any:
        base, *marks = get_args(annotation)
        for mark in marks:
            if isinstance(mark, Table):
                return self.mapping(mark, found, key) if is_mapping(annotation) else self.component(mark, found, key)
        value = self.value(base, found, key)
        if PATH in marks and isinstance(value, str):
            if not value:
                raise self.fail(f"{key}: found {shown(found)}, need {describe(annotation)}")
            return os.path.expanduser(value)
        if any(isinstance(mark, Range) and value not in mark for mark in marks):
            raise self.fail(f"{key}: found {shown(found)}, need {describe(annotation)}")
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
        words = [word for member in members for word in words_of(member)]
        if isinstance(found, str) and len(words) > 1:
            raise self.fail(no_option(key, found, words))
        raise self.fail(f"{key}: found {shown(found)}, need {describe(annotation)}")

    def schedule(self, annotation: Any, found: Mapping[Any, Any], key: str) -> Scheduled:
        """Parses a number that changes during training; its start and end must be in the range of the number."""
        number = next(member for member in get_args(annotation) if base_of(member) in (int, float))
        kinds = {"start": number, "end": number, "shape": Shape, "from": Fraction, "until": Fraction}
        if found.get("shape") == "constant" and "start" in found:
            found = {"end": found["start"], **found}
        failed = False
        for name in found:
            if name not in kinds:
                self.problems.append(unknown_key(self.root, key, str(name), list(kinds), self.suggestions))
                failed = True
        for name in ("start", "end"):
            if name not in found and not failed:  # a misspelt key is reported instead of a missing one
                self.problems.append(f"{join(key, name)}: missing, need {describe(number)}; a schedule has both ends")
        failed = failed or not {"start", "end"} <= found.keys()
        given = [name for name in kinds if name in found]
        try:
            values = self.all((kinds[name], found[name], join(key, name)) for name in given)
        except _Failed:
            failed = True
        if failed:
            raise _Failed
        try:
            return Scheduled(**{"since" if n == "from" else n: v for n, v in zip(given, values, strict=True)})
        except ValueError as error:
            raise self.fail(f"{key}: {with_full_keys(str(error), key, kinds)}") from None

    def sequence(self, annotation: Any, found: Any, key: str) -> tuple[Any, ...]:
        kinds = get_args(annotation)
        if isinstance(found, str) or not isinstance(found, Sequence):
            raise self.fail(f"{key}: found {shown(found)}, need {describe(annotation)}")
        if kinds[-1] is not Ellipsis and len(found) != len(kinds):
            raise self.fail(f"{key}: found {shown(found)}, need {describe(annotation)}")
        every = kinds[:1] * len(found) if kinds[-1] is Ellipsis else kinds
        return tuple(
            self.all((kind, item, f"{key}[{i}]") for i, (kind, item) in enumerate(zip(every, found, strict=True)))
        )

    def named(self, annotation: Any, found: Any, key: str) -> dict[str, Any]:
        """Parses a mapping from arbitrary names to values."""
        if not isinstance(found, Mapping):
            raise self.fail(f"{key}: found {shown(found)}, need {describe(annotation)}")
        kind = get_args(annotation)[1]
        given = {str(name): value for name, value in found.items() if value is not None}  # null removes an entry
        return dict(zip(given, self.all((kind, one, join(key, name)) for name, one in given.items()), strict=True))

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
            raise self.fail(f"{key}: found {shown(found)}, need {one_of(list(table))}")
        name = found.get("name")
        if name is None:
            settings = f"settings ({', '.join(map(str, found))})" if found else "nothing"
            raise self.fail(f"{key}: found {settings} and no name; type {key}=… too, {one_of(list(table))}")
        if not isinstance(name, str) or name not in table:
            raise self.fail(no_option(key, name, list(table)))
        return self.dataclass(table[name], {k: v for k, v in found.items() if k != "name"}, key, name, table)

    def mapping(self, table: Table[Any], found: Any, key: str) -> dict[str, Any]:
        names = [name.strip() for name in found.split(",") if name.strip()] if isinstance(found, str) else found
        if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
            found = {name: {} for name in names}  # names alone, with the default settings of each
        if not isinstance(found, Mapping):
            example = f"a list of {table.kind}s such as [{', '.join(list(table)[:2])}]"
            raise self.fail(f"{key}: found {shown(found)}, need {example}, or their names with settings")
        named, failed = {}, False
        for name, settings in found.items():
            try:
                if name not in table:
                    raise self.fail(no_option(key, name, list(table)))
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
            need = ", ".join(names(kind)) or "none"
            raise self.fail(f"{key}: found {shown(found)}, need settings ({need}){end}")
        failed = False
        for name in found:
            if name not in known:
                self.problems.append(unknown_key(self.root, key, str(name), list(known), self.suggestions, of, table))
                failed = True
        for field in fields(kind):
            if field.default is MISSING and field.default_factory is MISSING and field.name not in found:
                self.problems.append(f"{join(key, field.name)}: missing, need {describe(known[field.name])}")
                failed = True
        given = [name for name in known if name in found]
        try:
            values = self.all((known[name], found[name], join(key, name)) for name in given)
        except _Failed:
            failed = True
        if failed:
            raise _Failed
        try:
            return kind(**dict(zip(given, values, strict=True)))
        except ValueError as error:  # a component's __post_init__ refuses its settings together
            raise self.fail(f"{key}: {with_full_keys(str(error), key, known)}") from None


def _number(found: Any) -> float | None:
    if not isinstance(found, int | float | str):
        return None
    try:
        number = float(found)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
