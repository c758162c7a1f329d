"""Writes tables between markers into docs/diagnosis.md."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "diagnosis.md"


def insert(text: str, parts: Mapping[str, str]) -> str:
    """Returns the page ``text`` with each part between ``<!-- collection: NAME -->`` and ``<!-- end of collection:
    NAME -->``. Raises ValueError for a part without markers."""
    for name, part in parts.items():
        start, end = f"<!-- collection: {name} -->", f"<!-- end of collection: {name} -->"
        if start not in text or end not in text:
            raise ValueError(f"{PAGE.name} has no marker {start}")
        before, rest = text.split(start, 1)
        text = f"{before}{start}\n{part.strip()}\n{end}{rest.split(end, 1)[1]}"
    return text


def publish(parts: Mapping[str, str]) -> None:
    """Writes the parts into docs/diagnosis.md."""
    PAGE.write_text(insert(PAGE.read_text(encoding="utf-8"), parts), encoding="utf-8")
