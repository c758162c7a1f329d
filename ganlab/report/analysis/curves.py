"""Scores and health over the training, for the runs of each level."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np

from ganlab.report.analysis.groups import MOST_LEVELS
from ganlab.report.model import Curve, Factor, Run, Score
from ganlab.report.reading.rows import IMAGES, TAGS
from ganlab.report.reading.runs import RunFiles

POINTS = 50

Column = tuple[np.ndarray, np.ndarray]
"""The images of a run's rows, and its values there."""


def curves_of(
    runs: Sequence[Run], files: Mapping[int, RunFiles], factors: Sequence[Factor], score: Score | None
) -> tuple[Curve, ...]:
    """Returns the curve of the score and of each tag of ``TAGS`` for each level of each factor, and for all runs
    together (factor and level are empty). ``files`` are those of the runs, by number."""
    groups = [("", "", [run for run in runs if run.comparable])] + [
        (factor.name, level, [run for run in runs if run.comparable and run.levels.get(factor.name) == level])
        for factor in factors
        if len(factor.levels) <= MOST_LEVELS
        for level in factor.levels
    ]
    columns: dict[str, dict[int, Column]] = {tag: {} for tag in TAGS}
    for run in runs:
        metrics = files[run.number].metrics
        for tag in TAGS:
            if tag in metrics and IMAGES in metrics:
                known = np.isfinite(metrics[tag]) & np.isfinite(metrics[IMAGES])
                if known.any():
                    columns[tag][run.number] = (metrics[IMAGES][known], metrics[tag][known])
    if score is not None:
        columns = {score.name: {run.number: column for run in runs if (column := _scored(run))}, **columns}
    found = []
    for tag, by_run in columns.items():
        for factor, level, chosen in groups:
            some = [run for run in chosen if run.number in by_run]
            if some:
                found.append(_curve(tag, factor, level, some, by_run))
    return tuple(found)


def _scored(run: Run) -> Column | None:
    points = [
        (point.images, point.value) for point in run.curve if point.images is not None and point.value is not None
    ]
    return (
        (np.array([one for one, _ in points], float), np.array([one for _, one in points], float)) if points else None
    )


def _curve(tag: str, factor: str, level: str, runs: Sequence[Run], columns: Mapping[int, Column]) -> Curve:
    """Returns the curve of some runs. Their values are interpolated between their own rows, and end where they end."""
    own = [columns[run.number] for run in runs]
    images = _grid(own)
    values = np.full((len(own), len(images)), np.nan)
    for row, (at, value) in enumerate(own):
        within = (images >= at[0]) & (images <= at[-1])
        values[row, within] = np.interp(images[within], at, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a point at which no run has a value
        low, median, high = np.nanquantile(values, (0.25, 0.5, 0.75), axis=0)
    spent = [_spent(run, images) for run in runs]
    return Curve(
        tag,
        factor,
        level,
        tuple(images.tolist()),
        _plain(median),
        _plain(low),
        _plain(high),
        tuple(np.isfinite(values).sum(0).tolist()),
        *(_plain(_mean([one[kind] for one in spent])) for kind in range(3)),
    )


def _grid(own: Sequence[Column]) -> np.ndarray:
    """Returns the images at which runs have values: all of them if they are few, otherwise evenly spaced ones."""
    every = np.unique(np.concatenate([at for at, _ in own]))
    return every if len(every) <= POINTS else np.linspace(every[0], every[-1], POINTS)


def _spent(run: Run, images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the steps, D updates and seconds of a run at numbers of images, in proportion to its whole."""
    parts = []
    for whole in (run.steps, run.d_updates, run.seconds):
        known = whole is not None and run.images
        parts.append(
            images * (float(whole or 0) / run.images) if known and run.images else np.full(len(images), np.nan)
        )
    return parts[0], parts[1], parts[2]


def _mean(rows: Sequence[np.ndarray]) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        mean: np.ndarray = np.nanmean(np.array(rows), axis=0)
    return mean


def _plain(values: np.ndarray) -> tuple[float | None, ...]:
    return tuple(float(value) if np.isfinite(value) else None for value in values)
