"""Tries the advice of a verdict: branches of the run at the last checkpoint before it, over seeds."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ganlab.atomic_write import write_atomically
from ganlab.commands.launch.in_process import train_here
from ganlab.config.differences import words_for
from ganlab.config.paths import literal
from ganlab.config.programs import refuse_saved_code
from ganlab.diagnosis.verdicts import Verdict, scores_in
from ganlab.errors import UserError
from ganlab.progress import progress
from ganlab.report.reading.diagnosis import Diagnosis, diagnosed
from ganlab.run_folder import OUTPUTS, make_exclusively, shown
from ganlab.score_names import BETTER
from ganlab.training.checkpoint import numbered
from ganlab.tree_file import step_of

log = logging.getLogger("ganlab")

NO_CHANGE = "without a change"
NOT_OF_A_BRANCH = ("hydra.run.dir", "steps", "seed", "resume", "branch", "logging.progress", "diagnosis.on_verdict")


@dataclass(frozen=True)
class Ended:
    """The end of one branch: its ``folder``, its ``status``, its last ``score`` (None without one), and the share of
    its steps at which the verdict did not hold, in [0, 1]."""

    seed: int
    folder: str
    status: str
    score: float | None
    without: float


@dataclass(frozen=True)
class Arm:
    """The branches with the same settings: one for each seed. ``name`` is the advice, or ``NO_CHANGE``."""

    name: str
    reason: str
    from_step: int
    ended: list[Ended] = field(default_factory=list)


@dataclass(frozen=True)
class Comparison:
    """An arm with advice beside its twin: in how many of the seeds it was better and worse."""

    arm: Arm
    twin: Arm
    better: int
    worse: int

    @property
    def outcome(self) -> str:
        """``helped`` if better with every seed, ``did harm`` if worse with every seed, otherwise ``cannot tell``."""
        seeds = len(self.arm.ended)
        return "helped" if self.better == seeds else "did harm" if self.worse == seeds else "cannot tell"


@dataclass(frozen=True)
class Tries:
    """The tries of a verdict's advice. ``measure`` is the score by which they are compared, or None: by the share of
    steps without the verdict."""

    verdict: Verdict
    measure: str | None
    arms: tuple[Arm, ...]
    comparisons: tuple[Comparison, ...]
    folder: Path


def tried(
    found: Diagnosis, seeds: int, steps: int | None, also: Sequence[str] = (), plugins: Sequence[str] = ()
) -> str:
    """Tries the advice of a run's first verdict, and returns what came of it as text. Raises UserError."""
    return as_text(try_advice(found, seeds, steps, also, plugins), found)


def try_advice(
    found: Diagnosis,
    seeds: int,
    steps: int | None = None,
    also: Sequence[str] = (),
    plugins: Sequence[str] = (),
    verdict: Verdict | None = None,
    folder: Path | None = None,
) -> Tries:
    """Trains branches with each advice of a ``verdict``, by default the first one that lasts, and a twin without a
    change, with the same ``seeds``. Each branch begins at the last checkpoint before the verdict; with advice that
    matters from the first step on only, or if no such checkpoint was kept, from the start, and so does its twin. Each
    has ``steps`` steps, or goes on to the end of the run. Raises UserError."""
    verdict = verdict or _verdict(found)
    _refuse_own(also)
    folder = folder or make_exclusively(OUTPUTS / "tries", f"{datetime.now():%Y-%m-%d-%H-%M-%S}-{found.folder.name}")
    checkpoint = last_checkpoint_before(found.folder, verdict.since)
    planned = int(found.settings.get("steps") or found.last_step)
    base = int(found.settings.get("seed") or 0)
    measure = _measure(found, also)
    arms: list[Arm] = []
    comparisons: list[Comparison] = []
    for restart in (False, True):
        path = None if restart else checkpoint
        advices = [one for one in verdict.advice if (one.restart or checkpoint is None) == restart]
        if not advices:
            continue
        first = step_of(path) if path else 0
        end = first + steps if steps else planned if planned > first else 2 * first
        start = [*_typed(found, path, plugins), *also, f"steps={end}"]
        changes = {NO_CHANGE: ((), ""), **{str(one): (one.overrides, one.reason) for one in advices}}
        here = [Arm(name, reason, first) for name, (_, reason) in changes.items()]
        with progress(f"Training {len(here) * seeds} branches", len(here) * seeds) as advance:
            for number, (arm, (overrides, _)) in enumerate(zip(here, changes.values(), strict=True)):
                for seed in range(base + 1, base + 1 + seeds):
                    name = f"{'start' if path is None else f'step-{first}'}-{number}-seed-{seed}"
                    typed = _last_ones([*start, f"seed={seed}", *overrides])
                    arm.ended.append(_branch(typed, folder / name, seed, verdict, measure, first))
                    advance(1)
        arms += here
        comparisons += [_compared(one, here[0], measure) for one in here[1:]]
    tries = Tries(verdict, measure, tuple(arms), tuple(comparisons), folder)
    write_atomically(folder / "tries.json", json.dumps(_plain(tries), indent=2) + "\n")
    return tries


def _verdict(found: Diagnosis) -> Verdict:
    """Returns the verdict whose advice is tried. Raises UserError if there is none."""
    for one in found.verdicts:
        if one.advice:
            return one
    raise UserError(f"{shown(found.folder)}: no verdict has advice, so that nothing can be tried; leave try=true out")


