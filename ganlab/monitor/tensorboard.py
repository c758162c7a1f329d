from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganlab.monitor.pictures import pictures
from ganlab.training.observer import Observer, Samples, Scores


class TensorBoard(Observer):
    """Scalars, pictures of samples and the resolved configuration as text, for ``tensorboard --logdir outputs``."""

    def __init__(self, folder: Path, configuration: str) -> None:
        self.folder, self.configuration = folder, configuration
        self.writer: Any = None

    def started(self, step: int, steps: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # takes a second: not before it is needed

        # What was logged after the checkpoint that a resumed run starts from is hidden.
        self.writer = SummaryWriter(str(self.folder), purge_step=step + 1 if step else None)
        text = "\n".join(f"    {line}" for line in self.configuration.splitlines())  # as code, in Markdown
        self.writer.add_text("configuration", text, step)

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        for tag, value in values.items():
            self.writer.add_scalar(tag, value, step)

    def sampled(self, step: int, samples: Samples) -> None:
        for name, picture in pictures(step, samples).items():
            self.writer.add_image(f"samples/{name}", picture.numpy(), step)

    def scored(self, step: int, scores: Scores, best: Mapping[str, Any]) -> None:
        for name, value in scores.values.items():
            self.writer.add_scalar(f"scores/{name}-{scores.id}", value, step)  # others mean something else

    def flush(self) -> None:
        self.writer.flush()

    def closed(self) -> None:
        if self.writer is not None:
            self.writer.close()
