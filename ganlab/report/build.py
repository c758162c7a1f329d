"""Makes a report: from run folders to all that is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from ganlab.report.analysis import budgets, comparability, curves, effects, groups
from ganlab.report.analysis.confounded import confounded_of
from ganlab.report.analysis.factors import Choices, choices_of, with_baselines
from ganlab.report.analysis.groups import MOST_LEVELS
from ganlab.report.analysis.interactions import interactions_of
from ganlab.report.analysis.lifted import lifted_rules_of
from ganlab.report.analysis.pairs import pairs_of
from ganlab.report.analysis.profiles import profiles_of
from ganlab.report.analysis.seed_flips import fewest_seeds
from ganlab.report.analysis.statistics import FEWEST
from ganlab.report.analysis.trends import trends_of
from ganlab.report.analysis.variance import explained
from ganlab.report.model import Damage, Explained, Factor, Report, Run, Score, Stated
from ganlab.report.reading import measure, origin
from ganlab.report.reading.records import curve_of, record
from ganlab.report.reading.runs import RunFiles
from ganlab.report.reading.sweep import Job, Jobs
from ganlab.report.text import facts, sentences
from ganlab.report.text.words import plural

MOST_SENTENCES = 6
At = Literal["final", "best"]


def report_of(
    jobs: Jobs,
    threshold: float | None = None,
    score: str | None = None,
    id: str | None = None,
    at: At = "final",
    baseline: Sequence[str] = (),
    trains: str = "python train.py",
) -> Report:
    """Returns the report on ``jobs``. ``threshold`` is the score that a run must reach to succeed, ``score`` the name
    of the score, ``id`` that of its fingerprint, and ``at`` whether the final or the best score of a run counts.
    ``baseline`` are levels (``init=normal``) with which the others of their factor are compared, and ``trains`` is the
    beginning of the command that runs what is missing. Raises UserError for
    what the runs do not have."""
    files = {job.number: job.files for job in jobs.jobs}
    choices = choices_of([job.overrides for job in jobs.jobs], [job.files.config for job in jobs.jobs])
    chosen = measure.choose(list(files.values()), score, id)
    runs, stated, noise = _runs(jobs, choices, chosen, threshold, at)
    described = measure.score_of(chosen, _values(runs, noise), at) if chosen else None
    factors = with_baselines(choices.factors, baseline)
    pairs = [one for one in pairs_of(runs, factors) if one.pairs]
    seeds = tuple(dict.fromkeys(run.seed for run in runs if run.seed is not None))
    shares = _shares(len(factors), len(seeds))
    found = tuple(effects.effect_of(one, described) for one in pairs) if described else ()
    judged = effects.judged(found, described, shares["effects"]) if described else ()
    successes = effects.success_effects(pairs, shares["success"])
    together = interactions_of(runs, factors, pairs, described, effects.SHARES["interactions"])
    levels = groups.levels_of(runs, factors, described)
    success, causes = groups.success_of(run for run in runs if run.comparable), groups.causes_of(runs)
    fact = facts.fact_of(runs, success, causes, described, stated, noise)
    along = confounded_of(runs, factors, [job.files.config for job in jobs.jobs])
    claims = sentences.claims_of(factors, judged, successes, together, described, along)
    unknown = facts.unknown_of(factors, levels, judged, described) if described else []
    unknown += facts.too_few_seeds(together)
    return Report(
        title=_title(jobs, factors),
        kind="sweep" if jobs.kind == "sweep" else "runs",
        folder=str(jobs.folder),
        written=datetime.now().astimezone().isoformat(timespec="seconds"),
        origin=origin.origin_of(list(files.values()), jobs.command),
        score=described,
        threshold=stated,
        noise=noise,
        factors=factors,
        seeds=seeds,
        runs=runs,
        success=success,
        sentences=(fact, *claims, *unknown[: MOST_SENTENCES - 1 - len(claims)]),
        cells=groups.cells_of(runs, factors, described),
        levels=levels,
        causes=causes,
        effects=judged,
        success_effects=successes,
        interactions=together,
        explained=_explained(runs, factors, described),
        profiles=profiles_of(runs, factors, described, noise) if described else (),
        curves=curves.curves_of(runs, files, factors, described),
        trends=trends_of(runs, factors, described) if described else (),
        budgets=budgets.at_budgets(runs, factors, described) if described else (),
        lifted_rules=lifted_rules_of(runs),
        confounded=along,
        incomparable=comparability.incomparable_of(runs, files, chosen),
        damage=(*jobs.damage, *(one for job in jobs.jobs for one in _inside(job, jobs.folder))),
        holes=origin.holes_of(jobs, runs, trains),
        notes=(
            *(("The sweep is still running.",) if jobs.running else ()),
            *choices.notes,
            *_notes(factors, runs, any(map(_is_scoring, files.values()))),
        ),
    )


def _runs(
    jobs: Jobs, choices: Choices, chosen: measure.Measure | None, threshold: float | None, at: At
) -> tuple[tuple[Run, ...], Stated | None, Stated | None]:
    """Returns the records of the runs, the threshold, and the score of noise."""
    all_files = [job.files for job in jobs.jobs]
    compares = measure.comparable(all_files, chosen) if chosen else [True] * len(all_files)
    points = [curve_of(files, chosen) if chosen and own else () for files, own in zip(all_files, compares, strict=True)]
    noise = stated = None
    if chosen:
        noise = measure.noise_of(chosen, points)
        cells: dict[tuple[str, ...], list[float]] = {}
        for files, curve, levels in zip(all_files, points, choices.levels, strict=True):
            counts = chosen.best(curve) if at == "best" else curve[-1] if curve else None
            if files.status["status"] == "finished" and counts and counts.value is not None:
                cells.setdefault(tuple(levels.values()), []).append(counts.value)
        stated = measure.threshold_of(chosen, list(cells.values()), noise, threshold)
    records = tuple(
        record(job, jobs.folder, levels, seed, chosen, curve, stated, noise, at, own)
        for job, levels, seed, curve, own in zip(
            jobs.jobs, choices.levels, choices.seeds, points, compares, strict=True
        )
    )
    return records, stated, noise


def _values(runs: Sequence[Run], noise: Stated | None) -> list[float]:
    values = [run.value for run in runs if run.value is not None]
    return values if noise is None else [*values, noise.value]


def _shares(factors: int, seeds: int) -> dict[str, float]:
    """Returns the parts of the errors of the kinds of comparisons that there are. So few seeds that no interaction can
    be told have none."""
    told = factors > 1 and seeds >= fewest_seeds(1, effects.SHARES["interactions"])
    kinds = {name: part for name, part in effects.SHARES.items() if told or name != "interactions"}
    total = sum(kinds.values())
    return {name: part / total for name, part in kinds.items()}


def _explained(runs: Sequence[Run], factors: Sequence[Factor], score: Score | None) -> tuple[Explained, ...]:
    few = [factor.name for factor in factors if len(factor.levels) <= MOST_LEVELS]
    counted = [run for run in runs if run.value is not None and all(name in run.levels for name in few)]
    if score is None or not counted or not few:
        return ()
    sign = 1.0 if score.better == "lower" else -1.0
    ranked = [sign * (run.value or 0.0) if run.survivor else float("inf") for run in counted]
    return explained(
        ranked, {name: [run.levels[name] for run in counted] for name in few}, [run.seed for run in counted]
    )


def _is_scoring(files: RunFiles) -> bool:
    evaluation = files.config.get("evaluation")
    return isinstance(evaluation, Mapping) and evaluation.get("name") == "scores"


def _title(jobs: Jobs, factors: Sequence[Factor]) -> str:
    if factors:
        return " × ".join(factor.name for factor in factors)
    return Path(jobs.folder).name if jobs.kind == "sweep" else ", ".join(job.files.path.name for job in jobs.jobs[:3])


def _inside(job: Job, folder: Path) -> list[Damage]:
    """Returns the damage of a run, with paths relative to the folder of the report."""
    found = []
    for one in job.files.damage:
        path = Path(one.path)
        found.append(Damage(str(path.relative_to(folder)) if path.is_relative_to(folder) else one.path, one.problem))
    return found


def _notes(factors: Sequence[Factor], runs: Sequence[Run], scoring: bool) -> list[str]:
    """Returns what a reader must know besides. ``scoring`` is whether a run was asked for scores."""
    notes = [
        f"{factor.name} has {len(factor.levels):,} levels: more than {MOST_LEVELS} are not compared with each other."
        for factor in factors
        if len(factor.levels) > MOST_LEVELS
    ]
    seeds = {run.seed for run in runs}
    if len(runs) > 1 and factors and len(seeds) < FEWEST and any(run.curve for run in runs):
        notes.append(
            f"An interval needs {FEWEST} seeds, and here {'is' if len(seeds) == 1 else 'are'} "
            f"{plural(len(seeds), 'seed')}: – stands in its place, and no claim is made."
        )
    if runs and not any(run.curve for run in runs):
        notes.append(
            "No run is scored yet."
            if scoring
            else "No run is scored: success is to have finished. Train with evaluation=scores to compare scores."
        )
    return notes
