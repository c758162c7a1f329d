"""The outline of all settings: their names, types and ranges, without the code behind them.

The settings' dataclasses are those of the components, whose modules import PyTorch. A misspelt key is found without
it: the outline of the dataclasses is kept as JSON in the user's cache, as Python keeps the bytecode of modules, and is
built again into dataclasses that have the same fields and do nothing. It is written anew when a file of ganlab changes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import MISSING, field, fields, is_dataclass, make_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import ganlab
from ganlab.atomic_write import replacing
from ganlab.config.schema import hints, is_union
from ganlab.errors import BAD_VALUE, UserError
from ganlab.image_cache import folder_of
from ganlab.scalars import Scheduled
from ganlab.table import PATH, Range, Table

PLAIN_TYPES = {"int": int, "float": float, "str": str, "bool": bool, "null": type(None), "any": Any}
NAMES = {kind: name for name, kind in PLAIN_TYPES.items()} | {Scheduled: "schedule"}
TYPES = {name: kind for kind, name in NAMES.items()}


def known_settings() -> type:
    """Returns the dataclass of all settings, to look names and types up: before PyTorch is imported its outline, which
    has no plugin's components, and afterwards ``Settings`` itself."""
    return _settings() if "torch" in sys.modules else _outline()


def _settings() -> type:
    from ganlab.config.settings import Settings

    return Settings


@lru_cache(maxsize=1)
def _outline() -> type:
    """Returns the outline in the cache; ``Settings`` where there is none of these files, after writing one. A file that
    is damaged is written again; where none can be written, each command imports the settings themselves."""
    try:
        file, found = _file(), _fingerprint()
    except (OSError, UserError):
        return _settings()
    with contextlib.suppress(OSError, *BAD_VALUE, RecursionError):
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["of"] == found:
            return build(content["outline"])
    settings = _settings()
    # The fingerprint is that of before the import: a file that was edited meanwhile makes the outline an old one.
    content = {"of": found, "outline": outline(settings)}
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file, f".{file.name}.{os.getpid()}.partial") as partial:
            partial.write_text(json.dumps(content), encoding="utf-8")
    return settings


def _file() -> Path:
    """Returns the file of this installation: several versions have one each. Raises UserError, and OSError."""
    place = hashlib.sha256(str(_package()).encode(errors="replace")).hexdigest()[:12]
    return folder_of() / f"settings-{place}.json"


def _package() -> Path:
    return Path(ganlab.__file__).resolve().parent


def _fingerprint() -> str:
    """Returns a text that differs after each change of a file of ganlab, or with another Python."""
    files = sorted(_package().rglob("*.py"))
    states = [(str(file), (state := file.stat()).st_mtime_ns, state.st_size) for file in files]
    return hashlib.sha256(repr((sys.version_info[:3], states)).encode(errors="replace")).hexdigest()


# ----------------------------------------------------------------------------------------------------- to plain values


def outline(kind: type) -> dict[str, Any]:
    """Returns a dataclass with all that its fields are made of as plain values, from which ``build`` makes it again.
    Raises TypeError for an annotation that it has no form for."""
    writer = _Writer()
    return {"root": writer.kind(kind), "kinds": writer.kinds, "tables": writer.tables}


