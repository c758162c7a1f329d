"""Plain forms of parsed settings, and the schedules in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any

from ganlab.config.schema import hints, is_mapping, join, names, table_of
from ganlab.scalars import Scheduled


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
        for name in names(type(value)):
            yield from schedules(getattr(value, name), join(key, name))
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from schedules(inner, join(key, str(name)))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from schedules(item, join(key, str(index)))
