"""The files that a run writes for people and programs: ``metrics.jsonl``, ``scores.jsonl`` and ``samples/*.png``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ganlab.monitor.filmstrip import filmstrips
from ganlab.monitor.pictures import pictures
from ganlab.monitor.rows import Rows
from ganlab.monitor.scores_file import ScoresFile
from ganlab.training.observer import Inspected, Observer, Samples, Scores


class Files(Observer):
    """Writes one JSON object ``{"step": …, tag: mean, …}`` per log point to ``metrics.jsonl``, one per scoring to
    ``scores.jsonl``, and one PNG per picture of samples to ``samples/``.

    Before the first step it writes ``inspection.json``, ``inspection.txt`` and ``inspection.png``. When training ends
    or stops, ``samples/filmstrip-NETWORK.png`` shows the samples of some fixed latents over the steps, those of resumed
    processes included. ``class_names`` name the rows of pictures.
    """

    def __init__(self, folder: Path, class_names: Sequence[str] = ()) -> None:
        self.metrics, self.scores = Rows(folder / "metrics.jsonl"), ScoresFile(folder)
        self.folder, self.samples, self.class_names = folder, folder / "samples", tuple(class_names)

    def started(self, step: int, steps: int) -> None:
        self.samples.mkdir(parents=True, exist_ok=True)
        self.rolled_back(step)  # the process before may have gone on after its last checkpoint
        self.metrics.open()

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        self.metrics.add({"step": step, **values})

    def sampled(self, step: int, samples: Samples) -> None:
        for name, picture in pictures(step, samples, self.class_names).items():
            file = "real.png" if name == "real" else f"step-{step:07d}-{name}.png"
            (self.samples / file).write_bytes(picture.png)

    def scored(self, step: int, scores: Scores, best: Mapping[str, Any]) -> None:
        self.scores.add_scores(step, scores, best=dict(best))

    def inspected(self, step: int, inspection: Inspected) -> None:
        inspection.save(self.folder)

    def rolled_back(self, step: int) -> None:
        for picture in self.samples.glob("step-*-*.png"):
            number = picture.stem.split("-")[1]
            if number.isdecimal() and int(number) > step:
                picture.unlink(missing_ok=True)
        for strip in self.samples.glob("filmstrip-*.png"):  # the end of the run makes it anew
            strip.unlink(missing_ok=True)
        self._for_both("cut", step)

    def flush(self) -> None:
        self._for_both("sync")

    def closed(self) -> None:
        try:
            for network, strip in filmstrips(self.samples).items():
                (self.samples / f"filmstrip-{network}.png").write_bytes(strip.png)
        finally:
            self._for_both("close")

    def _for_both(self, method: str, *arguments: int) -> None:
        """Calls a method of both files, of the second also if the first raises OSError. Raises the last OSError."""
        problem = None
        for rows in (self.metrics, self.scores):
            try:
                getattr(rows, method)(*arguments)
            except OSError as error:
                problem = error
        if problem:
            raise problem
