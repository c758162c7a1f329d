"""Reads a page strictly: every element is closed, in order, and what it refers to is on the page."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "link", "img", "input", "br", "hr"}


class Page(HTMLParser):
    """The elements of a page as (tag, attributes), its addresses, and the texts of the cells of each table."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.sorts: dict[str, list[list[str | None]]] = {}
        self._table = ""
        self._in_cell = False
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = {name: value or "" for name, value in attrs}
        self.elements.append((tag, own))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tbody" and "id" in own:
            self._table = own["id"].removeprefix("rows-")
            self.tables[self._table], self.sorts[self._table] = [], []
        elif tag == "tr" and self._table:
            self.tables[self._table].append([])
            self.sorts[self._table].append([])
        elif tag == "td" and self._table:
            self._in_cell = True
            self.tables[self._table][-1].append("")
            self.sorts[self._table][-1].append(own.get("data-sort"))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> without a beginning"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        self.open.pop()
        if tag == "tbody":
            self._table = ""
        elif tag == "td":
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._table and self._in_cell:
            self.tables[self._table][-1][-1] += data.strip()

    def all(self, tag: str) -> list[dict[str, str]]:
        return [own for name, own in self.elements if name == tag]
