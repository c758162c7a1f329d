"""The settings of components, as the annotations of their dataclasses describe them."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from ganlab.table import PATH, Table

_hints: dict[type, dict[str, Any]] = {}


def hints(component: type) -> dict[str, Any]:
    """Returns the annotation of each setting of a dataclass."""
    if component not in _hints:
        every = get_type_hints(component, include_extras=True)
        every |= {name: Annotated[every[name], PATH] for name in getattr(component, "paths", ())}  # of a data source
        _hints[component] = {name: every[name] for name in names(component)}
    return _hints[component]


def names(component: type) -> list[str]:
    """Returns the names of the settings of a dataclass."""
    return [field.name for field in fields(component)]


def table_of(annotation: Any) -> Table[Any] | None:
    """Returns the table of a setting's annotation, also if the setting may be a word such as ``auto``; None if there
    is none."""
    if is_union(annotation):
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


def is_union(annotation: Any) -> bool:
    """Whether a setting may have values of several types."""
    return get_origin(annotation) in (Union, types.UnionType)


def base_of(annotation: Any) -> Any:
    """Returns the type of an annotation without its marks."""
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def words_of(annotation: Any) -> list[str]:
    """Returns the words that a setting may be."""
    if get_origin(annotation) is Literal:
        return [str(word) for word in get_args(annotation)]
    table = table_of(annotation)
    return list(table) if table is not None else []


def fields_at(kind: type, parts: list[str]) -> Iterator[tuple[type, str]]:
    """Yields each dataclass and field that a full key, in ``parts``, may mean: one for each component that fits."""
    name, *rest = parts
    if name not in hints(kind):
        return
    annotation = hints(kind)[name]
    if not rest:
        yield kind, name
        return
    table = table_of(annotation)
    if table is not None and is_mapping(annotation):
        component, *rest = rest
        if component in table and rest:
            yield from fields_at(table[component], rest)
    elif table is not None:
        for one in table.values():
            yield from fields_at(one, rest)
    elif is_dataclass(annotation):
        yield from fields_at(annotation, rest)  # type: ignore[arg-type]


def keys(kind: type, prefix: str = "") -> Iterator[str]:
    """Yields the full keys of all settings of a dataclass and of its components."""
    for name, annotation in hints(kind).items():
        full = join(prefix, name)
        yield full
        if is_dataclass(annotation):
            yield from keys(annotation, full)  # type: ignore[arg-type]
        table = table_of(annotation)
        if table is not None:
            seen = set()
            for entry, component in table.items():
                inner = join(full, entry) if is_mapping(annotation) else full
                for key in keys(component, inner):
                    if key not in seen:
                        seen.add(key)
                        yield key


def join(key: str, name: str) -> str:
    """Returns the full key of a setting below ``key``, which is empty for a setting of the run itself."""
    return f"{key}.{name}" if key else name


def slot_tables(kind: type, prefix: str = "") -> Iterator[tuple[str, Table[Any]]]:
    """Yields the full keys of settings that are a named component, each with the table of its components."""
    for name, annotation in hints(kind).items():
        full = f"{prefix}{name}"
        table = table_of(annotation)
        if table is not None and not is_mapping(annotation):
            yield full, table
            for component in table.values():
                yield from slot_tables(component, f"{full}.")
        elif is_dataclass(annotation):
            yield from slot_tables(annotation, f"{full}.")  # type: ignore[arg-type]


def mapping_slots(kind: type, prefix: str = "") -> Iterator[str]:
    """Yields the full keys of settings that are several named components."""
    for name, annotation in hints(kind).items():
        full = f"{prefix}{name}"
        if is_mapping(annotation) and table_of(annotation) is not None:
            yield full
        elif table_of(annotation) is None and is_dataclass(annotation):
            yield from mapping_slots(annotation, f"{full}.")  # type: ignore[arg-type]
