"""The curves of a run: losses, D's outputs, and a score."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from ganlab.report.reading.full_rows import Row
from ganlab.report.reading.runs import read_run
from ganlab.run.rows import LOSSES, features_of, is_number, metrics_rows, score_names, scores_rows
from ganlab.score_names import BETTER

OUTPUTS = {"discriminator/real": "real", "discriminator/fake": "generated"}


class Curves(Figure):
    """A figure of matplotlib that a notebook shows, also where pyplot is not imported."""

    def _repr_png_(self) -> bytes:
        return as_png(self)


def curves(folder: Path) -> Curves:
    """Returns the figure of the run in ``folder``. Each panel has the training steps as its horizontal axis."""
    metrics, scores = metrics_rows(folder), scores_rows(folder)
    names = score_names(read_run(folder).config)
    name = next((name for name in names if any(name in row for row in scores)), None)
    figure = Curves(figsize=(4 * (3 if name else 2), 2.8), layout="constrained")
    panels = figure.subplots(1, 3 if name else 2)
    _draw(panels[0], "losses", metrics, LOSSES)
    _draw(panels[1], "D's outputs (logits)", metrics, OUTPUTS)
    if name:
        features = " and ".join(dict.fromkeys(features_of(row) for row in scores if name in row))
        title = f"{name}, {features} ({BETTER[name]} is better)"
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
            marked = style if len(points) > 1 else {"marker": "o", **style}  # a line of one point is invisible
            panel.plot(*zip(*points, strict=True), label=label, linewidth=1.2, **marked)
    if panel.get_lines():
        panel.legend(fontsize="small", frameon=False)


def as_png(figure: Figure, dpi: int = 80) -> bytes:
    """Returns a figure as the bytes of a PNG file."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi)
    return file.getvalue()
