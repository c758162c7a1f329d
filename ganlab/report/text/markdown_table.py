"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

MOST_ROWS = 60
"""The most rows of a table; effects.json and runs.csv have all."""

Row = Sequence[str]


def table(head: Row, rows: Sequence[Row], most: int = MOST_ROWS) -> str:
    """Returns a table in Markdown; the first column and texts are left-aligned, the others right-aligned."""
    if not rows:
        return ""
    marks = [":--" if place == 0 or not _numeric([row[place] for row in rows]) else "--:" for place in range(len(head))]
    lines = [head, marks, *([escaped(cell) for cell in row] for row in rows[:most])]
    more = f"\n\n{len(rows) - most:,} more rows are in effects.json." if len(rows) > most else ""
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + more


def _numeric(cells: Sequence[str]) -> bool:
    return all(cell[:1] in "0123456789–-+×" for cell in cells if cell)


def escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