def _refuse_own(also: Sequence[str]) -> None:
    problems = [one for one in also if "=" not in one or one.partition("=")[0] in NOT_OF_A_BRANCH]
    if problems:
        raise UserError(f"also: found {problems[0]}, need settings of train.py that try=true does not set itself")


def last_checkpoint_before(folder: Path, step: int) -> Path | None:
    """Returns the newest checkpoint of a run from before a step, None if there is none."""
    every = [path for path in numbered(folder / "checkpoints") if 0 < step_of(path) <= step]
    return every[-1] if every else None


def _typed(found: Diagnosis, checkpoint: Path | None, plugins: Sequence[str]) -> list[str]:
    """Returns what is typed for every branch from a checkpoint, or for a run from the start."""
    own = ["diagnosis.on_verdict=tell", "logging.progress=false"]
    if plugins:
        own.append(f"plugins=[{','.join(map(literal, plugins))}]")
    if checkpoint is not None:
        return [f"branch={literal(str(checkpoint))}", *own]
    refuse_saved_code(found.settings, {one.partition("=")[0] for one in own})
    return [*words_for(dict(found.settings)), *own]


def _last_ones(typed: Sequence[str]) -> list[str]:
    """Returns the settings without those that a later one replaces."""
    last: dict[str, str] = {}
    for one in typed:
        key = one.partition("=")[0]
        last = {other: text for other, text in last.items() if other != key and not other.startswith(f"{key}.")}
        last[key] = one
    return list(last.values())


def _branch(typed: Sequence[str], folder: Path, seed: int, verdict: Verdict, measure: str | None, first: int) -> Ended:
    """Trains one branch, quietly, and returns how it ended."""
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        made, outcome = train_here([*typed, f"hydra.run.dir={literal(str(folder))}"])
    finally:
        log.setLevel(level)
    if outcome.status in ("refused", "failed", "stopped"):
        raise UserError(f"{shown(made.path)} {outcome.status}: {outcome.reason}")
    after = diagnosed(made.path)
    span = max(after.last_step - first, 1)
    held = sum(
        max(0, one.until - max(one.since, first))
        for one in after.verdicts
        if one.key == verdict.key or (verdict.name == "mode_collapse" and one.name == "partial_collapse")
    )
    score = _last_score(after, measure, first) if outcome.status == "finished" else None
    return Ended(seed, str(shown(made.path)), outcome.status, score, 1 - min(held / span, 1.0))


def _measure(found: Diagnosis, also: Sequence[str]) -> str | None:
    """Returns the score by which branches are compared, None where they will have none."""
    evaluation = found.settings.get("evaluation")
    named = evaluation if isinstance(evaluation, Mapping) else {"name": evaluation}
    chosen = next((one.partition("=")[2] for one in reversed(also) if one.startswith("evaluation=")), named.get("name"))
    return str(named.get("best") or "fid") if chosen == "scores" else None


def _last_score(after: Diagnosis, measure: str | None, first: int) -> float | None:
    rows = [row for row in after.scores if row["step"] > first and "checkpoint" not in row]
    value = scores_in(rows[-1]).get(measure or "") if rows else None
    return float(value) if isinstance(value, int | float) else None


def _compared(arm: Arm, twin: Arm, measure: str | None) -> Comparison:
    """Compares an arm with its twin, seed by seed. A branch without a score, since it diverged, is worse than any."""
    better = worse = 0
    for mine, other in zip(arm.ended, twin.ended, strict=True):
        if measure is None:
            difference = mine.without - other.without
        else:
            sign = -1 if BETTER.get(measure, "lower") == "lower" else 1
            ours, theirs = (-float("inf") if one.score is None else sign * one.score for one in (mine, other))
            difference = 0.0 if ours == theirs else ours - theirs
        better, worse = better + (difference > 0), worse + (difference < 0)
    return Comparison(arm, twin, better, worse)


def as_text(tries: Tries, found: Diagnosis) -> str:
    """Returns what came of the tries as text: a line for each arm, and a sentence for each advice."""
    verdict, by = tries.verdict, tries.measure.upper() if tries.measure else "share of steps without the verdict"
    lines = [f"{shown(found.folder)}: {verdict.title} since step {verdict.since:,}"]
    for arm in tries.arms:
        start = f"from step {arm.from_step:,}" if arm.from_step else "from the start"
        lines.append(f"  {arm.name}, {start}: {by} {_values(arm, tries.measure)}")
    for one in tries.comparisons:
        seeds = len(one.arm.ended)
        counts = f"better in {one.better} and worse in {one.worse} of {seeds} seeds"
        lines.append(f"{one.outcome}: {one.arm.name} ({counts}; {one.arm.reason})")
    lines.append(f"Runs: {shown(tries.folder)}")
    return "\n".join(lines)


def _values(arm: Arm, measure: str | None) -> str:
    values = [
        one.status if measure and one.score is None else f"{one.score if measure else one.without:.3g}"
        for one in arm.ended
    ]
    return ", ".join(values)


def _plain(tries: Tries) -> dict[str, Any]:
    return {
        "verdict": tries.verdict.plain(),
        "measure": tries.measure,
        "arms": [{**vars(arm), "ended": [vars(one) for one in arm.ended]} for arm in tries.arms],
        "comparisons": [
            {"advice": one.arm.name, "better": one.better, "worse": one.worse, "outcome": one.outcome}
            for one in tries.comparisons
        ],
    }
