"""What the trainer tells whoever watches it. It knows nothing of TensorBoard, bars or files."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor


class Observer:
    """Subclasses take what they care for. All are called between steps."""

    def started(self, step: int, steps: int) -> None:
        """Training begins, or goes on after ``step`` of ``steps``."""

    def stepped(self, step: int) -> None:
        """One more G update is done. Called at every step: nothing may be read from the device here."""

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        """Means over the steps since the last call, by TensorBoard tag."""

    def sampled(self, step: int, images: Mapping[str, Tensor]) -> None:
        """Images (N, C, H, W) in [-1, 1] on the CPU: ``real`` (once), ``generator``, and ``average`` where one is
        kept."""

    def flush(self) -> None:
        """A checkpoint follows: what was told so far must be on the disk."""

    def closed(self) -> None:
        """Training is over, one way or another."""
