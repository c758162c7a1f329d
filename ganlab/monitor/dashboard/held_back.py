"""Decides which values are drawn: constants and repeats of other curves are held back until they say something."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ganlab.monitor.dashboard.chart import Chart

PLUGIN = "ganlab"  # of summaries that TensorBoard does not show
PREFIX = "held back/"
LARGEST = 1 << 18  # bytes of a record that may hold scalars; pictures are larger


class HeldBack:
    """The tags that are drawn, with the step of their first drawn value, and the first values of constants that are
    held back. From the first drawn value on, all values of a tag are drawn."""

    def __init__(self) -> None:
        self.drawn: dict[str, int] = {}
        self.constants: dict[str, tuple[int, float]] = {}

    def draws(self, step: int, chart: Chart, value: float, values: Mapping[str, float]) -> bool:
        """Returns whether a value is drawn. ``values`` are all values of the step by the tags of ``metrics.jsonl``."""
        if chart.tag in self.drawn:
            return True
        if chart.held == "zero" and value == 0:
            return False
        if chart.held == "repeat" and value == values.get(chart.repeats):
            return False
        if chart.held == "constant":
            first = self.constants.setdefault(chart.tag, (step, value))[1]
            if value == first:
                return False
        self.drawn[chart.tag] = step
        return True

    def drop_after(self, step: int) -> None:
        """Discards what later steps than ``step`` have shown."""
        self.drawn = {tag: first for tag, first in self.drawn.items() if first <= step}
        self.constants = {tag: one for tag, one in self.constants.items() if one[0] <= step}

    def restore(self, folder: Path, step: int) -> None:
        """Reads from the event files in ``folder`` what was drawn and held back up to ``step``."""
        from tensorboard.compat.proto.event_pb2 import SessionLog

        for path in sorted(folder.glob("events.out.tfevents.*")):
            for event in _events(path):
                if event.session_log.status == SessionLog.START and event.HasField("session_log"):
                    self.drop_after(event.step - 1)
                for value in event.summary.value:
                    if value.tag.startswith(PREFIX):
                        held = (event.step, float(value.tensor.double_val[0]))
                        self.constants.setdefault(value.tag.removeprefix(PREFIX), held)
                    elif value.HasField("simple_value"):
                        self.drawn.setdefault(value.tag, event.step)
        self.drop_after(step)


def held_back(chart: Chart, value: float) -> Any:
    """Returns the summary that keeps the first value of a constant for a resumed run; TensorBoard does not show it."""
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.types_pb2 import DT_DOUBLE

    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=PLUGIN))
    tensor = TensorProto(dtype=DT_DOUBLE, double_val=[value])
    return Summary.Value(tag=f"{PREFIX}{chart.tag}", metadata=metadata, tensor=tensor)


def _events(path: Path) -> Iterator[Any]:
    """Yields the events of a file (records of TensorFlow: length, checksum, content, checksum) that may hold scalars,
    up to the first incomplete or damaged one."""
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.event_pb2 import Event

    try:
        with path.open("rb") as file:
            while len(head := file.read(12)) == 12:
                (size,) = struct.unpack("<Q", head[:8])
                if size > LARGEST:
                    file.seek(size + 4, 1)
                    continue
                content = file.read(size)
                if len(content) < size or len(file.read(4)) < 4:
                    return
                yield Event.FromString(content)
    except (OSError, DecodeError):
        return
