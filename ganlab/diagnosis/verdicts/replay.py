"""Judges a run from its rows, as it would have been judged while it was training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ganlab.diagnosis.verdicts.judge import Judge
from ganlab.diagnosis.verdicts.records import Verdict
from ganlab.diagnosis.verdicts.settings import VerdictSettings, of_plain

Row = Mapping[str, Any]


def replay(
    rows: Iterable[Row], scores: Iterable[Row], settings: Mapping[str, Any], thresholds: VerdictSettings | None = None
) -> list[Verdict]:
    """Returns every verdict on a run, in the order in which they are given: ``rows`` as in metrics.jsonl, ``scores`` as
    in scores.jsonl or with the scores at their top level, and the plain ``settings`` of the run, as in config.yaml.
    ``thresholds`` are those of the settings if not given."""
    return list(judged(rows, scores, settings, thresholds).all)


def judged(
    rows: Iterable[Row], scores: Iterable[Row], settings: Mapping[str, Any], thresholds: VerdictSettings | None = None
) -> Judge:
    """Returns the judge after all rows and scores, which are taken in the order of training: the scores of a step after
    its row."""
    judge = Judge(thresholds or thresholds_of(settings), settings)
    every = [(int(row["step"]), 0, row) for row in rows]
    every += [(int(row["step"]), 1, row) for row in scores if "checkpoint" not in row]
    for _, kind, row in sorted(every, key=lambda one: one[:2]):
        if kind == 0:
            judge.row(row)
        else:
            judge.score_row(row)
    return judge


def thresholds_of(settings: Mapping[str, Any]) -> VerdictSettings:
    """Returns the thresholds in the plain settings of a run; the default ones of a run that has none."""
    diagnosis = settings.get("diagnosis")
    return of_plain(diagnosis.get("verdicts") if isinstance(diagnosis, Mapping) else None)
