"""Judges a run from its rows, as it would have been judged while it was training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ganlab.diagnosis.verdicts.judge import Judge
from ganlab.diagnosis.verdicts.records import Verdict
from ganlab.diagnosis.verdicts.settings import VerdictSettings, of_plain

Row = Mapping[str, Any]
DESCRIBING = ("step", "scores", "id", "fingerprint", "histogram", "best", "weights", "checkpoint")


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
    for step, kind, row in sorted(every, key=lambda one: one[:2]):
        if kind == 0:
            judge.row(row)
        else:
            judge.scores(step, scores_in(row))
    return judge


def thresholds_of(settings: Mapping[str, Any]) -> VerdictSettings:
    """Returns the thresholds in the plain settings of a run; the default ones of a run that has none."""
    diagnosis = settings.get("diagnosis")
    return of_plain(diagnosis.get("verdicts") if isinstance(diagnosis, Mapping) else None)


def scores_in(row: Row) -> dict[str, Any]:
    """Returns the scores of a row of scores.jsonl by name, with the number of modes of the data where it says it."""
    values = row.get("scores")
    found = dict(values) if isinstance(values, Mapping) else {k: v for k, v in row.items() if k not in DESCRIBING}
    histogram, fingerprint = row.get("histogram"), row.get("fingerprint")
    if isinstance(histogram, list | tuple) and histogram:
        samples = fingerprint.get("images") if isinstance(fingerprint, Mapping) else None
        found["modes_expected"] = expected_modes(len(histogram), samples)
    return found


def expected_modes(modes: int, samples: Any) -> float:
    """Returns the number of equally likely modes that as many real samples would be expected to show."""
    if not isinstance(samples, int) or samples < 1:
        return float(modes)
    return float(modes * (1 - (1 - 1 / modes) ** samples)) if modes > 1 else 1.0
