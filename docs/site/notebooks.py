"""Notebooks as pages: their text, and their code without outputs, which readers make themselves."""

from __future__ import annotations

import json
from pathlib import Path


def page(path: Path) -> str:
    """Returns a notebook as Markdown, with a link to the file."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    parts = []
    for cell in cells:
        text = "".join(cell["source"]).strip()
        parts.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
    title, _, rest = parts[0].partition("\n")
    note = f"[`{path.name}`]({path.name}) is this page as a notebook, to run yourself."
    return "\n\n".join(one for one in (title, note, rest.strip(), *parts[1:]) if one) + "\n"
