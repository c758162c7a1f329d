"""Event files for TensorBoard."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ganlab.monitor.appended import Appended
from ganlab.monitor.filmstrip import filmstrips
from ganlab.monitor.grid import shrink
from ganlab.monitor.named_grid import Picture
from ganlab.monitor.pictures import pictures
from ganlab.training.observer import Inspected, Observer, Samples, Scores
from ganlab.training.verdicts import Verdict

LARGEST = 2048  # pixels of the longer side of a picture: TensorBoard loads all pictures of a page at once


class TensorBoard(Observer):
    """Writes scalars, pictures of samples and the resolved configuration as text, for ``tensorboard --logdir outputs``.
    When training ends, the filmstrips of the pictures in ``samples/`` follow. ``class_names`` name the rows of
    pictures.

    The events are written here and not by its ``SummaryWriter``, whose thread ends at the
    first write that fails, and loses the data that was waiting.
    """

    def __init__(self, folder: Path, configuration: str, class_names: Sequence[str] = ()) -> None:
        self.folder, self.configuration, self.class_names = folder, configuration, tuple(class_names)
        self.file: Appended | None = None
        self.step = 0  # of the newest picture

    def started(self, step: int, steps: int) -> None:
        from torch.utils.tensorboard.summary import text  # the import takes a second

        # TensorBoard reads files in the order of their names. Microseconds order two that begin in the same second.
        name = f"events.out.tfevents.{time.time():017.6f}.{socket.gethostname()}.{os.getpid()}"
        self.file, self.step = Appended(self.folder / name), step
        self._add(step, file_version="brain.Event:2")
        # A run whose only checkpoint is that of step 0 begins anew, and records step 0 again.
        self._hide(step + 1 if step else 0)
        configuration = "\n".join(f"    {line}" for line in self.configuration.splitlines())  # as code, in Markdown
        self._add(step, summary=text("configuration", configuration))
        self.file.flush()

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        self._scalars(step, values)

    def sampled(self, step: int, samples: Samples) -> None:
        assert self.file is not None
        self.step = step
        for name, picture in pictures(step, samples, self.class_names).items():
            self._image(step, f"samples/{name}", picture)
        self.file.flush()

    def scored(self, step: int, scores: Scores, best: Mapping[str, Any]) -> None:
        # Scores with different ids do not compare, so that each id has its own curve.
        self._scalars(step, {f"scores/{name}-{scores.id}": value for name, value in scores.values.items()})

    def inspected(self, step: int, inspection: Inspected) -> None:
        from torch.utils.tensorboard.summary import text

        assert self.file is not None
        self._image(step, "inspection/figure", Picture(inspection.picture))
        self._add(step, summary=text("inspection", inspection.markdown()))
        self.file.flush()

    def diagnosed(self, step: int, verdicts: Sequence[Verdict]) -> None:
        from torch.utils.tensorboard.summary import text

        assert self.file is not None
        said = "\n\n".join(one.markdown() for one in verdicts) or "**healthy**: no verdict lasts any more"
        self._add(step, summary=text("verdicts", said))
        self.file.flush()

    def rolled_back(self, step: int) -> None:
        assert self.file is not None
        self._hide(step + 1)
        self.file.flush()
        self.step = min(self.step, step)

    def flush(self) -> None:
        assert self.file is not None
        self.file.sync()

    def closed(self) -> None:
        if self.file is None:
            return
        try:
            for network, strip in filmstrips(self.folder / "samples").items():
                self._image(self.step, f"samples/filmstrip-{network}", strip)
        finally:
            self.file.close()

    def _image(self, step: int, tag: str, picture: Picture) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        if max(picture.pixels.shape) > LARGEST:
            picture = Picture(shrink(picture.pixels, LARGEST))
        _, height, width = picture.pixels.shape
        image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=picture.png)
        self._add(step, summary=Summary(value=[Summary.Value(tag=tag, image=image)]))

    def _scalars(self, step: int, values: Mapping[str, float]) -> None:
        from torch.utils.tensorboard.summary import scalar

        assert self.file is not None
        for tag, value in values.items():
            self._add(step, summary=scalar(tag, value))
        self.file.flush()

    def _hide(self, step: int) -> None:
        """Makes TensorBoard discard the values of ``step`` and of later steps."""
        from tensorboard.compat.proto.event_pb2 import SessionLog

        self._add(step, session_log=SessionLog(status=SessionLog.START))

    def _add(self, step: int, **content: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        event = Event(wall_time=time.time(), step=step, **content)
        RecordWriter(self.file).write(event.SerializeToString())
