"""Does the inspection of an initialization predict how a run ends? Rank correlations over the runs of a sweep.

    python train.py study=init_by_norm hydra.sweep.dir=SWEEP
    python benchmarks/inspection.py sweep=SWEEP            # prints tables in Markdown
    python benchmarks/inspection.py sweep=SWEEP csv=rows.csv
    python benchmarks/inspection.py cost=true              # the time of an inspection, in steps of training

For each run the networks are built and initialized from its config.yaml, exactly as before its first step, and
inspected. Figures and final scores (failures have the score of noise, as in reports) are medians over the seeds of each
combination. Spearman's ρ is given over all combinations, and within groups of combinations that differ in their
initializer alone: a norm or a loss changes figures and scores, so that the former can be large where no initializer can
be chosen by it. Intervals: 95 %, bootstrap over combinations, and over groups.
"""

from __future__ import annotations

import csv as files
import math
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import torch
from scipy import stats

import ganlab
from ganlab.commands.launch.provenance import machine
from ganlab.commands.launch.ready import open_data
from ganlab.commands.terminal.arguments import Help, run_command
from ganlab.config import configure
from ganlab.config.build import build_trainer
from ganlab.diagnosis.inspection import Inspection, Inspector, NetworkResult
from ganlab.diagnosis.inspection.judgement import change, gradients, signals, through
from ganlab.errors import UserError
from ganlab.evaluation import NoEvaluation
from ganlab.progress import progress
from ganlab.report.model import Report, Run
from ganlab.run_folder import RunFolder
from ganlab.table import PATH, PositiveInt
from ganlab.training.trainer import Trainer

FLOOR = 1e-30  # of figures of which the logarithm is taken


@dataclass(frozen=True)
class Asked:
    """The settings of the command."""

    sweep: Annotated[str | None, PATH, Help("the folder of a sweep")] = None
    cost: Annotated[bool, Help("true: measure the time of an inspection instead")] = False
    csv: Annotated[str | None, PATH, Help("a file for the figures and scores of all combinations")] = None
    resamples: Annotated[PositiveInt, Help("of the bootstrap")] = 2000
    by: Annotated[str, Help("the factor within whose groups figures are compared")] = "init"


@dataclass(frozen=True)
class Combination:
    """One combination: its levels, the median of its runs' scores, and the medians of their figures by name."""

    levels: Mapping[str, str]
    score: float
    figures: Mapping[str, float]


def figures_of(one: Inspection) -> dict[str, float]:
    """Returns the figures of an inspection that are compared. Factors that should be 1 are distances from it,
    |log₁₀|."""
    ways = {
        "G: change of the signal": signals(one.generator),
        "G: change of the gradient, image to first layer": gradients(one.generator),
        "G: change of the gradient, logit to first layer": through(one),
        "D: change of the signal": signals(one.discriminator),
        "D: change of the gradient": gradients(one.discriminator),
    }
    found = {f"{name}, abs. log": _distance(change(way)) for name, way in ways.items()}
    found["largest of these five"] = max(found.values())
    first, logits = one.generator.layers[0], one.logits
    found |= {
        "G: gradient at the first layer, log": _log(first.input_gradient),
        "G: gradient of all weights, log": _log(_weight_gradient(one.generator)),
        "D: gradient of all weights, log": _log(_weight_gradient(one.discriminator)),
        "G: root mean square of images, log": _log(one.generator.output_rms),
        "D: root mean square of logits, log": _log(one.discriminator.output_rms),
        "G: largest share of dead units": _dead(one.generator),
        "D: gap of logits, absolute": abs(logits.gap),
        "D: gap of logits / standard deviation, absolute": min(abs(logits.separation), 1e6),
        "G: condition number of the Jacobian, log": math.inf if one.log_condition is None else one.log_condition,
        "G: largest ratio of singular values of a weight, log": _spread(one.generator),
        "D: largest ratio of singular values of a weight, log": _spread(one.discriminator),
        "G: gradient quotient, log": _log(one.generator.quotient),
        "D: gradient quotient, log": _log(one.discriminator.quotient),
    }
    return found


def _log(value: float | None) -> float:
    return math.nan if value is None else math.log10(max(value, FLOOR))


def _distance(factor: float | None) -> float:
    return abs(_log(factor))


