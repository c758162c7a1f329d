"""Plain files in the run folder: ``metrics.jsonl``, ``scores.jsonl`` and ``samples/*.png``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from ganlab.monitor.pictures import pictures
from ganlab.monitor.rows import Rows
from ganlab.monitor.scores_file import ScoresFile
from ganlab.training.observer import Observer, Samples, Scores


class Files(Observer):
    """One JSON object per log point, ``{"step": …, tag: mean, …}``, one per scoring, and one PNG per picture of
    samples."""

    def __init__(self, folder: Path) -> None:
        self.metrics, self.scores = Rows(folder / "metrics.jsonl"), ScoresFile(folder)
        self.samples = folder / "samples"

    def started(self, step: int, steps: int) -> None:
        self.samples.mkdir(parents=True, exist_ok=True)
        # What an earlier run logged after its last checkpoint happens again now: nothing may stand twice.
        self.rolled_back(step)
        self.metrics.open()

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        self.metrics.add({"step": step, **values})

    def sampled(self, step: int, samples: Samples) -> None:
        for name, picture in pictures(step, samples).items():
            file = "real.png" if name == "real" else f"step-{step:07d}-{name}.png"
            Image.fromarray(picture.permute(1, 2, 0).numpy()).save(self.samples / file)

    def scored(self, step: int, scores: Scores, best: Mapping[str, Any]) -> None:
        self.scores.add_scores(step, scores, best=dict(best))

    def rolled_back(self, step: int) -> None:
        for picture in self.samples.glob("step-*-*.png"):
            number = picture.stem.split("-")[1]
            if number.isdecimal() and int(number) > step:
                picture.unlink(missing_ok=True)
        self._each("cut", step)

    def flush(self) -> None:
        self._each("sync")

    def closed(self) -> None:
        self._each("close")

    def _each(self, what: str, *told: int) -> None:
        """Both files get their turn, whatever the disk says to one of them. Raises the last OSError."""
        problem = None
        for rows in (self.metrics, self.scores):
            try:
                getattr(rows, what)(*told)
            except OSError as error:
                problem = error
        if problem:
            raise problem
