"""The record of each run, from its files: its scores against what was spent, and how it is counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ganlab.report.analysis.verdicts import lasting_verdicts
from ganlab.report.model import Point, Run, Stated
from ganlab.report.reading.measure import Measure
from ganlab.report.reading.outcomes import OTHER_MEASURE, Verdict, counted, verdict
from ganlab.report.reading.rows import IMAGES, SPEED
from ganlab.report.reading.runs import RunFiles
from ganlab.report.reading.sweep import Job
from ganlab.update_counts import discriminator_updates


def d_updates(config: Mapping[str, Any], steps: int, images: int | None) -> int | None:
    """Returns the number of updates of D in the first steps; of a schedule of a plugin, from the images it drew."""
    schedule = config.get("schedule")
    schedule = schedule if isinstance(schedule, Mapping) else {"name": schedule}
    n_critic = schedule.get("n_critic", 1)
    if schedule.get("name") in (None, "alternating") and isinstance(n_critic, int):
        burst = schedule.get("burst")
        every, pretraining = schedule.get("discriminator_every", 1), schedule.get("pretrain_discriminator", 0)
        of_burst = (
            tuple(burst.get(key) for key in ("first", "every", "updates")) if isinstance(burst, Mapping) else None
        )
        numbers = (every, pretraining, *(of_burst or (0, 1, 0)))
        whole = all(isinstance(one, int) and 0 <= one < 10**9 for one in (n_critic, *numbers))
        if whole and min(every, numbers[3]) > 0:
            return discriminator_updates(steps, n_critic, every, pretraining, of_burst)  # type: ignore[arg-type]
    batch = config.get("batch_size")
    return images // batch if images is not None and isinstance(batch, int) and batch > 0 else None


class Budget:
    """The budget of a run after each of its steps: images that D saw, updates of D, and seconds of training."""

    def __init__(self, files: RunFiles) -> None:
        self.config = files.config
        self.steps, self.images = _column(files, "step"), _column(files, IMAGES)
        known = self.steps.size and self.images.size
        steps, images = files.status.get("steps"), files.status.get("images")
        if not known and isinstance(steps, int) and isinstance(images, int):
            self.steps, self.images, known = np.array([float(steps)]), np.array([float(images)]), 1
        self.known = bool(known)
        self.total = _seconds(files, self.steps, self.images)

    def at(self, step: int, value: float | None = None) -> Point:
        """Returns a point of a run's curve."""
        images = seconds = None
        if self.known:
            steps, drawn = np.concatenate([[0], self.steps]), np.concatenate([[0], self.images])
            images = round(float(np.interp(step, steps, drawn)))
            if self.total is not None and drawn[-1] > 0:
                seconds = self.total * images / float(drawn[-1])
        return Point(step, value, images, d_updates(self.config, step, images), seconds)


def _column(files: RunFiles, tag: str) -> np.ndarray:
    """Returns a column of the metrics, in rows that have the step and the images."""
    step, images = files.metrics.get("step"), files.metrics.get(IMAGES)
    if step is None or images is None:
        return np.empty(0)
    column: np.ndarray = files.metrics[tag][np.isfinite(step) & np.isfinite(images)]
    return column


def _seconds(files: RunFiles, steps: np.ndarray, images: np.ndarray) -> float | None:
    """Returns the seconds of all starts of a run together. A start that was killed, or still trains, has none of its
    own: its images count at the rate of the others, or at its logged speed if there are no others."""
    starts = files.trained
    parts = [start.get("seconds") for start in starts]
    measured = [float(part) for part in parts if part is not None]
    if parts and len(measured) == len(parts):
        return sum(measured)
    seconds = files.status.get("seconds")
    if isinstance(seconds, int | float) and len(parts) <= 1:
        return float(seconds)
    if not images.size:
        return None
    drawn = _drawn(starts, steps, images)
    with_seconds = sum(count for count, part in zip(drawn, parts, strict=True) if part is not None)
    if with_seconds > 0:
        return sum(measured) * sum(drawn) / with_seconds
    if SPEED not in files.metrics:
        return None
    speed = _column(files, SPEED)
    spent = np.diff(images, prepend=0) / np.where(speed > 0, speed, np.nan)
    return float(np.nansum(spent)) or None


def _drawn(starts: Sequence[Mapping[str, Any]], steps: np.ndarray, images: np.ndarray) -> list[float]:
    """Returns the images of each start: from its first step to that of the next start, or to the last row."""
    begun = [min(int(start.get("from_step", 0)), int(steps[-1])) for start in starts]
    at = np.interp([*begun, steps[-1]], np.concatenate([[0], steps]), np.concatenate([[0], images]))
    return [max(0.0, float(count)) for count in np.diff(at)]


def curve_of(files: RunFiles, measure: Measure) -> tuple[Point, ...]:
    """Returns the scores of a run over its training."""
    budget = Budget(files)
    return tuple(budget.at(row.step, row.values[measure.name]) for row in measure.rows(files))


def record(
    job: Job,
    folder: Path,
    levels: Mapping[str, str],
    seed: str | None,
    measure: Measure | None,
    curve: tuple[Point, ...],
    threshold: Stated | None,
    noise: Stated | None,
    at: Literal["final", "best"],
    comparable: bool = True,
) -> Run:
    """Returns the record of one run. One that is not ``comparable`` has no result."""
    files, status = job.files, job.files.status
    best = measure.best(curve) if measure else None
    final = curve[-1].value if curve else None
    own = final if at == "final" else best.value if best else None
    found = verdict(files, measure, threshold, own, noise) if comparable else Verdict("unfinished", OTHER_MEASURE)
    rows = files.scores
    last = measure.rows(files)[-1] if measure and curve else rows[-1] if rows else None
    budget = Budget(files)
    done = _whole(status.get("steps")) or (int(budget.steps[-1]) if budget.steps.size else None)
    spent = budget.at(done) if done is not None else None
    first, newest = (files.trained[0], files.trained[-1]) if files.starts else ({}, {})
    return Run(
        number=job.number,
        name=files.path.name,
        folder=_relative(files.path, folder),
        levels=dict(levels),
        seed=seed,
        status=str(status["status"]),
        outcome=found.outcome,
        cause=found.cause,
        reason=" ".join(str(status["reason"]).split()),
        survivor=found.survivor,
        value=counted(own, found.outcome, noise, measure) if measure else None,
        final=final,
        best=best.value if best else None,
        best_step=best.step if best else None,
        steps=done,
        planned_steps=_whole(files.config.get("steps")),
        images=spent.images if spent else None,
        d_updates=spent.d_updates if spent else None,
        seconds=budget.total,
        score_id=last.id if last else None,
        comparable=comparable,
        curve=curve,
        scores=dict(last.values) if last else {},
        pictures=files.pictures,
        real=files.real,
        lifted_rules=_texts(status.get("lifted_rules")),
        verdicts=lasting_verdicts(job.files),
        overrides=job.overrides or (),
        device=newest.get("device"),
        started=first.get("started"),
        ended=newest.get("ended"),
        damage=tuple(f"{Path(one.path).name}: {one.problem}" for one in files.damage),
    )


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else (str(value),) if value else ()


def _relative(path: Path, folder: Path) -> str:
    resolved, within = path.resolve(), folder.resolve()
    return str(resolved.relative_to(within)) if resolved.is_relative_to(within) else str(path)
