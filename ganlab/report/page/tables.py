"""The tables of a page other than those of scores: outcomes, causes, effects, rules, runs and damage."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

from ganlab.report.model import (
    Cause,
    Effect,
    Explained,
    Group,
    LiftedRule,
    Report,
    Run,
    SuccessEffect,
    Trend,
)
from ganlab.report.page.cells import (
    Cell,
    Column,
    Field,
    Table,
    interval_field,
    level_field,
    make,
    number_field,
    percent_field,
    text_field,
)
from ganlab.report.text.words import (
    levels,
    percent,
    points,
    ratio_or_difference,
    score_name,
)

KINDS = ("poor", "collapsed", "diverged", "failed", "refused", "unfinished")
MOST_NUMBERS = 12
Links = Callable[[Run], str]


def _numbers(runs: tuple[int, ...]) -> str:
    more = f", … ({len(runs) - MOST_NUMBERS} more)" if len(runs) > MOST_NUMBERS else ""
    return ", ".join(map(str, runs[:MOST_NUMBERS])) + more


def outcome_table(report: Report) -> Table | None:
    """Returns the outcomes of each level."""
    fields: list[Field] = [
        text_field("level", lambda one: levels(one.levels)),
        number_field("runs", lambda one: len(one.runs), "all of them, also unfinished ones"),
        number_field("succeeded", lambda one: one.success.count),
        number_field("of", lambda one: one.success.of, "runs that ended"),
        percent_field("share", lambda one: one.success.share),
        (
            Column("95 % interval", True, "Wilson's"),
            lambda one: Cell(
                "–" if one.success.low is None else f"{percent(one.success.low)} to {percent(one.success.high)}",
                one.success.low,
            ),
        ),
        *(_count(kind) for kind in KINDS),
    ]
    return make(
        "outcomes", "Outcomes of each level", fields, report.levels or report.cells, lambda one: levels(one.levels)
    )


def _count(kind: str) -> Field:
    def cell(one: Group | LiftedRule) -> Cell:
        count = one.outcomes.get(kind, 0)
        return Cell(str(count) if count else "", float(count))

    return Column(kind, True), cell


def cause_table(report: Report) -> Table | None:
    """Returns the causes of failures, and when they happened."""

    def steps(one: Cause) -> str:
        known = [step for step in one.steps if step is not None]
        if not known:
            return ""
        return f"{min(known):,}" if min(known) == max(known) else f"{min(known):,} to {max(known):,}"

    fields: list[Field] = [
        (Column("outcome"), lambda one: Cell(one.outcome, style=one.outcome)),
        text_field("cause", lambda one: one.cause),
        number_field("runs", lambda one: one.count),
        text_field("at step", steps),
        text_field("numbers of the runs", lambda one: _numbers(one.runs)),
        text_field("for example", lambda one: one.example if one.outcome != "poor" else ""),
    ]
    return make("causes", "Causes of failures, and of missing results", fields, report.causes)


def success_table(report: Report) -> Table | None:
    fields: list[Field] = [
        *_compared(),
        (
            Column("difference of success", True, "of the shares, in percentage points"),
            lambda one: Cell(points(one.difference), one.difference),
        ),
        (
            Column("95 % interval", True, "in percentage points"),
            lambda one: Cell("–" if one.low is None else f"{points(one.low)} to {points(one.high)}", one.low),
        ),
        number_field("level alone", attrgetter("won"), "pairs in which the level alone succeeded"),
        number_field("the other alone", attrgetter("lost"), "pairs in which the other one alone succeeded"),
        number_field("pairs", attrgetter("pairs")),
        number_field("p (Holm)", attrgetter("p_adjusted"), "exact sign test, adjusted for all comparisons", 2),
    ]
    return make(
        "success", "Success of two levels over matched pairs", fields, _known_first(report.success_effects), _pair_words
    )


def _pair_words(one: Effect | SuccessEffect) -> str:
    return f"{one.factor}={one.level} {one.factor}={one.baseline}"


def _known_first(effects: Iterable[Any]) -> list[Any]:
    """Returns effects with pairs before such without."""
    return sorted(effects, key=lambda one: not one.pairs)


def _compared() -> list[Field]:
    return [
        text_field("factor", attrgetter("factor")),
        text_field("level", attrgetter("level")),
        text_field("against", attrgetter("baseline")),
    ]


def effect_table(report: Report) -> Table | None:
    score = report.score
    if score is None:
        return None

    def verdict(one: Effect) -> Cell:
        text = "cannot tell" if one.better is None else "better" if one.better else "worse"
        return Cell(text, style=text.replace(" ", "-"))

    def effect(get: Callable[[Effect], float | None]) -> Callable[[Effect], Cell]:
        return lambda one: Cell(ratio_or_difference(get(one), score), get(one))

    fields: list[Field] = [
        *_compared(),
        (Column(score.comparison, True, "with failures; of level to the other"), effect(attrgetter("estimate"))),
        interval_field("95 % interval", attrgetter("low"), attrgetter("high")),
        (Column("", False), verdict),
        number_field("p (Holm)", attrgetter("p_adjusted"), "sign-flip permutation test, adjusted", 2),
        percent_field("improves", attrgetter("improves"), "share of pairs in which the level is better, ties half"),
        number_field("pairs", attrgetter("pairs")),
        number_field("left out", lambda one: one.refused + one.unfinished or None, "a side was refused or unfinished"),
        (Column("among survivors", True), effect(attrgetter("survivors"))),
        number_field("pairs of survivors", attrgetter("survivor_pairs")),
    ]
    caption = f"{score.comparison.capitalize()}s of {score_name(score.name)} over matched pairs"
    return make("effects", caption, fields, _known_first(report.effects), _pair_words)


def confounded_table(report: Report) -> Table | None:
    fields: list[Field] = [
        text_field("factor", attrgetter("factor")),
        text_field("settings", lambda one: ", ".join(one.settings)),
        text_field("values", lambda one: "; ".join(f"{level}: {value}" for level, value in one.values.items())),
    ]
    caption = "Settings that differ with a factor: its effects include theirs"
    return make("confounded", caption, fields, report.confounded)


def explained_table(report: Report) -> Table | None:
    fields: list[Field] = [
        text_field("source", attrgetter("source")),
        percent_field("share", attrgetter("share")),
        percent_field("by chance", attrgetter("by_chance"), "the share to expect without an effect"),
    ]
    found: tuple[Explained, ...] = report.explained
    return make("explained", "Explained share of the variance of ranks", fields, found)


def trend_table(report: Report) -> Table | None:
    fields: list[Field] = [
        text_field("number", attrgetter("factor")),
        number_field("runs", attrgetter("n")),
        number_field("rank correlation with the score", attrgetter("correlation")),
        interval_field("95 % interval", attrgetter("low"), attrgetter("high")),
        number_field("p", attrgetter("p"), "", 2),
    ]
    found: tuple[Trend, ...] = report.trends
    return make("trends", "Numbers with many levels", fields, found)


def lifted_table(report: Report) -> Table | None:
    fields: list[Field] = [
        text_field("rule that rules=warn lifted", attrgetter("rule")),
        number_field("runs", lambda one: len(one.runs)),
        number_field("succeeded", lambda one: one.success.count),
        percent_field("share", lambda one: one.success.share),
        (
            Column("95 % interval", True),
            lambda one: Cell(
                "–" if one.success.low is None else f"{percent(one.success.low)} to {percent(one.success.high)}",
                one.success.low,
            ),
        ),
        *(_count(kind) for kind in KINDS),
        text_field("numbers of the runs", lambda one: _numbers(one.runs)),
    ]
    return make("lifted", "Runs that rules would have refused", fields, report.lifted_rules)


def run_table(report: Report, link: Links) -> Table | None:
    """Returns all runs with links to their folders."""

    def marks(run: Run) -> Cell:
        found = [
            (bool(run.lifted_rules), "rule lifted", "; ".join(run.lifted_rules)),
            (not run.comparable, "not comparable", "its scores depend on other things"),
            (bool(run.damage), "damaged", "; ".join(run.damage)),
        ]
        return Cell(
            ", ".join(mark for own, mark, _ in found if own), hint="; ".join(hint for own, _, hint in found if own)
        )

    fields: list[Field] = [
        (Column("run", True), lambda run: Cell(str(run.number), float(run.number), link(run), hint=run.name)),
        *(level_field(name) for name in report.varied),
        text_field("seed", lambda run: run.seed or ""),
        (Column("outcome"), lambda run: Cell(run.outcome, style=run.outcome, hint=run.reason)),
        text_field("cause", lambda run: run.cause),
        text_field("verdicts", lambda run: "" if run.verdicts is None else ", ".join(run.verdicts) or "healthy"),
        number_field("score", attrgetter("value"), "that counts, failures at the score of noise"),
        number_field("final", attrgetter("final")),
        number_field("best", attrgetter("best")),
        number_field("at step", attrgetter("best_step"), "of the best score", 9),
        number_field("steps", attrgetter("steps"), "", 9),
        number_field("images", attrgetter("images"), "seen by D", 9),
        number_field("D updates", attrgetter("d_updates"), "", 9),
        number_field("seconds", attrgetter("seconds")),
        (Column("marks"), marks),
    ]

    def words(run: Run) -> str:
        return f"{levels(run.levels)} seed={run.seed} outcome={run.outcome} status={run.status} {run.name}"

    return make("runs", "All runs", fields, report.runs, words)


def damage_table(report: Report) -> Table | None:
    fields: list[Field] = [
        text_field("file or folder", attrgetter("path")),
        text_field("what is wrong", attrgetter("problem")),
    ]
    return make("damage", "What cannot be read", fields, report.damage)
