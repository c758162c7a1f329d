"""The curves of a run: losses, D's outputs, and a score."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from ganlab.report.reading.full_rows import Row
from ganlab.run.rows import LOSSES, is_number, metrics_rows, scores_rows
from ganlab.score_names import BETTER

OUTPUTS = {"discriminator/real": "real", "discriminator/fake": "generated"}


class Curves(Figure):
    """A figure of matplotlib that a notebook shows, also where pyplot is not imported."""

    def _repr_png_(self) -> bytes:
        return as_png(self)


def curves(folder: Path) -> Curves:
    """Returns the figure of the run in ``folder``. Each panel has the training steps as its horizontal axis."""
    metrics, scores = metrics_rows(folder), scores_rows(folder)
    name = next((name for name in BETTER if any(name in row for row in scores)), None)
    figure = Curves(figsize=(4 * (3 if name else 2), 2.8), layout="constrained")
    panels = figure.subplots(1, 3 if name else 2)
    _draw(panels[0], "losses", metrics, LOSSES)
    _draw(panels[1], "D's outputs (logits)", metrics, OUTPUTS)
    if name:
        title = f"{name} ({BETTER[name]} is better)"
        ids = dict.fromkeys(str(row["id"]) for row in scores if name in row)
        for one in ids:  # scores with other ids do not compare: each is a line of its own
            _draw(panels[2], title, [row for row in scores if str(row["id"]) == one], {name: one}, marker=".")
    return figure


def _draw(panel: Any, title: str, rows: Sequence[Row], names: Mapping[str, str], **style: Any) -> None:
    panel.set_title(title, fontsize="medium")
    panel.set_xlabel("step")
    panel.grid(alpha=0.3)
    for tag, label in names.items():
        points = [(row["step"], row[tag]) for row in rows if is_number(row.get(tag))]
        if points:
            panel.plot(*zip(*points, strict=True), label=label, linewidth=1.2, **style)
    if panel.get_lines():
        panel.legend(fontsize="small", frameon=False)


def as_png(figure: Figure, dpi: int = 80) -> bytes:
    """Returns a figure as the bytes of a PNG file."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi)
    return file.getvalue()
