"""A report as Markdown: for the appendix of a paper, an issue, or a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ganlab.report.analysis.verdicts import verdict_counts
from ganlab.report.model import Group, Report, Share, Summary
from ganlab.report.text.markdown_effects import effects_text, explained_text, interaction_text, trends_text
from ganlab.report.text.markdown_table import MOST_ROWS, Row, escaped, table
from ganlab.report.text.words import (
    interval,
    mean_and_sd,
    number,
    percent,
    plural,
    score_name,
    scores_beside,
    success_rule,
    with_arrow,
)

MOST_LISTED = 12
BUDGETS = {"images": "images", "d_updates": "D updates", "seconds": "seconds"}


def as_markdown(report: Report) -> str:
    """Returns the whole report as Markdown."""
    parts = [f"# {escaped(report.title)}", _head(report), "\n".join(f"- {one.text}" for one in report.sentences)]
    for title, text in (
        ("Outcomes", _outcomes(report)),
        ("Scores", _scores(report)),
        ("All scores", _all_scores(report)),
        ("Scores at equal budgets", _budgets(report)),
        ("Effects", effects_text(report)),
        ("Trends", trends_text(report)),
        ("Together", "\n\n".join(interaction_text(one, report) for one in report.interactions)),
        ("Explained variance of ranks", explained_text(report)),
        ("Verdicts", _verdicts(report)),
        ("Trained against a rule", _lifted_rules(report)),
        ("Not comparable", "\n".join(f"- {one.sentence}" for one in report.incomparable)),
        ("Not readable", "\n".join(f"- `{one.path}`: {one.problem}" for one in report.damage[:MOST_ROWS])),
        ("Origin", _origin(report)),
    ):
        if text:
            parts += [f"## {title}", text]
    return "\n\n".join(parts) + "\n"


def _head(report: Report) -> str:
    runs = f"{plural(len(report.runs), 'run')}, {plural(len(report.seeds), 'seed')}"
    lines = [f"{runs}, in `{report.folder}`; written {report.written}."]
    if report.score is not None:
        better = f"{report.score.better} is better"
        lines.append(f"Score: {report.score.at} {score_name(report.score.name)} ({report.score.id}; {better}).")
        if report.threshold is not None:
            rule = success_rule(report.score, report.threshold, report.noise)
            lines.append(f"A run succeeds with {rule} ({report.threshold.rule}), without a collapse.")
    if report.noise is not None:
        lines.append(f"A failed run counts as {number(report.noise.value)}: {report.noise.rule}.")
    if report.holes.runs:
        counts = ", ".join(f"{count} {status}" for status, count in report.holes.statuses.items())
        fill = f" `{report.holes.command}` runs them." if report.holes.command else ""
        lines.append(f"Incomplete: {counts}.{fill}")
    return " ".join([*lines, *report.notes])


def _share(one: Share) -> Row:
    return (
        f"{one.count} of {one.of}",
        percent(one.share),
        f"{percent(one.low)} to {percent(one.high)}" if one.of else "–",
    )


def _outcomes(report: Report) -> str:
    kinds = [
        kind for kind in ("poor", "collapsed", "diverged", "failed", "refused", "unfinished") if _any(report, kind)
    ]
    rows = [
        (_levels(one), *_share(one.success), *(str(one.outcomes.get(kind, 0)) for kind in kinds))
        for one in report.levels or report.cells
    ]
    causes = [
        (one.outcome, one.cause, str(one.count), _some([number(step, 9) for step in one.steps if step is not None]),
         _some([str(run) for run in one.runs]))
        for one in report.causes
    ]  # fmt: skip
    return "\n\n".join(
        part
        for part in (
            table(("level", "succeeded", "share", "95 % interval", *kinds), rows),
            table(("outcome", "cause", "runs", "at step", "numbers"), causes),
        )
        if part
    )


def _any(report: Report, kind: str) -> bool:
    return any(run.outcome == kind for run in report.runs)


def _levels(one: Group) -> str:
    return " ".join(f"{name}={level}" for name, level in one.levels.items()) or "all runs"


def _some(items: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(items))
    more = f", … ({len(distinct) - MOST_LISTED} more)" if len(distinct) > MOST_LISTED else ""
    return ", ".join(distinct[:MOST_LISTED]) + more


def _summary(one: Summary) -> Row:
    return (
        str(one.n),
        mean_and_sd(one),
        number(one.median),
        number(one.iqm),
        interval(one.low, one.high) if one.low is not None else "–",
    )


def _scores(report: Report) -> str:
    if report.score is None:
        return ""
    head = ("n", "mean ± sd", "median", "IQM", "95 % interval of IQM")
    names = report.varied
    failing = any(run.outcome in ("diverged", "failed") for run in report.runs)
    parts = []
    for title, of, groups in (
        ("Combinations, failures at the score of noise, the best first", "with_failures", report.cells),
        ("Combinations among survivors", "survivors", report.cells if failing else ()),
        ("Levels, failures at the score of noise", "with_failures", report.levels),
        ("Levels among survivors", "survivors", report.levels if failing else ()),
    ):
        by_cell = groups is report.cells
        rows = [
            (*([one.levels[name] for name in names] if by_cell else [_levels(one)]), *_summary(getattr(one, of)),
             *_spent(one))
            for one in groups
        ]  # fmt: skip
        first = (names or ("",)) if by_cell else ("level",)
        rows = [row if names or not by_cell else ("all runs", *row) for row in rows]
        if rows:
            parts.append(f"{title}:")
            parts.append(table((*first, *head, "best", "at step", "images", "D updates", "seconds"), rows))
    return "\n\n".join(parts)


def _all_scores(report: Report) -> str:
    """Returns a row for each combination, with a column for each score."""
    scores = scores_beside(report)
    rows = [
        (*([one.levels[name] for name in report.varied] or ["all runs"]),
         *(mean_and_sd(one.all_scores.get(name, Summary(0))) for name in scores))
        for one in report.cells
    ]  # fmt: skip
    text = "Of the last samples: mean ± sd among survivors; ↓ lower, ↑ higher is better."
    return f"{table((*(report.varied or ('',)), *map(with_arrow, scores)), rows)}\n\n{text}" if scores and rows else ""


def _spent(one: Group) -> Row:
    budgets = (one.best_step, one.images, one.d_updates)
    return (number(one.best.mean), *(number(budget.median, 9) for budget in budgets), number(one.seconds.median))


def _budgets(report: Report) -> str:
    """Returns a row for each level, with a column for each kind of budget."""
    kinds = {one.kind: one.amount for one in report.budgets}
    cells = {(one.factor, one.level, one.kind): one.scores for one in report.budgets}
    levels = dict.fromkeys((one.factor, one.level) for one in report.budgets)
    rows = [
        (f"{factor}={level}", *(_median(cells[(factor, level, kind)]) for kind in kinds)) for factor, level in levels
    ]
    head = [f"at {number(amount, 6 if kind != 'seconds' else 3)} {BUDGETS[kind]}" for kind, amount in kinds.items()]
    text = "Median among survivors (number of runs) when each run had spent what the one with the least had spent."
    return f"{table(('level', *head), rows)}\n\n{text}" if rows else ""


def _median(one: Summary) -> str:
    return f"{number(one.median)} ({one.n})" if one.n else "not scored by then"


def _verdicts(report: Report) -> str:
    """Returns how many runs have each verdict at their end; a run may have several."""
    counts = verdict_counts(report.runs)
    if not counts:
        return ""
    judged = sum(run.verdicts is not None for run in report.runs)
    rows = [(title, f"{count} of {judged}") for title, count in counts.items()]
    return table(("verdict at the end", "runs"), rows)


def _lifted_rules(report: Report) -> str:
    return "\n".join(
        f"- {one.rule.rstrip('.')}. *{one.success.count} of {plural(one.success.of, 'run')} that ended succeeded* "
        f"(numbers {_some([str(run) for run in one.runs])})."
        for one in report.lifted_rules
    )


def _origin(report: Report) -> str:
    def lines() -> Iterator[str]:
        origin = report.origin
        for command in origin.commands[:MOST_LISTED]:
            yield f"    {command}"
        facts = [f"{name} {', '.join(found)}" for name, found in origin.versions.items()]
        if facts:
            yield f"\n{'; '.join(facts)}."
        places = [*origin.machines, *origin.devices]
        if places:
            yield f"On {'; '.join(places)}. From {origin.first_start} to {origin.last_end}."

    return "\n".join(lines())
