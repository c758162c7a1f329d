"""Reports to observers on the networks themselves: samples, the inspection before the first step, histograms, and the
graph of the networks; and the speed of training between them."""

from __future__ import annotations

import logging
import time

from ganlab.errors import in_one_line
from ganlab.ranks import Ranks
from ganlab.training.feed import Feed
from ganlab.training.gan import GAN
from ganlab.training.observer import Inspect, Measure, Trace
from ganlab.training.observers import Observers
from ganlab.training.sampling import Sampler

log = logging.getLogger("ganlab")


class Reports:
    """Draws samples and measures the networks on rank 0, and notifies the observers. Nothing of it changes training.
    An inspection, a histogram or a graph that fails is left out, with a note on the error; training goes on."""

    def __init__(
        self,
        gan: GAN,
        feed: Feed,
        sampler: Sampler,
        observers: Observers,
        ranks: Ranks,
        inspect: Inspect | None = None,
        measure: Measure | None = None,
        trace: Trace | None = None,
    ) -> None:
        self.gan, self.feed, self.sampler, self.observers, self.ranks = gan, feed, sampler, observers, ranks
        self.inspect, self.measure, self.trace = inspect, measure, trace
        self._real_shown = False

    def samples(self, step: int) -> None:
        """Reports samples; the first ones of this process together with real images."""
        if not self.ranks.first:
            return
        samples, self._real_shown = self.sampler.samples(with_real=not self._real_shown), True
        self.observers.notify(lambda observer: observer.sampled(step, samples))

    def inspection(self, step: int) -> None:
        """Reports what the inspection of the initialized networks finds."""
        if not self.ranks.first or self.inspect is None or not any(True for _ in self.observers):
            return
        try:
            inspection = self.inspect(self.gan, self.feed)
        except Exception as error:  # a network of a plugin that it cannot differentiate, or too little memory
            _note("the initialization could not be inspected (%s); training goes on", error)
            return
        self.observers.notify(lambda observer: observer.inspected(step, inspection))

    def histograms(self, step: int, progress: float) -> None:
        """Reports histograms to the observers that take them after ``step`` steps. ``progress`` is the share of
        training that is done, in [0, 1]."""
        if not self.ranks.first or self.measure is None or not (due := self.observers.due_for_histograms(step)):
            return
        try:
            histograms = self.measure(self.gan, self.feed, progress)
        except Exception as error:  # as above
            self.measure = None
            _note("histograms could not be computed (%s) and are left out; training goes on", error)
            return
        self.observers.notify(lambda observer: observer.measured(step, histograms), due)

    def graph(self) -> None:
        """Reports the graph of the networks to the observers that take it."""
        if not self.ranks.first or self.trace is None or not (due := self.observers.due_for_graph()):
            return
        try:
            graph = self.trace(self.gan, self.feed)
        except Exception as error:  # a network of a plugin that PyTorch cannot trace
            _note("the graph of the networks could not be traced (%s); training goes on", error)
            return
        self.observers.notify(lambda observer: observer.traced(graph), due)


class Speed:
    """Measures how many real images training draws in a second, without the time of what it does between steps."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.restart()

    def restart(self) -> None:
        """Begins the measurement again."""
        self._began, self._images = time.perf_counter(), self._feed.drawn

    def images_per_second(self) -> float:
        """Returns the mean since the measurement began."""
        return (self._feed.drawn - self._images) / max(time.perf_counter() - self._began, 1e-9)


def _note(text: str, error: Exception) -> None:
    log.warning(f"note: {text}", f"{type(error).__name__}: {in_one_line(error)}")
