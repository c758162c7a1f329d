"""Plain files in the run folder: ``metrics.jsonl``, ``scores.jsonl`` and ``samples/*.png``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from ganlab.monitor.appended import Appended
from ganlab.monitor.pictures import pictures
from ganlab.training.observer import Observer, Samples, Scores
from ganlab.whole import write_whole


class Files(Observer):
    """One JSON object per log point, ``{"step": …, tag: mean, …}``, one per scoring, and one PNG per picture of
    samples."""

    def __init__(self, folder: Path) -> None:
        self.metrics, self.scores = folder / "metrics.jsonl", folder / "scores.jsonl"
        self.samples = folder / "samples"
        self.rows: Appended | None = None
        self.score_rows: Appended | None = None

    def started(self, step: int, steps: int) -> None:
        self.samples.mkdir(parents=True, exist_ok=True)
        # What an earlier run logged after its last checkpoint happens again now: nothing may stand twice.
        for file in (self.metrics, self.scores):
            if file.exists():
                kept = [row for row in file.read_text().splitlines() if _step_of(row) <= step]
                write_whole(file, "".join(f"{row}\n" for row in kept))
        for picture in self.samples.glob("step-*-*.png"):
            if picture.stem.split("-")[1] > f"{step:07d}":
                picture.unlink()
        self.rows, self.score_rows = Appended(self.metrics), None

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        assert self.rows is not None
        self.rows.write(f"{json.dumps({'step': step, **values})}\n".encode())
        self.rows.flush()

    def sampled(self, step: int, samples: Samples) -> None:
        for name, picture in pictures(step, samples).items():
            file = "real.png" if name == "real" else f"step-{step:07d}-{name}.png"
            Image.fromarray(picture.permute(1, 2, 0).numpy()).save(self.samples / file)

    def scored(self, step: int, scores: Scores, best: Mapping[str, Any]) -> None:
        self.score_rows = self.score_rows or Appended(self.scores)
        self.score_rows.write(f"{json.dumps({'step': step, **scores.row(), 'best': dict(best)})}\n".encode())
        self.score_rows.flush()

    def returned(self, step: int) -> None:
        before = [rows for rows in (self.rows, self.score_rows) if rows]
        for rows in before:
            rows.flush()
        self.started(step, step)
        for rows in before:
            rows.close()

    def flush(self) -> None:
        for rows in (self.rows, self.score_rows):
            if rows:
                rows.sync()

    def closed(self) -> None:
        for rows in (self.rows, self.score_rows):
            if rows:
                rows.close()


def _step_of(row: str) -> float:
    """The row's step; a row that a kill left unfinished counts as later than any."""
    try:
        return float(json.loads(row)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
