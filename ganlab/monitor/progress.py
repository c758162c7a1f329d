"""A progress bar on a terminal, or in a notebook."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ganlab.monitor.progress_lines import ProgressLines, log_files
from ganlab.progress import open_bar


class Progress(ProgressLines):
    """Shows a bar with the verdicts that last, losses, images per second and the remaining time. Unless it is
    ``forced``, it shows nothing if the output is neither a terminal nor a notebook. The lines of ``ProgressLines`` go
    to the log files alone, since they would break the bar."""

    bar: Any = None
    measures: bool = False
    """Whether the time of steps is measured, from which the remaining time follows."""

    def __init__(self, forced: bool = False) -> None:
        super().__init__(log_files)
        self.forced = forced

    def started(self, step: int, steps: int) -> None:
        super().started(step, steps)
        self.measures = False
        forced = {"disable": False} if self.forced else {}
        # smoothing=0: the remaining time follows from the mean over the whole run, since steps with samples take longer
        self.bar = open_bar(total=steps, initial=step, unit=" steps", smoothing=0, **forced)

    def stepped(self, step: int) -> None:
        super().stepped(step)
        self.bar.update()
        if not self.measures:  # from here on: the first step also prepares the others, and takes several times as long
            self.measures = True
            self.bar.initial, self.bar.start_t = self.bar.n, time.time()
            self.bar.last_print_t = self.bar.start_t  # an earlier one means to tqdm that the bar was never shown
            self.bar.refresh()

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        super().logged(step, values)
        self.bar.set_postfix_str(", ".join(self._summary()), refresh=False)

    def rolled_back(self, step: int) -> None:
        super().rolled_back(step)
        self.bar.n = step
        self.bar.refresh()

    def closed(self) -> None:
        if self.bar is not None:
            self.bar.close()