def _weight_gradient(network: NetworkResult) -> float:
    return math.sqrt(sum((layer.weight_gradient or 0) ** 2 for layer in network.layers))


def _dead(network: NetworkResult) -> float:
    return max((layer.dead or 0.0 for layer in network.layers), default=0.0)


def _spread(network: NetworkResult) -> float:
    return max(math.log10(layer.weights.condition) for layer in network.layers if layer.weights)


def inspected(folder: RunFolder) -> Inspection:
    """Inspects the networks of a run as they were before its first step."""
    trainer = built({**folder.load_config(), "resume": None})
    return Inspector(trainer.stepper.seed).inspection(trainer.gan, trainer.feed)


def built(plain: Mapping[str, Any]) -> Trainer:
    """Builds the trainer of a configuration, without scores and observers."""
    settings = configure(plain).settings
    settings = replace(settings, evaluation=NoEvaluation(), logging=replace(settings.logging, observers={}))
    resolved = settings.runtime.resolve()
    with tempfile.TemporaryDirectory() as unused:
        return build_trainer(settings, resolved, open_data(settings.data, settings.runtime.cache), Path(unused))


def costs(rounds: int = 3) -> str:
    """Returns a table of the processor time of an inspection with its figure and files, beside that of a step."""
    rows = []
    for size, width in ((16, 16), (32, 64), (64, 64)):
        networks = {name: {"name": "dcgan", "width": width} for name in ("generator", "discriminator")}
        data = {"name": "digits", "size": size}
        trainer = built({"data": data, **networks, "runtime": {"precision": "fp32"}})
        trainer.train_step()
        inspections, steps = [], []
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(rounds):
                inspections.append(_seconds(lambda: Inspector(0)(trainer.gan, trainer.feed).save(Path(folder))))  # noqa: B023
                steps.append(_seconds(trainer.train_step))
        found, step = median(inspections), median(steps)
        cells = (f"{size}×{size}, width {width}", f"{found:.2f}", f"{1e3 * step:.0f}", f"{found / step:.1f}")
        rows.append(f"| DCGAN {' | '.join(cells)} |")
    head = "| model, batch 64 | inspection, s of processor time | a step, ms of processor time | in steps |"
    return "\n".join([head, "|---|---|---|---|", *rows])


