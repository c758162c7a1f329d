"""Notebooks as pages: their text, their code, and a picture of what they are about.

The files hold no outputs, which readers make themselves."""

from __future__ import annotations

import json
from pathlib import Path

PICTURES = {
    "first-gan": ("default-run.png", "Samples of a larger run of 2,000 steps, `experiment=dcgan_digits`."),
    "init-and-norm": (
        "init-and-norm.png",
        "Four runs like those below, of 600 steps ([with the numbers](../init-and-norm.md)).",
    ),
    "when-it-fails": (
        "diagnosis.png",
        "Failures that were made on purpose, as the one below is ([how each is recognized](../diagnosis.md)).",
    ),
    "your-own-images": (
        "recipes/dcgan_digits.png",
        "Samples of a longer run on the same digits, `experiment=dcgan_digits`.",
    ),
}
"""A picture of the other pages for each notebook, below ``docs/``, and the sentence under it."""


def page(path: Path) -> str:
    """Returns a notebook as Markdown, with a link to the file and a picture."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    parts = []
    for cell in cells:
        text = "".join(cell["source"]).strip()
        parts.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
    title, _, rest = parts[0].partition("\n")
    note = (
        f"[`{path.name}`]({path.name}) is this page as a notebook, to run yourself. The outputs of its cells appear "
        "when you run it: the file holds none, and neither does this page."
    )
    picture, caption = PICTURES[path.stem]
    shown = f"![{caption.partition(',')[0]}](../{picture})\n\n{caption}"
    return "\n\n".join(one for one in (title, note, rest.strip(), shown, *parts[1:]) if one) + "\n"
