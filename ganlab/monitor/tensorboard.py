from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganlab.monitor.appended import Appended
from ganlab.monitor.pictures import pictures
from ganlab.training.observer import Observer, Samples, Scores


class TensorBoard(Observer):
    """Scalars, pictures of samples and the resolved configuration as text, for ``tensorboard --logdir outputs``.

    The summaries are PyTorch's. They are written here and not by its ``SummaryWriter``, whose thread ends at the first
    write that fails and takes with it what waited.
    """

    def __init__(self, folder: Path, configuration: str) -> None:
        self.folder, self.configuration = folder, configuration
        self.file: Appended | None = None

    def started(self, step: int, steps: int) -> None:
        from torch.utils.tensorboard.summary import text  # takes a second: not before it is needed

        # TensorBoard reads files by name: with the microseconds, one that was begun in the same second comes later.
        name = f"events.out.tfevents.{time.time():017.6f}.{socket.gethostname()}.{os.getpid()}"
        self.file = Appended(self.folder / name)
        self._add(step, file_version="brain.Event:2")
        # A run that has no checkpoint but that before its first step begins anew, and tells of step 0 again.
        self._hide(step + 1 if step else 0)
        configuration = "\n".join(f"    {line}" for line in self.configuration.splitlines())  # as code, in Markdown
        self._add(step, summary=text("configuration", configuration))
        self.file.flush()

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        self._scalars(step, values)

    def sampled(self, step: int, samples: Samples) -> None:
        from torch.utils.tensorboard.summary import image

        assert self.file is not None
        for name, picture in pictures(step, samples).items():
            self._add(step, summary=image(f"samples/{name}", picture.numpy(), dataformats="CHW"))
        self.file.flush()

    def scored(self, step: int, scores: Scores, best: Mapping[str, Any]) -> None:
        # Numbers with another id mean something else.
        self._scalars(step, {f"scores/{name}-{scores.id}": value for name, value in scores.values.items()})

    def rolled_back(self, step: int) -> None:
        assert self.file is not None
        self._hide(step + 1)
        self.file.flush()

    def flush(self) -> None:
        assert self.file is not None
        self.file.sync()

    def closed(self) -> None:
        if self.file is not None:
            self.file.close()

    def _scalars(self, step: int, values: Mapping[str, float]) -> None:
        from torch.utils.tensorboard.summary import scalar

        assert self.file is not None
        for tag, value in values.items():
            self._add(step, summary=scalar(tag, value))
        self.file.flush()

    def _hide(self, step: int) -> None:
        """What was logged for ``step`` and later ones is not shown."""
        from tensorboard.compat.proto.event_pb2 import SessionLog

        self._add(step, session_log=SessionLog(status=SessionLog.START))

    def _add(self, step: int, **content: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        event = Event(wall_time=time.time(), step=step, **content)
        RecordWriter(self.file).write(event.SerializeToString())