class _Writer:
    """Numbers the dataclasses and tables, each of which is written once."""

    def __init__(self) -> None:
        self.kinds: list[Any] = []
        self.tables: list[Any] = []
        self._numbers: dict[Any, int] = {}

    def kind(self, kind: type) -> int:
        if kind not in self._numbers:
            self._numbers[kind] = number = len(self.kinds)
            self.kinds.append(None)
            known = hints(kind)
            rows = [
                [one.name, one.default is MISSING and one.default_factory is MISSING, self.annotation(known[one.name])]
                for one in fields(kind)
            ]
            self.kinds[number] = [kind.__name__, rows]
        return self._numbers[kind]

    def table(self, table: Table[Any]) -> int:
        if table not in self._numbers:
            self._numbers[table] = number = len(self.tables)
            self.tables.append(None)
            self.tables[number] = [table.kind, {name: self.kind(component) for name, component in table.items()}]
        return self._numbers[table]

    def annotation(self, annotation: Any) -> list[Any]:
        origin, parts = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            base, *marks = parts
            table = any(isinstance(mark, Table) for mark in marks)
            inner = ["type", "any"] if table and get_origin(base) is not Mapping else self.annotation(base)
            return ["annotated", inner, [self.mark(mark) for mark in marks]]
        if origin is Literal:
            return ["literal", list(parts)]
        if is_union(annotation):
            return ["union", [self.annotation(part) for part in parts]]
        if origin is tuple:
            return ["tuple", [["rest"] if part is Ellipsis else self.annotation(part) for part in parts]]
        if origin is Mapping:
            values = ["type", "any"] if isinstance(parts[1], type) and parts[1] not in NAMES else None
            return ["mapping", self.annotation(parts[0]), values or self.annotation(parts[1])]
        if annotation in NAMES:
            return ["type", NAMES[annotation]]
        if is_dataclass(annotation):
            return ["kind", self.kind(annotation)]  # type: ignore[arg-type]
        raise TypeError(f"the outline of settings has no form for {annotation}")

    def mark(self, mark: Any) -> list[Any]:
        if isinstance(mark, Table):
            return ["table", self.table(mark)]
        if isinstance(mark, Range):
            return ["range", mark.least, mark.most, mark.above, mark.below]
        if mark is PATH:
            return ["path"]
        raise TypeError(f"the outline of settings has no form for {mark}")


# --------------------------------------------------------------------------------------------------- from plain values


class Outlined:
    """A dataclass of the outline: a parse fills it as it fills the component, whose code it has not."""

    def __init__(self, **values: Any) -> None:
        pass


def build(content: Mapping[str, Any]) -> type:
    """Returns the dataclass of an outline. Raises LookupError, TypeError or ValueError for another content."""
    return _Reader(content["kinds"], content["tables"]).kind(content["root"])


class _Reader:
    def __init__(self, kinds: list[Any], tables: list[Any]) -> None:
        self.plain_kinds, self.plain_tables = kinds, tables
        self.kinds: dict[int, type] = {}
        self.tables: dict[int, Table[Any]] = {}

    def kind(self, number: int) -> type:
        if number not in self.kinds:
            name, rows = self.plain_kinds[number]
            parts = [
                (key, self.annotation(annotation), field() if required else field(default=None, kw_only=True))
                for key, required, annotation in rows
            ]
            self.kinds[number] = make_dataclass(name, parts, bases=(Outlined,), init=False, repr=False, eq=False)
        return self.kinds[number]

    def table(self, number: int) -> Table[Any]:
        if number not in self.tables:
            kind, components = self.plain_tables[number]
            self.tables[number] = Table(kind, {name: self.kind(inner) for name, inner in components.items()})
        return self.tables[number]

    def annotation(self, plain: list[Any]) -> Any:
        form, *parts = plain
        if form == "type":
            return TYPES[parts[0]]
        if form == "kind":
            return self.kind(parts[0])
        if form == "literal":
            return Literal[tuple(parts[0])]
        if form == "union":
            return Union[tuple(map(self.annotation, parts[0]))]  # noqa: UP007  # of many members
        if form == "tuple":
            return tuple[tuple(... if part == ["rest"] else self.annotation(part) for part in parts[0])]  # type: ignore[misc]
        if form == "mapping":
            return Mapping[self.annotation(parts[0]), self.annotation(parts[1])]  # type: ignore[misc]
        if form == "annotated":
            return Annotated[(self.annotation(parts[0]), *map(self.mark, parts[1]))]  # type: ignore[misc]
        raise ValueError(f"no form of an annotation: {form}")

    def mark(self, plain: list[Any]) -> Any:
        form, *parts = plain
        if form == "table":
            return self.table(parts[0])
        return Range(*parts) if form == "range" else PATH
