"""The tables of scores of a page: of combinations and levels, of all scores, and at equal budgets."""

from __future__ import annotations

from collections.abc import Callable

from ganlab.report.model import AtBudget, Group, Report, Score, Summary
from ganlab.report.page.cells import (
    Cell,
    Column,
    Field,
    Table,
    interval_field,
    level_field,
    make,
    number_field,
    text_field,
)
from ganlab.report.text.words import levels, mean_and_sd, number, score_name, scores_beside, with_arrow
from ganlab.score_names import BETTER


def _mean_and_sd(one: Summary) -> Cell:
    return Cell(mean_and_sd(one), one.mean)


def _summary(name: str, title: str) -> list[Field]:
    def of(field: str) -> Callable[[Group], float | None]:
        return lambda one: getattr(getattr(one, name), field)  # type: ignore[no-any-return]

    def mean(one: Group) -> Cell:
        return _mean_and_sd(getattr(one, name))

    return [
        number_field(f"{title}n", of("n")),
        (Column(f"{title}mean ± sd", True), mean),
        number_field(f"{title}median", of("median")),
        number_field(f"{title}IQM", of("iqm"), "interquartile mean: the mean of the middle half"),
        interval_field(f"{title}95 % interval", of("low"), of("high")),
    ]


def _group_fields(report: Report) -> list[Field]:
    failing = any(run.value is not None and not run.survivor for run in report.runs)
    return [
        (
            Column("succeeded", True),
            lambda one: Cell(f"{one.success.count} of {one.success.of}", one.success.share),
        ),
        *_summary("with_failures", ""),
        *(_summary("survivors", "survivors: ") if failing else []),
        number_field("best", lambda one: one.best.mean, "mean of the best scores of survivors"),
        number_field("at step", lambda one: one.best_step.median, "median step of the best score", 9),
        number_field("images", lambda one: one.images.median, "median; seen by D", 9),
        number_field("D updates", lambda one: one.d_updates.median, "median", 9),
        number_field("seconds", lambda one: one.seconds.median, "median"),
    ]


def _what(score: Score) -> str:
    return f"{score.at.capitalize()} {score_name(score.name)}"


def cell_table(report: Report) -> Table | None:
    """Returns the scores of each combination, the best first."""
    if report.score is None:
        return None
    own = [level_field(name) for name in report.varied] or [text_field("runs", lambda one: "all runs")]
    caption = f"{_what(report.score)} of each combination with failures, the best first"
    return make("cells", caption, [*own, *_group_fields(report)], report.cells, lambda one: levels(one.levels))


def all_scores_table(report: Report) -> Table | None:
    """Returns the means of all scores of each combination; None if there is no more than one score."""

    def score(name: str) -> Field:
        hint = f"{BETTER[name]} is better"
        return Column(with_arrow(name), True, hint), lambda one: _mean_and_sd(one.all_scores.get(name, Summary(0)))

    scores = [score(name) for name in scores_beside(report)]
    if not scores:
        return None
    own = [level_field(name) for name in report.varied] or [text_field("runs", lambda one: "all runs")]
    caption = "All scores of the last samples of each combination, mean ± sd among survivors"
    return make("all-scores", caption, [*own, *scores], report.cells, lambda one: levels(one.levels))


def level_table(report: Report) -> Table | None:
    """Returns the scores of each level, over all other choices."""
    if report.score is None:
        return None
    caption = f"{_what(report.score)} of each level with failures, over all other choices"
    first = text_field("level", lambda one: levels(one.levels))
    return make("levels", caption, [first, *_group_fields(report)], report.levels, lambda one: levels(one.levels))


def budget_table(report: Report) -> Table | None:
    """Returns the scores of each level when each run had spent what the one with the least had spent."""
    kinds = {"images": "images", "d_updates": "updates of D", "seconds": "seconds"}
    fields: list[Field] = [
        text_field("level", lambda one: f"{one.factor}={one.level}"),
        text_field(
            "when each run had spent",
            lambda one: f"{number(one.amount, 3 if one.kind == 'seconds' else 6)} {kinds.get(one.kind, one.kind)}",
        ),
        number_field("runs", lambda one: one.scores.n),
        number_field("median", lambda one: one.scores.median),
        number_field("IQM", lambda one: one.scores.iqm),
        interval_field("95 % interval", lambda one: one.scores.low, lambda one: one.scores.high),
    ]

    def words(one: AtBudget) -> str:
        return f"{one.factor}={one.level} {one.kind}"

    return make("budgets", "Scores at equal budgets, among survivors", fields, report.budgets, words)
