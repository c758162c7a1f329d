"""The interface of observers, which the trainer notifies of steps, values, samples and scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from ganlab import deprecated
from ganlab.points import POINT
from ganlab.training.feed import Feed
from ganlab.training.gan import GAN
from ganlab.training.verdicts import Verdict


@dataclass(frozen=True, eq=False)
class Samples:
    """Sample images (N, C, H, W) in [-1, 1] on the CPU, by name: ``real`` (in the first samples of a process, the same
    images in each), ``generator``, and ``average`` if G's weights are averaged. ``columns`` is the number of columns
    of their grid if they are ordered by class.

    With image conditions each image of ``comparison`` shows those of the condition, the sample and the real image
    beside each other, and so does ``comparison-PART`` for each part of the data; ``compared`` names what they show.

    If the images are points of the plane (2, 1, 1), ``real`` is there every time, and ``levels`` holds D's logits on a
    square lattice over [-1.5, 1.5]², rows from bottom to top; it is None if D's logit depends on a label.
    """

    images: Mapping[str, Tensor]
    columns: int | None = None
    levels: Tensor | None = None
    compared: tuple[str, ...] = ()

    @property
    def are_points(self) -> bool:
        """Whether the images are points of the plane."""
        return all(tuple(images.shape[1:]) == POINT for images in self.images.values())


class Scores(Protocol):
    """Scores and their meaning. ``id`` is a short hash of the meaning: scores with different ids are not comparable."""

    @property
    def values(self) -> Mapping[str, float]: ...

    @property
    def id(self) -> str: ...

    def row(self) -> dict[str, Any]:
        """Returns scores and meaning as plain values, one row of a file."""


class Inspected(Protocol):
    """The result of the inspection of the initialized networks, before the first step."""

    @property
    def picture(self) -> Tensor:
        """The figure, (3, height, width) uint8."""

    def markdown(self) -> str:
        """Returns sentences and tables in Markdown."""

    def save(self, folder: Path) -> list[Path]:
        """Writes its files into ``folder``, and returns their paths. Raises OSError."""


Inspect = Callable[[GAN, Feed], Inspected]
"""Inspects the networks of a GAN with images of the feed, and changes nothing."""


@dataclass(frozen=True)
class Histogram:
    """The distribution of the elements of a tensor: the number of them (``counts``, n numbers) between neighbours of
    the ``edges`` (n + 1 numbers that grow)."""

    edges: tuple[float, ...]
    counts: tuple[float, ...]


Measure = Callable[[GAN, Feed, float], Mapping[str, Histogram]]
"""Computes histograms of the networks of a GAN with images of the feed, at a share of training that is done, and
changes nothing. Names are ``KIND/NETWORK/LAYER`` with the kinds weights, gradients and activations."""


Trace = Callable[[GAN, Feed], bytes]
"""Traces the graph of the networks of a GAN with images of the feed, as a serialized ``GraphDef``, and changes
nothing."""


class Observer:
    """An observer of a training run. Subclasses override the methods that they use; the trainer calls them between
    steps, on rank 0 alone. An observer reads; it changes nothing of the training.

    ``started`` comes first and ``closed`` last. All other methods come in any order, each as often as training needs.
    Steps only grow, except after ``rolled_back``. If a method raises OSError, for example on a full disk, a note
    reports it once, and the observer is called again at the next event. If it raises another error, a note reports it,
    and the observer is left out from then on. Training continues in both cases.
    """

    histograms_every: int | None = None
    """The steps between calls of ``measured``; None for an observer that takes no histograms."""

    wants_graph: bool = False
    """Whether ``traced`` is called."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        deprecated.methods(cls, "Observer")

    def started(self, step: int, steps: int) -> None:
        """Called once before the first step of this process, with ``step`` of ``steps`` steps done already. After a
        resume the run folder may hold records of later steps, which the process before had made after its last
        checkpoint: they must be discarded, as in ``rolled_back``, since these steps are repeated. OSError and UserError
        raised here end the run."""

    def stepped(self, step: int) -> None:
        """Called after each step. Reading from the device here would slow down every step."""

    def first_step(self, step: int, values: Mapping[str, float]) -> None:
        """Called after the first step of this process, if that is no log point, with the means since the last one."""

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        """Called every ``logging.every`` steps with means over the updates since the last call, by TensorBoard tag. A
        network that had no update in this interval has no values: its tags are absent, not 0."""

    def sampled(self, step: int, samples: Samples) -> None:
        """Called every ``logging.samples_every`` steps, and at step 0, with sample images."""

    def scored(self, step: int, scores: Scores, best: Mapping[str, Any]) -> None:
        """Called with the scores of the present samples. ``best`` holds the best ``score``, its ``step``, and ``left``,
        the step at which the score had become worse by more than a set factor, or None."""

    def inspected(self, step: int, inspection: Inspected) -> None:
        """Called once before the first step, after the first ``sampled``, with what was found in the initialized
        networks; not at all with ``logging.inspection=false``."""

    def diagnosed(self, step: int, verdicts: Sequence[Verdict]) -> None:
        """Called when a verdict on the training begins or ends, after the ``logged`` or ``scored`` of this step, with
        those that last, causes first; () if none does any more."""

    def measured(self, step: int, histograms: Mapping[str, Histogram]) -> None:
        """Called every ``histograms_every`` steps, and before the first step, with histograms of weights, gradients and
        activations by their names (see ``Measure``), layer by layer in the order in which they are called."""

    def traced(self, graph: bytes) -> None:
        """Called once before the first step, for an observer with ``wants_graph``, with the graph of the networks: G,
        and D on G's images (a serialized ``GraphDef``)."""

    def rolled_back(self, step: int) -> None:
        """Called when training has gone back to ``step`` (``divergence=rollback``).

        The steps after ``step`` will be repeated, and every method will be called for them again. The observer must
        discard what it recorded for later steps than ``step`` and keep what it recorded up to and including it: after
        the repetition its record must be that of a run which never went back, without a row or a picture that occurs
        twice. A record that cannot be shortened, such as TensorBoard's, must mark the later part as void.
        """

    def flush(self) -> None:
        """Called before a checkpoint is written: everything recorded so far must be on the disk when it returns."""

    def closed(self) -> None:
        """Called once when training ends, also after an error."""


deprecated.methods(Observer, "Observer")


@dataclass(frozen=True)
class ObservedRun:
    """The facts of a run from which observers are built: its ``folder``, all ``settings`` as plain values (dicts,
    lists, numbers, strings) and as YAML ``text``, the ``class_names`` of the data, in the order of the labels, and the
    ``chosen`` settings by key that tell it from other runs."""

    folder: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    class_names: Sequence[str] = ()
    text: str = ""
    chosen: Mapping[str, str] = field(default_factory=dict)


class ObserverSetting:
    """The settings of one kind of observer. Subclasses are dataclasses whose fields are settings, registered in
    ``ganlab.monitor.OBSERVERS``."""

    def check(self) -> None:
        """Checks, before the run folder is made, what does not depend on the run. Raises UserError if the observer
        cannot work here, for example without a package."""

    def build(self, run: ObservedRun) -> Observer:
        """Builds the observer of a run. The run's folder exists. Raises UserError if the observer cannot work
        here; the run is refused then."""
        raise TypeError(f"{type(self).__name__} builds no observer")
