"""Lines that say how far a training is, for output that is no terminal: files of Slurm and ``nohup``, logs of CI."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence

from ganlab.progress import duration
from ganlab.training.observer import Inspected, Observer, Samples
from ganlab.training.verdicts import Verdict

log = logging.getLogger("ganlab")

INTERVAL = 30.0
"""Seconds between two lines."""
SHOWN = 2
"""Verdicts that are named; more are counted."""
LOSSES = (("D", "discriminator/loss"), ("G", "generator/loss"))


class ProgressLines(Observer):
    """Writes a line after the first step, after the last one, and every 30 seconds between them: ``step 1,500 of 2,000
    (75 %), mode collapse, D 0.693, G 1.21, 1,234 images/s, about 2 min left``, with the verdicts that last.

    ``write`` receives each line, by default the run's log, which is shown and goes to ``train.log``. ``clock`` returns
    seconds. The remaining time follows from all steps of this process but the first, which takes longer.
    """

    def __init__(self, write: Callable[[str], None] = log.info, clock: Callable[[], float] = time.monotonic) -> None:
        self._write, self._clock = write, clock
        self._first = self._steps = 0
        self._values: Mapping[str, float] = {}
        self._verdicts: tuple[str, ...] = ()
        self._began = self._written = 0.0
        self._pace: tuple[int, float] | None = None  # a step, and when it had ended

    def started(self, step: int, steps: int) -> None:
        self._first, self._steps, self._began = step, steps, self._clock()

    def sampled(self, step: int, samples: Samples) -> None:
        self._before_the_first_step()

    def inspected(self, step: int, inspection: Inspected) -> None:
        self._before_the_first_step()

    def first_step(self, step: int, values: Mapping[str, float]) -> None:
        self._values = values
        self._line(step)

    def stepped(self, step: int) -> None:
        if self._pace is None:
            self._pace = step, self._clock()
        elif self._written and self._clock() - self._written >= INTERVAL:
            self._line(step)

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        self._values = values
        if not self._written or step == self._steps:
            self._line(step)

    def diagnosed(self, step: int, verdicts: Sequence[Verdict]) -> None:
        more = (f"{len(verdicts) - SHOWN} more",) if len(verdicts) > SHOWN else ()
        self._verdicts = (*(one.title for one in verdicts[:SHOWN]), *more)

    def rolled_back(self, step: int) -> None:
        self._first, self._pace = step, (step, self._clock())

    def _before_the_first_step(self) -> None:
        """Starts the clock of the first step: its samples and the inspection of the networks are no part of it."""
        if self._pace is None:
            self._began = self._clock()

    def _line(self, step: int) -> None:
        self._written = self._clock()
        share = 100 * step // max(self._steps, 1)
        parts = [f"step {step:,} of {self._steps:,} ({share} %)", *self._summary()]
        if (left := self._seconds_left(step)) is not None:
            parts.append(f"about {duration(left)} left")
        self._write(", ".join(parts))

    def _summary(self) -> list[str]:
        """Returns the verdicts that last, losses and speed."""
        return [*self._verdicts, *losses_and_speed(self._values)]

    def _seconds_left(self, step: int) -> float | None:
        """Returns the estimated seconds until the last step; None after it, and before a step has ended."""
        if step >= self._steps or self._pace is None:
            return None
        since, moment = self._pace
        done, seconds = step - since, self._clock() - moment
        if done < 1:  # the first step alone is known
            done, seconds = step - self._first, moment - self._began
        return seconds / done * (self._steps - step) if done > 0 else None


def losses_and_speed(values: Mapping[str, float]) -> list[str]:
    """Returns the losses and the speed in short. A network without an update has no loss."""
    parts = [f"{name} {values[tag]:.3f}" for name, tag in LOSSES if tag in values]
    if "progress/images_per_second" in values:
        parts.append(f"{values['progress/images_per_second']:,.0f} images/s")
    return parts


def log_files(line: str) -> None:
    """Writes a line to the log files of the run, and not to the terminal."""
    record = log.makeRecord(log.name, logging.INFO, __file__, 0, line, (), None)
    logger: logging.Logger | None = log
    while logger is not None:
        for handler in logger.handlers:
            if isinstance(handler, logging.FileHandler):
                handler.handle(record)
        logger = logger.parent if logger.propagate else None
