"""The tables of a report, as rows of plain values: runs, cells, levels, effects."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from ganlab.report.model import FAILURES, Effect, Group, Report, Summary

Row = dict[str, Any]


def run_rows(report: Report) -> list[Row]:
    """Returns a row for each run: its number, levels, seed, how it ended, its scores, and what was spent. Scores of its
    last row are columns ``last.NAME``."""
    names = dict.fromkeys(name for run in report.runs for name in run.scores)
    return [
        {
            "number": run.number,
            "run": run.name,
            **{factor.name: run.levels.get(factor.name) for factor in report.factors},
            "seed": run.seed,
            "status": run.status,
            "outcome": run.outcome,
            "cause": run.cause,
            "score_with_failures": run.value,
            "survivor": run.survivor,
            "final_score": run.final,
            "best_score": run.best,
            "best_step": run.best_step,
            "steps_done": run.steps,
            "steps_planned": run.planned_steps,
            "images": run.images,
            "d_updates": run.d_updates,
            "seconds": run.seconds,
            "score": report.score.name if report.score else None,
            "score_id": run.score_id,
            "comparable": run.comparable,
            "lifted_rules": "; ".join(run.lifted_rules),
            "verdicts": None if run.verdicts is None else "; ".join(run.verdicts) or "healthy",
            "reason": run.reason,
            "folder": run.folder,
            **{f"last.{name}": run.scores.get(name) for name in names},
        }
        for run in report.runs
    ]


def group_rows(groups: Sequence[Group]) -> list[Row]:
    """Returns a row for each cell or level: outcomes, success, and statistics with failures and among survivors."""
    return [
        {
            **group.levels,
            "runs": len(group.runs),
            "succeeded": group.success.count,
            "ended": group.success.of,
            "success": group.success.share,
            "success_low": group.success.low,
            "success_high": group.success.high,
            **{name: group.outcomes.get(name, 0) for name in (*FAILURES, "unfinished")},
            **_columns("with_failures", group.with_failures),
            **_columns("survivors", group.survivors),
            "best_mean": group.best.mean,
            "best_step_median": group.best_step.median,
            "images_median": group.images.median,
            "d_updates_median": group.d_updates.median,
            "seconds_median": group.seconds.median,
        }
        for group in groups
    ]


def _columns(name: str, one: Summary) -> Mapping[str, Any]:
    return {f"{name}_{field.name}": getattr(one, field.name) for field in fields(one)}


def effect_rows(effects: Sequence[Effect]) -> list[Row]:
    """Returns a row for each effect; ``given`` is text."""
    return [
        {
            **{field.name: getattr(effect, field.name) for field in fields(effect)},
            "given": " ".join(f"{name}={level}" for name, level in effect.given.items()),
        }
        for effect in effects
    ]


def as_csv(rows: Sequence[Row]) -> str:
    """Returns rows as CSV (RFC 4180), with an empty cell for None."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_frame(rows: Sequence[Row]) -> Any:
    """Returns rows as a pandas DataFrame where pandas is installed, otherwise as they are."""
    try:
        import pandas
    except ImportError:
        return list(rows)
    return pandas.DataFrame(list(rows))