def _seconds(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


def combinations(report: Report) -> list[Combination]:
    """Returns the combinations of a sweep whose runs have ended with a score, or as failures."""
    grouped: dict[tuple[tuple[str, str], ...], list[tuple[Run, dict[str, float]]]] = {}
    runs = [run for run in report.runs if run.value is not None]
    with progress("Inspecting", len(runs)) as advance:
        for run in runs:
            figures = figures_of(inspected(RunFolder(Path(report.folder) / run.folder)))
            grouped.setdefault(tuple(run.levels.items()), []).append((run, figures))
            advance(1)
    return [
        Combination(
            dict(levels),
            median(run.value or 0.0 for run, _ in those),
            {name: median(figures[name] for _, figures in those) for name in those[0][1]},
        )
        for levels, those in grouped.items()
    ]


def rank_correlation(figure: np.ndarray, score: np.ndarray) -> float:
    """Returns Spearman's ρ; NaN if one of the two is constant."""
    if len(set(figure)) < 2 or len(set(score)) < 2:
        return math.nan
    return float(stats.spearmanr(figure, score).statistic)


def correlation_within(groups: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    """Returns the correlation of ranks within groups: each group's ranks, minus their mean, taken together. A figure
    that is the same for all initializers of a group tells nothing in it, and its group counts as such."""
    if not groups:
        return math.nan
    figure = np.concatenate([_centred(one) for one, _ in groups])
    score = np.concatenate([_centred(other) for _, other in groups])
    size = math.sqrt(float(figure @ figure) * float(score @ score))
    return float(figure @ score) / size if size > 0 else math.nan


def _centred(values: np.ndarray) -> np.ndarray:
    ranks = stats.rankdata(values)
    return np.asarray(ranks - ranks.mean())


def overall(figure: np.ndarray, score: np.ndarray, resamples: int) -> tuple[float, float, float]:
    """Returns ρ over all combinations with its interval, by resampling combinations."""
    rng, n = np.random.default_rng(0), len(score)
    draws = (rng.integers(n, size=n) for _ in range(resamples))
    return _with_interval(rank_correlation(figure, score), [rank_correlation(figure[i], score[i]) for i in draws])


def within(groups: Sequence[tuple[np.ndarray, np.ndarray]], resamples: int) -> tuple[float, float, float]:
    """Returns ρ within groups with its interval, by resampling groups."""
    if not groups:
        return math.nan, math.nan, math.nan
    rng, n = np.random.default_rng(0), len(groups)
    draws = (rng.integers(n, size=n) for _ in range(resamples))
    return _with_interval(
        correlation_within(groups), [correlation_within([groups[place] for place in draw]) for draw in draws]
    )


def _with_interval(value: float, resampled: Sequence[float]) -> tuple[float, float, float]:
    known = [one for one in resampled if not math.isnan(one)]
    if math.isnan(value) or not known:
        return math.nan, math.nan, math.nan
    low, high = np.quantile(known, (0.025, 0.975))
    return value, float(low), float(high)


def table(found: Sequence[Combination], by: str, resamples: int) -> str:
    """Returns the table of correlations in Markdown, the strongest within groups first."""
    score = np.array([one.score for one in found])
    groups: dict[str, list[int]] = {}
    for number, one in enumerate(found):
        key = " ".join(f"{name}={level}" for name, level in one.levels.items() if name.split(".")[0] != by)
        groups.setdefault(key, []).append(number)
    rows = []
    for name in found[0].figures:
        figure = np.array([one.figures[name] for one in found])
        known = ~np.isnan(figure)  # PyTorch has no third derivative of batch norm, for the quotient of a penalty
        parts = [[number for number in numbers if known[number]] for numbers in groups.values()]
        split = [(figure[numbers], score[numbers]) for numbers in parts if len(numbers) > 1]
        missing = "" if known.all() else f" ({known.sum()} combinations)"
        rows.append((name + missing, overall(figure[known], score[known], resamples), within(split, resamples)))
    rows.sort(key=lambda row: -abs(row[2][0]) if not math.isnan(row[2][0]) else 1)
    head = f"| figure | ρ over {len(found)} combinations | ρ within {len(groups)} groups that differ in {by} alone |"
    lines = [f"| {name} | {_text(one)} | {_text(other)} |" for name, one, other in rows]
    return "\n".join([head, "|---|---|---|", *lines])


def _text(one: tuple[float, float, float]) -> str:
    value, low, high = one
    if math.isnan(value):
        return "constant"
    text = f"{value:+.2f} ({low:+.2f} to {high:+.2f})"
    return f"**{text}**" if low > 0 or high < 0 else text


def main(asked: Asked) -> None:
    """Prints the table, and what it was made of. Raises UserError."""
    where = f"{machine()['processor']}, {machine()['cores']} cores, torch {torch.__version__}"
    if asked.cost:
        threads = torch.get_num_threads()
        print(f"`python benchmarks/inspection.py cost=true`, {date.today()}, {where}, threads: {threads}.\n")
        print(costs())
        return
    if asked.sweep is None:
        raise UserError("type sweep=SWEEP, or cost=true")
    report = ganlab.report(asked.sweep).data
    if report.score is None:
        raise UserError(f"{asked.sweep}: no run has a score; type evaluation=scores for the sweep")
    found = combinations(report)
    if len(found) < 5:
        raise UserError(f"{asked.sweep}: {len(found)} combinations have a result, and a correlation needs at least 5")
    if asked.csv:
        _write(found, Path(asked.csv))
    counts = (
        f"{len(found)} combinations, {sum(run.value is not None for run in report.runs)} of {len(report.runs)} runs"
    )
    print(f"`python benchmarks/inspection.py sweep=SWEEP`, {date.today()}, {where}.")
    print(f"The sweep: `{report.origin.commands[0]}`.")
    better = "Lower" if report.score.better == "lower" else "Higher"
    print(f"Score: final {report.score.name}. {better} is better. {counts}. Bold: the interval has no 0.\n")
    print(table(found, asked.by, asked.resamples))


def _write(found: Sequence[Combination], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = files.writer(file)
        writer.writerow([*found[0].levels, "score", *found[0].figures])
        writer.writerows([*one.levels.values(), one.score, *one.figures.values()] for one in found)


if __name__ == "__main__":
    sys.exit(run_command(Asked, main, None, "benchmarks/inspection.py", f"{__doc__}"))
