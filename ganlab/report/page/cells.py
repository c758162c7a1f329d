"""Tables of a page: their columns, cells, and what they are sorted by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ganlab.report.text.words import interval, number, percent

MOST_ROWS = 2000
"""The most rows of a table; effects.json and runs.csv have all."""


@dataclass(frozen=True)
class Cell:
    """The ``text`` of a cell; ``sort``, the number that it is sorted by, where that is not the text; the address that
    it links to; the name of its style; and a ``hint`` that is shown when it is pointed at."""

    text: str
    sort: float | None = None
    link: str = ""
    style: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Column:
    """A column: its ``title``, whether it holds numbers, and a ``hint`` that explains it."""

    title: str
    numeric: bool = False
    hint: str = ""


@dataclass(frozen=True)
class Row:
    """A row: its cells, and the words that a filter looks for beside their texts (``init=he``)."""

    cells: tuple[Cell, ...]
    words: str = ""


@dataclass(frozen=True)
class Table:
    """A table with a ``name`` for links, a ``caption``, and ``more``, the number of rows that are left out."""

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    more: int = 0


def value(one: float | None, digits: int = 3, style: str = "") -> Cell:
    """Returns the cell of a number."""
    return Cell(number(one, digits), None if one is None else float(one), style=style)


Field = tuple[Column, Callable[[Any], Cell]]


def text_field(title: str, get: Callable[[Any], str], hint: str = "") -> Field:
    return Column(title, False, hint), lambda item: Cell(get(item))


def number_field(title: str, get: Callable[[Any], float | None], hint: str = "", digits: int = 3) -> Field:
    return Column(title, True, hint), lambda item: value(get(item), digits)


def percent_field(title: str, get: Callable[..., float | None], hint: str = "") -> Field:
    return Column(title, True, hint), lambda item: Cell(percent(get(item)), get(item))


def interval_field(title: str, low: Callable[..., float | None], high: Callable[..., float | None]) -> Field:
    def cell(item: object) -> Cell:
        ends = low(item), high(item)
        return Cell("–" if None in ends else interval(*ends), ends[0])

    return Column(title, True), cell


def level_field(name: str) -> Field:
    """Returns the column of the levels of a factor."""
    return text_field(name, lambda one: one.levels.get(name, ""))


def make(
    name: str,
    caption: str,
    fields: Sequence[Field],
    items: Iterable[Any],
    words: Callable[[Any], str] = lambda _: "",
) -> Table | None:
    """Returns the table of items, a row each; None for no items. Columns without any content are left out."""
    every = list(items)
    shown = every[:MOST_ROWS]
    cells = [[get(item) for _, get in fields] for item in shown]
    kept = [place for place in range(len(fields)) if any(row[place].text not in ("", "–") for row in cells)]
    if not shown or not kept:
        return None
    rows = tuple(
        Row(tuple(row[place] for place in kept), words(item).lower()) for row, item in zip(cells, shown, strict=True)
    )
    return Table(name, caption, tuple(fields[place][0] for place in kept), rows, len(every) - len(shown))
