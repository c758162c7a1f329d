"""The grid of pictures: the same latents at the same step, a factor in the rows and another one in the columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ganlab.report.analysis.groups import MOST_LEVELS
from ganlab.report.model import Report, Run
from ganlab.report.page.pictures import MOST_RUNS, album
from ganlab.report.text.words import levels, number, score_name

SEED, RUN, STEP = "seed", "run", "step"


@dataclass(frozen=True)
class Shot:
    """One run in the grid: its picture (empty where it has none), the step of that, a line below it, and the text
    that stands for the picture."""

    run: int
    picture: str
    step: int | None
    text: str
    alt: str
    link: str
    outcome: str


@dataclass
class Gallery:
    """The grid that is shown first, and all that is needed to show others. ``axes`` are what can be put into rows and
    columns, with their levels; ``fixed`` is the level of each other axis; ``cells`` has a row for each level of
    ``rows`` (an empty name: one row)."""

    axes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    rows: str = ""
    columns: str = ""
    fixed: dict[str, str] = field(default_factory=dict)
    step: int = 0
    steps: list[int] = field(default_factory=list)
    real: str | None = None
    cells: list[list[Shot | None]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def row_levels(self) -> tuple[str, ...]:
        return self.axes.get(self.rows, ("",))

    @property
    def column_levels(self) -> tuple[str, ...]:
        return self.axes.get(self.columns, ("",))

    @property
    def json(self) -> str:
        """Everything for the script of the page. The pictures of ``cells`` are left out: they are on the page."""
        shown = {(one.run, one.step) for row in self.cells for one in row if one is not None and one.picture}
        runs = [
            {**run, "shots": {step: uri for step, uri in run["shots"].items() if (run["run"], step) not in shown}}
            for run in self.runs
        ]
        plain = {
            "axes": self.axes, "rows": self.rows, "columns": self.columns, "fixed": self.fixed, "step": self.step,
            "runs": runs,
        }  # fmt: skip
        return json.dumps(plain, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def gallery(report: Report, link: Callable[[Run], str]) -> Gallery | None:
    """Returns the grid of a report, or None if no run has a picture."""
    if not any(run.pictures for run in report.runs):
        return None
    axes = _axes(report)
    by_number = {run.number: run for run in report.runs}
    at = {number: _places(run, axes) for number, run in by_number.items()}
    rows, columns = _chosen(report, axes)
    best = report.cells[0].levels if report.cells else {}
    others = [name for name in axes if name not in (rows, columns)]
    fixed = {name: best[name] if name in best else axes[name][0] for name in others}
    first = [number for number, place in at.items() if all(place.get(name) == own for name, own in fixed.items())]
    found = album(report, first)
    if not found.shots:
        return None
    steps = tuple(map(str, found.steps))
    made = Gallery(axes, rows, columns, fixed, found.step, found.steps, found.real)
    if len(steps) > 1:
        made.axes[STEP] = steps
        if not made.columns:
            made.columns = STEP
        elif not made.rows:
            made.rows = STEP
    made.runs = [
        {"run": one.number, "at": at[one.number], "text": _line(one, report), "outcome": one.outcome,
         "link": link(one), "alt": _named(one, report), "shots": found.shots.get(one.number, {}),
         "lines": {step: _line_at(one, step, report) for step in found.shots.get(one.number, {})}}
        for one in report.runs[:MOST_RUNS]
    ]  # fmt: skip
    made.cells = [[_cell(made, row, column) for column in made.column_levels] for row in made.row_levels]
    return made


def _axes(report: Report) -> dict[str, tuple[str, ...]]:
    """Returns the factors that have few levels, and the seed; the runs themselves where there are none of these."""
    axes = {one.name: one.levels for one in report.factors if 1 < len(one.levels) <= MOST_LEVELS}
    if 1 < len(report.seeds) <= MOST_LEVELS:
        axes[SEED] = report.seeds
    if not axes and len(report.runs) > 1:
        sign = -1 if report.score is not None and report.score.better == "higher" else 1
        ranked = sorted(report.runs, key=lambda run: (run.value is None, sign * (run.value or 0.0)))
        axes[RUN] = tuple(str(run.number) for run in ranked[:MOST_LEVELS])
    return axes


def _places(run: Run, axes: Mapping[str, Any]) -> dict[str, str]:
    own = {**run.levels, SEED: run.seed or "", RUN: str(run.number)}
    return {name: own[name] for name in axes if name in own}


def _chosen(report: Report, axes: Mapping[str, tuple[str, ...]]) -> tuple[str, str]:
    """Returns the axes of rows and columns: the two that explain most, the one with more levels in the rows."""
    share = {one.source: one.share for one in report.explained}
    names = sorted((name for name in axes if name != SEED), key=lambda name: -share.get(name, 0.0))
    names = [*names, *(name for name in axes if name == SEED)][:2]
    if len(names) < 2:
        return "", names[0] if names else ""
    names.sort(key=lambda name: -len(axes[name]))
    return names[0], names[1]


def _cell(made: Gallery, row: str, column: str) -> Shot | None:
    """Returns the run at a place of the grid; the script of the page does the same for other axes."""
    wanted = {
        **made.fixed,
        **({made.rows: row} if made.rows else {}),
        **({made.columns: column} if made.columns else {}),
    }
    step = int(wanted.pop(STEP, made.step))
    for run in made.runs:
        if all(run["at"].get(name) == level for name, level in wanted.items()):
            before = [own for own in run["shots"] if own <= step]
            own = max(before) if before else None
            alt = f"No samples of {run['alt']}" if own is None else f"Samples of {run['alt']}, after {own:,} steps"
            picture = run["shots"][own] if own is not None else ""
            text = run["text"] if own is None else run["lines"][own]
            return Shot(run["run"], picture, own, text, alt, run["link"], run["outcome"])
    return None


def _line(run: Run, report: Report) -> str:
    """Returns how a run ended in few words."""
    mark = " ⚠" if run.lifted_rules else ""
    if report.score is not None and run.survivor:
        outcome = "" if run.outcome == "success" else f", {run.outcome}"
        return f"{score_name(report.score.name)} {number(run.value)}{outcome}{mark}"
    return f"{run.outcome}{mark}"


def _line_at(run: Run, step: int, report: Report) -> str:
    """Returns the line below the picture of a step: before the end of a run, its score at that step."""
    line = _line(run, report)
    if run.steps is None or step >= run.steps:
        return line
    then = next((point.value for point in run.curve if point.step == step and point.value is not None), None)
    if report.score is not None and then is not None:
        return f"step {step:,}: {score_name(report.score.name)} {number(then)}"
    return f"step {step:,}; {line}"


def _named(run: Run, report: Report) -> str:
    named = levels({**run.levels, **({SEED: run.seed} if run.seed is not None else {})})
    rule = ", which a lifted rule would have refused" if run.lifted_rules else ""
    return f"run {run.number} ({named}; {_line(run, report).removesuffix(' ⚠')}{rule})"
