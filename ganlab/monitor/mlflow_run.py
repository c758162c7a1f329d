"""Runs of MLflow (https://mlflow.org)."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ganlab.monitor.filmstrip import filmstrips
from ganlab.monitor.named_grid import Picture
from ganlab.monitor.outbox import Outbox
from ganlab.monitor.pictures import pictures
from ganlab.monitor.tracked_run import ATTEMPT, TrackedRun, flat, need_package, score_values, sweep_of
from ganlab.training.observer import Inspected, ObservedRun, Observer, ObserverSetting, Samples, Scores

log = logging.getLogger("ganlab")

FILE = "mlflow.json"
LONGEST = 500  # letters of a parameter, in all versions of MLflow
AT_ONCE = 100  # parameters in a request
PATIENCE = {"flush": 10.0, "close": 60.0}  # seconds


@dataclass(frozen=True)
class MLflowSetting(ObserverSetting):
    """A run of MLflow. ``uri`` is a server, a database or a folder; None: what ``MLFLOW_TRACKING_URI`` says, and
    otherwise MLflow's default. ``experiment`` is the name of the experiment, which is made if there is none."""

    experiment: str = "ganlab"
    uri: str | None = None

    def check(self) -> None:
        need_package("mlflow", "mlflow")

    def build(self, run: ObservedRun) -> Observer:
        self.check()
        return MLflow(run, self.experiment, self.uri)


class MLflow(Observer):
    """Records scalars as metrics by tag, pictures as images with steps, all settings as parameters (as they were when
    the run began) and as ``config.yaml``, and scores. A resumed run goes on with the same run of MLflow.

    Records are sent in a thread. While the service fails, they wait and training goes on.
    """

    def __init__(self, run: ObservedRun, experiment: str, uri: str | None) -> None:
        self.run, self.experiment, self.uri = run, experiment, uri
        self.tracked = TrackedRun(run.folder / FILE)
        self.outbox = Outbox()
        self.client: Any = None
        self.made = False  # the run of MLflow, by this process
        self.step = self.steps = 0

    def started(self, step: int, steps: int) -> None:
        self.step, self.steps = step, steps
        self.tracked.begin(step)
        with suppress(OSError):  # the next record reports that the service fails
            self.outbox.put(self._open)
            self.outbox.put(self._describe)

    def stepped(self, step: int) -> None:
        self.step = step

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        self._scalars(step, {**values, ATTEMPT: float(self.tracked.attempt)})

    def sampled(self, step: int, samples: Samples) -> None:
        for name, picture in pictures(step, samples, tuple(self.run.class_names)).items():
            self._image(step, f"samples/{name}", picture)

    def scored(self, step: int, scores: Scores, best: Mapping[str, Any]) -> None:
        self._scalars(step, score_values(scores.values, scores.id, best))

    def inspected(self, step: int, inspection: Inspected) -> None:
        text = inspection.markdown()
        self._image(step, "inspection/figure", Picture(inspection.picture))
        self.outbox.put(lambda: self.client.log_text(self.tracked.id, text, "inspection.md"))

    def rolled_back(self, step: int) -> None:
        self.step = step
        self.tracked.go_back(step)
        attempts = str(self.tracked.attempts)
        self.outbox.put(lambda: self.client.set_tag(self.tracked.id, "ganlab.attempts", attempts))

    def flush(self) -> None:
        self.outbox.wait(PATIENCE["flush"])

    def closed(self) -> None:
        error = sys.exc_info()[1]  # the one that ends the training, if one does
        failed = error is not None and not isinstance(error, KeyboardInterrupt)
        status = "FAILED" if failed else "FINISHED" if self.step >= self.steps else "KILLED"
        with suppress(OSError):
            for network, strip in filmstrips(self.run.folder / "samples").items():
                self._image(self.step, f"samples/filmstrip-{network}", strip)
        with suppress(OSError):
            self.outbox.put(lambda: self.client.set_terminated(self.tracked.id, status))
        if left := self.outbox.close(PATIENCE["close"]):
            log.warning("note: %d records did not reach MLflow; the run folder has all of them", left)

    # ------------------------------------------------------------------------------------- what the thread sends

    def _open(self) -> None:
        """Finds the run of MLflow, or makes it."""
        from mlflow import MlflowClient

        self.client = MlflowClient(self.uri)
        if self.tracked.id is not None:
            self.client.update_run(self.tracked.id, "RUNNING")
            self.tracked.save()
            return
        found = self.client.get_experiment_by_name(self.experiment)
        if found is None:
            with suppress(Exception):  # another job of a sweep may have made it in this moment
                self.client.create_experiment(self.experiment)
            found = self.client.get_experiment_by_name(self.experiment)
        tags = {"ganlab.folder": str(self.run.folder.resolve())}
        if sweep := sweep_of(self.run.folder):
            tags["ganlab.sweep"] = sweep
        made = self.client.create_run(found.experiment_id, tags=tags, run_name=self.run.folder.resolve().name)
        self.tracked.id, self.made = made.info.run_id, True
        self.tracked.save()

    def _describe(self) -> None:
        """Sends the settings. Parameters of MLflow cannot change: a resumed run sends ``config.yaml`` alone."""
        from mlflow.entities import Param

        if self.made:
            every = [Param(key, text[:LONGEST]) for key, text in flat(self.run.settings)]
            for first in range(0, len(every), AT_ONCE):
                self.client.log_batch(self.tracked.id, params=every[first : first + AT_ONCE])
        self.client.log_text(self.tracked.id, self.run.text, "config.yaml")
        self.client.set_tag(self.tracked.id, "ganlab.attempts", str(self.tracked.attempts))

    def _scalars(self, step: int, values: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(tag, float(value), now, step) for tag, value in values.items()]
        self.outbox.put(lambda: self.client.log_batch(self.tracked.id, metrics=metrics))

    def _image(self, step: int, tag: str, picture: Picture) -> None:
        pixels = picture.pixels.permute(1, 2, 0).numpy()
        self.outbox.put(lambda: self.client.log_image(self.tracked.id, pixels, key=tag, step=step), picture=True)
