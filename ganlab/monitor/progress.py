"""A progress bar in the terminal, or in a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganlab.progress import open_bar
from ganlab.training.observer import Observer
from ganlab.training.verdicts import Verdict

SHOWN = 2  # verdicts in the bar


class Progress(Observer):
    """Shows a bar with the verdicts that last, losses, images per second and the remaining time. Shows nothing if the
    output is neither a terminal nor a notebook."""

    bar: Any = None
    verdicts: tuple[str, ...] = ()

    def started(self, step: int, steps: int) -> None:
        # smoothing=0: the remaining time follows from the mean over the whole run, since steps with samples take longer
        self.bar = open_bar(total=steps, initial=step, unit=" steps", smoothing=0)

    def stepped(self, step: int) -> None:
        self.bar.update()

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        losses = (("D", "discriminator/loss"), ("G", "generator/loss"))
        parts = [
            f"{name} {values[tag]:.3f}" for name, tag in losses if tag in values
        ]  # a network without an update has no loss
        speed = f"{values['progress/images_per_second']:,.0f} images/s"
        self.bar.set_postfix_str(", ".join([*self.verdicts, *parts, speed]), refresh=False)

    def diagnosed(self, step: int, verdicts: Sequence[Verdict]) -> None:
        self.verdicts = tuple(one.title for one in verdicts[:SHOWN])
        if len(verdicts) > SHOWN:
            self.verdicts = (*self.verdicts, f"{len(verdicts) - SHOWN} more")

    def rolled_back(self, step: int) -> None:
        self.bar.n = step
        self.bar.refresh()

    def closed(self) -> None:
        if self.bar is not None:
            self.bar.close()
