"""Event files for TensorBoard."""

from __future__ import annotations

import os
import socket
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from ganlab.monitor.appended import Appended
from ganlab.monitor.dashboard import layout, panels, summaries
from ganlab.monitor.dashboard.chart import HEALTH, Chart
from ganlab.monitor.dashboard.charts import chart_of, histogram_chart, score_chart
from ganlab.monitor.dashboard.guide import guide
from ganlab.monitor.dashboard.held_back import HeldBack, held_back
from ganlab.monitor.filmstrip import filmstrips
from ganlab.monitor.hparams import start_summaries
from ganlab.monitor.named_grid import Picture
from ganlab.monitor.records import record
from ganlab.training.observer import Histogram, Inspected, Observer, Samples, Scores
from ganlab.training.verdicts import Verdict

INSPECTION = Chart(
    HEALTH,
    "initialization",
    "The size of signals and of gradients over the depth of both networks, before the first step (numbers: text "
    "`inspection`).",
    good="level curves: signals and gradients neither vanish nor explode",
)


class TensorBoard(Observer):
    """Writes the dashboard of a run for ``tensorboard --logdir outputs``: curves, pictures of samples, histograms, and
    the resolved configuration as text. ``ganlab.monitor.dashboard`` has the names, the order and the descriptions.

    When training ends, the filmstrips of the pictures in ``samples/`` follow. ``class_names`` name the rows of
    pictures, the tab HParams has the ``chosen`` settings of the run before the most important of all its ``settings``,
    and histograms come every ``histograms`` steps (None: never). With ``graph`` the networks are drawn too.

    The events are written here and not by its ``SummaryWriter``, whose thread ends at the
    first write that fails, and loses the data that was waiting.
    """

    def __init__(
        self,
        folder: Path,
        configuration: str,
        class_names: Sequence[str] = (),
        chosen: Mapping[str, str] | None = None,
        settings: Mapping[str, Any] | None = None,
        histograms: int | None = None,
        graph: bool = False,
    ) -> None:
        self.folder, self.configuration, self.class_names = folder, configuration, tuple(class_names)
        self.chosen, self.settings, self.histograms_every = dict(chosen or {}), dict(settings or {}), histograms
        self.wants_graph = graph
        self.file: Appended | None = None
        self.step = 0  # of the newest picture
        self.real: Tensor | None = None
        self.held_back = HeldBack()
        self.described: set[str] = set()
        self.layout: Any = None

    def started(self, step: int, steps: int) -> None:
        if step:
            self.held_back.restore(self.folder, step)
        # TensorBoard reads files in the order of their names. Microseconds order two that begin in the same second.
        name = f"events.out.tfevents.{time.time():017.6f}.{socket.gethostname()}.{os.getpid()}"
        self.file, self.step = Appended(self.folder / name), step
        self._add(step, file_version="brain.Event:2")
        # A run whose only checkpoint is that of step 0 begins anew, and records step 0 again.
        self._hide(step + 1 if step else 0)
        for summary in start_summaries(self.chosen, self.settings):
            self._add(step, summary=summary)
        self._text(step, "about the charts", guide())
        configuration = "\n".join(f"    {line}" for line in self.configuration.splitlines())  # as code, in Markdown
        self._text(step, "configuration", configuration)
        self.file.flush()

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        self._curves(step, ((chart_of(tag), value) for tag, value in values.items()), values)

    def sampled(self, step: int, samples: Samples) -> None:
        assert self.file is not None
        self.step, self.real = step, samples.images.get("real", self.real)
        for one in panels.shown(step, samples, self.real, self.class_names):
            self._image(step, one.chart, one.picture)
        self.file.flush()

    def scored(self, step: int, scores: Scores, best: Mapping[str, Any]) -> None:
        # Scores with different ids do not compare, so that each id has its own curve.
        self._curves(step, ((score_chart(name, scores.id), value) for name, value in scores.values.items()), {})

    def inspected(self, step: int, inspection: Inspected) -> None:
        assert self.file is not None
        self._image(step, INSPECTION, Picture(inspection.picture))
        self._text(step, "inspection", inspection.markdown())
        self.file.flush()

    def measured(self, step: int, histograms: Mapping[str, Histogram]) -> None:
        assert self.file is not None
        places: Counter[tuple[str, str]] = Counter()
        values = []
        for name, found in histograms.items():
            kind, network, layer = name.split("/", 2)
            places[kind, network] += 1
            chart = histogram_chart(kind, network, layer, places[kind, network])
            values.append(summaries.histogram(chart, found, self._first(chart)))
        self._values(step, values)
        self.file.flush()

    def traced(self, graph: bytes) -> None:
        assert self.file is not None
        self._add(0, graph_def=graph)
        self.file.flush()

    def diagnosed(self, step: int, verdicts: Sequence[Verdict]) -> None:
        assert self.file is not None
        said = "\n\n".join(one.markdown() for one in verdicts) or "**healthy**: no verdict lasts any more"
        self._text(step, "verdicts", said)
        self.file.flush()

    def rolled_back(self, step: int) -> None:
        assert self.file is not None
        self._hide(step + 1)
        self.file.flush()
        self.step, self.layout = min(self.step, step), None
        self.held_back.drop_after(step)

    def flush(self) -> None:
        assert self.file is not None
        self.file.sync()

    def closed(self) -> None:
        if self.file is None:
            return
        try:
            for network, strip in filmstrips(self.folder / "samples").items():
                self._image(self.step, panels.STRIPS[network], strip)
        finally:
            self.file.close()

    def _curves(self, step: int, curves: Iterable[tuple[Chart, float]], values: Mapping[str, float]) -> None:
        """Writes the values that are drawn, and the layout of charts with several curves when there are new ones."""
        assert self.file is not None
        drawn, found = len(self.held_back.drawn), []
        for chart, value in curves:
            known = chart.tag in self.held_back.constants
            if self.held_back.draws(step, chart, value, values):
                found.append(summaries.scalar(chart, value, self._first(chart)))
            elif not known and chart.tag in self.held_back.constants:
                found.append(held_back(chart, value))
        self._values(step, found)
        if self.layout is None or len(self.held_back.drawn) > drawn:
            charts = layout.layout(self.held_back.drawn)
            if charts != self.layout:
                self._add(step, summary=layout.summary_of(charts))
            self.layout = charts
        self.file.flush()

    def _first(self, chart: Chart) -> bool:
        """Whether this process writes to a chart for the first time, so that it must describe it."""
        first = chart.tag not in self.described
        self.described.add(chart.tag)
        return first

    def _image(self, step: int, chart: Chart, picture: Picture) -> None:
        self._values(step, [summaries.image(chart, picture)])

    def _text(self, step: int, name: str, content: str) -> None:
        self._add(step, summary=summaries.text(name, content))

    def _values(self, step: int, values: Sequence[Any]) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        if values:
            self._add(step, summary=Summary(value=values))

    def _hide(self, step: int) -> None:
        """Makes TensorBoard discard the values of ``step`` and of later steps."""
        from tensorboard.compat.proto.event_pb2 import SessionLog

        self._add(step, session_log=SessionLog(status=SessionLog.START))

    def _add(self, step: int, **content: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        assert self.file is not None
        self.file.write(record(Event(wall_time=time.time(), step=step, **content).SerializeToString()))
