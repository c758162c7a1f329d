"""Synthetic sweeps: run folders without a training, in memory or on the disk."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ganlab.report.build import report_of
from ganlab.report.model import Report
from ganlab.report.reading.rows import ScoreRow
from ganlab.report.reading.runs import RunFiles
from ganlab.report.reading.sweep import Job, Jobs
from ganlab.run_folder import RunFolder

FACTORS = {"init": ("normal", "he", "orthogonal"), "norm": ("batch", "spectral"), "loss": ("bce", "hinge")}
FINGERPRINT = {"features": "classifier", "hash": "abc", "images": 2000, "reals": 10000, "data": "digits"}
KEY = json.dumps(FINGERPRINT, sort_keys=True)

Made = float | str
"""The final score of a run, or a status other than finished."""
Score = Callable[[Mapping[str, str], int], Made]


def combinations(factors: Mapping[str, Sequence[str]], seeds: int) -> list[tuple[dict[str, str], int]]:
    cells = [dict(zip(factors, levels, strict=True)) for levels in itertools.product(*factors.values())]
    return [(cell, seed) for cell in cells for seed in range(seeds)]


def in_memory(
    score: Score, factors: Mapping[str, Sequence[str]] = FACTORS, seeds: int = 3, **values: Callable[[Made], float]
) -> Jobs:
    """A sweep whose runs have the scores or statuses that ``score`` returns, and further ``values`` made of them."""
    jobs = []
    for number, (levels, seed) in enumerate(combinations(factors, seeds)):
        made = score(levels, seed)
        status: dict[str, Any] = {"status": made, "reason": ""} if isinstance(made, str) else {
            "status": "finished", "reason": "", "steps": 100, "images": 6400, "seconds": 10.0
        }  # fmt: skip
        rows: tuple[ScoreRow, ...] = ()
        if not isinstance(made, str):
            own = {"fid": made, **{name: make(made) for name, make in values.items()}}
            rows = (ScoreRow(100, own, KEY, "classifier-abcd", "network", True),)
        overrides = (*(f"{name}={level}" for name, level in levels.items()), f"seed={seed}")
        config = {"seed": seed, "steps": 100, "batch_size": 64, "evaluation": {"name": "scores", "best": "fid"}}
        files = RunFiles(
            Path(f"sweep/{number}"), status, config, scores=rows, fingerprints={KEY: FINGERPRINT} if rows else {}
        )
        jobs.append(Job(number, files, overrides))
    return Jobs("sweep", Path("sweep"), tuple(jobs))


def lognormal(
    rng: np.random.Generator,
    effect: Mapping[str, float] | None = None,
    noise: float = 0.2,
    block: float = 0.2,
    failing: float = 0.0,
) -> Score:
    """FIDs around 10: the logarithm is the sum of the ``effect`` of levels (``init=he``), one of the seed with the
    standard deviation ``block``, and ``noise``. A share ``failing`` of the runs diverges."""
    by_seed = rng.normal(0, block, 100)

    def score(levels: Mapping[str, str], seed: int) -> Made:
        added = sum((effect or {}).get(f"{name}={level}", 0.0) for name, level in levels.items())
        value = float(10 * np.exp(added + by_seed[seed] + rng.normal(0, noise)))
        return "diverged" if rng.random() < failing else value

    return score


def report_on(jobs: Jobs, **settings: Any) -> Report:
    return report_of(jobs, **settings)


def write_run(
    folder: Path,
    overrides: Sequence[str] = (),
    status: str = "finished",
    scores: Sequence[float | None] = (40.0, 20.0, 10.0),
    every: int = 500,
    metrics: int = 3,
    config: Mapping[str, Any] | None = None,
    score: str = "fid",
    **facts: Any,
) -> Path:
    """Writes the files of a run that was scored every so many steps."""
    folder.mkdir(parents=True, exist_ok=True)
    run, steps = RunFolder(folder), every * max(1, len(scores))
    seed = next((int(one.partition("=")[2]) for one in overrides if one.startswith("seed=")), 0)
    plain = {"steps": steps, "batch_size": 64, "seed": seed, "evaluation": {"name": "scores", "best": score}}
    run.save_config({**plain, **(config or {})})
    run.save_provenance([
        {"command": "python train.py -m …", "overrides": list(overrides), "versions": {"ganlab": "0.1.0"},
         "machine": {"processor": "A", "cores": 2}, "device": "cpu", "seconds": 12.0,
         "started": "2026-01-31T12:00:00+00:00", "ended": "2026-01-31T12:01:00+00:00"}
    ])  # fmt: skip
    run.save_status(status, facts.pop("reason", ""), steps=steps, images=64 * steps, seconds=12.0, **facts)
    rows = [
        {"step": (number + 1) * every, "scores": {score: value, "kid": 1.0}, "id": "classifier-abcd",
         "fingerprint": {**FINGERPRINT, "weights": "network"}}
        for number, value in enumerate(scores)
    ]  # fmt: skip
    (folder / "scores.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    logged = [
        {"step": (number + 1) * steps // metrics, "discriminator/loss": 0.5, "generator/loss": 1.0,
         "progress/images": 64 * (number + 1) * steps // metrics, "progress/images_per_second": 5000.0}
        for number in range(metrics)
    ]  # fmt: skip
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in logged))
    return folder
