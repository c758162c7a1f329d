"""The settings of the observers ``files``, ``tensorboard`` and ``progress``."""

from __future__ import annotations

from dataclasses import dataclass

from ganlab.monitor.files import Files
from ganlab.monitor.progress import Progress
from ganlab.monitor.progress_lines import ProgressLines
from ganlab.monitor.tensorboard import TensorBoard
from ganlab.progress import shows_bars
from ganlab.table import PositiveInt
from ganlab.training.observer import ObservedRun, Observer, ObserverSetting


@dataclass(frozen=True)
class FilesSetting(ObserverSetting):
    """``metrics.jsonl``, ``scores.jsonl`` and ``samples/*.png`` in the run folder."""

    def build(self, run: ObservedRun) -> Observer:
        return Files(run.folder, run.class_names)


@dataclass(frozen=True)
class TensorBoardSetting(ObserverSetting):
    """An event file of TensorBoard in the run folder. Histograms of weights, gradients and activations are added every
    ``histograms`` steps (null: never); they cost about as much as a step. With ``graph`` the tab *Graphs* has the
    operations of both networks."""

    histograms: PositiveInt | None = 500
    graph: bool = False

    def build(self, run: ObservedRun) -> Observer:
        return TensorBoard(run.folder, run.text, run.class_names, run.chosen, run.settings, self.histograms, self.graph)


@dataclass(frozen=True)
class ProgressSetting(ObserverSetting):
    """The progress of the training: as ``logging.progress`` says, a bar, or lines. ``auto`` is a bar where the output
    is a terminal or a notebook, and lines elsewhere."""

    def build(self, run: ObservedRun) -> Observer:
        style = run.settings.get("logging", {}).get("progress", "auto")
        if style == "lines" or (style != "bar" and not shows_bars()):
            return ProgressLines()
        return Progress(forced=style == "bar")
