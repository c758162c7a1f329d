"""Runs of Weights & Biases (https://wandb.ai)."""

from __future__ import annotations

import logging
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ganlab.errors import in_one_line
from ganlab.monitor.filmstrip import filmstrips
from ganlab.monitor.named_grid import Picture
from ganlab.monitor.pictures import pictures
from ganlab.monitor.tracked_run import ATTEMPT, TrackedRun, need_package, score_values, sweep_of
from ganlab.training.observer import Inspected, ObservedRun, Observer, ObserverSetting, Samples, Scores

log = logging.getLogger("ganlab")

FILE = "wandb.json"
STEP = "step"
BEGIN, END = 60.0, 60.0  # seconds to wait for the service when a run begins, and when it ends


@dataclass(frozen=True)
class WandbSetting(ObserverSetting):
    """A run of Weights & Biases in a ``project``, of an ``entity`` (a user or a team; None: the default one). ``mode``:
    None is what ``WANDB_MODE`` says, and otherwise ``online``; ``offline`` keeps everything in the run folder."""

    project: str = "ganlab"
    entity: str | None = None
    mode: Literal["online", "offline"] | None = None

    def check(self) -> None:
        need_package("wandb", "wandb")

    def build(self, run: ObservedRun) -> Observer:
        self.check()
        return Wandb(run, self)


class Wandb(Observer):
    """Records scalars and pictures by tag over the ``step`` of the training, all settings as configuration, and the
    last and the best score in the summary. A resumed run goes on with the same id.

    The package itself sends the records, in a process of its own. If the service cannot be reached when the run begins,
    the run is recorded offline.
    """

    def __init__(self, run: ObservedRun, setting: WandbSetting) -> None:
        self.run, self.setting = run, setting
        self.tracked = TrackedRun(run.folder / FILE)
        self.wandb: Any = None  # the run of the package
        self.step = self.steps = 0

    def started(self, step: int, steps: int) -> None:
        self.step, self.steps = step, steps
        self.tracked.begin(step)
        if self.tracked.id is None:
            self.tracked.id = uuid.uuid4().hex[:12]
            self.tracked.save()
        self.wandb = self._opened(self.setting.mode)
        self.wandb.define_metric(STEP)
        self.wandb.define_metric("*", step_metric=STEP)
        self._tell_attempts()

    def _opened(self, mode: str | None) -> Any:
        """Returns the run of the package, offline if the service cannot be reached. Raises what the package raises."""
        import wandb

        # Without console="off" the package replaces stdout and stderr; several runs of a sweep may be in one process.
        quiet = wandb.Settings(console="off", silent=True, init_timeout=BEGIN, finish_timeout=END, reinit="create_new")
        try:
            return wandb.init(
                project=self.setting.project,
                entity=self.setting.entity,
                mode=mode,  # type: ignore[arg-type]
                dir=str(self.run.folder),
                id=self.tracked.id,
                resume="allow",
                name=self.run.folder.resolve().name,
                group=sweep_of(self.run.folder),
                config=dict(self.run.settings),
                allow_val_change=True,
                settings=quiet,
            )
        except (wandb.Error, OSError) as error:
            if mode == "offline":
                raise
            log.warning(
                "note: wandb failed to begin online (%s); it records offline, for wandb sync %s/wandb/offline-run-*",
                in_one_line(error),
                self.run.folder,
            )
            return self._opened("offline")

    def stepped(self, step: int) -> None:
        self.step = step

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        self.wandb.log({STEP: step, ATTEMPT: self.tracked.attempt, **values})

    def sampled(self, step: int, samples: Samples) -> None:
        shown = pictures(step, samples, tuple(self.run.class_names))
        self._images(step, {f"samples/{name}": picture for name, picture in shown.items()})

    def scored(self, step: int, scores: Scores, best: Mapping[str, Any]) -> None:
        self.wandb.log({STEP: step, **score_values(scores.values, scores.id, best)})

    def inspected(self, step: int, inspection: Inspected) -> None:
        self._images(step, {"inspection/figure": Picture(inspection.picture)})

    def rolled_back(self, step: int) -> None:
        self.step = step
        self.tracked.go_back(step)
        self._tell_attempts()

    def closed(self) -> None:
        if self.wandb is None:
            return
        failed = sys.exc_info()[1] is not None  # the error that ends the training, if one does
        strips = filmstrips(self.run.folder / "samples")
        self._images(self.step, {f"samples/filmstrip-{network}": strip for network, strip in strips.items()})
        self.wandb.finish(exit_code=1 if failed or self.step < self.steps else 0)

    def _tell_attempts(self) -> None:
        self.wandb.config.update({"ganlab_attempts": list(self.tracked.attempts)}, allow_val_change=True)

    def _images(self, step: int, shown: Mapping[str, Picture]) -> None:
        import wandb

        if shown:
            images = {tag: wandb.Image(picture.pixels.permute(1, 2, 0).numpy()) for tag, picture in shown.items()}
            self.wandb.log({STEP: step, **images})
