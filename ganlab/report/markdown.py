"""A report as Markdown: for the appendix of a paper, an issue, or a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ganlab.report.model import Group, Interaction, Report, Run, Share, Summary
from ganlab.report.words import interval, number, percent, plural, ratio_or_difference, score_name

MOST_ROWS = 60
"""The most rows of a table; effects.json and runs.csv have all."""
MOST_LISTED = 12

Row = Sequence[str]


def as_markdown(report: Report) -> str:
    """Returns the whole report as Markdown."""
    parts = [f"# {_escaped(report.title)}", _head(report), "\n".join(f"- {one.text}" for one in report.sentences)]
    for title, text in (
        ("Outcomes", _outcomes(report)),
        ("Scores", _scores(report)),
        ("Effects", _effects(report)),
        ("Together", "\n\n".join(_interaction(one, report) for one in report.interactions)),
        ("Explained variance of ranks", _explained(report)),
        ("Warnings", _warnings(report.runs)),
        ("Not comparable", "\n".join(f"- {one.sentence}" for one in report.incomparable)),
        ("Not readable", "\n".join(f"- `{one.path}`: {one.problem}" for one in report.damage[:MOST_ROWS])),
        ("Origin", _origin(report)),
    ):
        if text:
            parts += [f"## {title}", text]
    return "\n\n".join(parts) + "\n"


def table(head: Row, rows: Sequence[Row], most: int = MOST_ROWS) -> str:
    """Returns a table in Markdown; the first column and texts are left-aligned, the others right-aligned."""
    if not rows:
        return ""
    marks = [":--" if place == 0 or not _numeric([row[place] for row in rows]) else "--:" for place in range(len(head))]
    lines = [head, marks, *([_escaped(cell) for cell in row] for row in rows[:most])]
    more = f"\n\n{len(rows) - most:,} more rows are in effects.json." if len(rows) > most else ""
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + more


def _numeric(cells: Sequence[str]) -> bool:
    return all(cell[:1] in "0123456789–-+×" for cell in cells if cell)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _head(report: Report) -> str:
    runs = f"{plural(len(report.runs), 'run')}, {plural(len(report.seeds), 'seed')}"
    lines = [f"{runs}, in `{report.folder}`; written {report.written}."]
    if report.score is not None:
        better = f"{report.score.better} is better"
        lines.append(f"Score: {report.score.at} {score_name(report.score.name)} ({report.score.id}; {better}).")
    if report.threshold is not None:
        lines.append(f"A run succeeds up to {number(report.threshold.value)}: {report.threshold.rule}.")
    if report.noise is not None:
        lines.append(f"A failed run counts as {number(report.noise.value)}: {report.noise.rule}.")
    if report.holes.runs:
        counts = ", ".join(f"{count} {status}" for status, count in report.holes.statuses.items())
        fill = f" `{report.holes.command}` fills what is missing." if report.holes.command else ""
        lines.append(f"Without a result: {counts}.{fill}")
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
    mean = f"{number(one.mean)} ± {number(one.sd)}" if one.sd is not None else number(one.mean)
    return (
        str(one.n),
        mean,
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


def _spent(one: Group) -> Row:
    budgets = (one.best_step, one.images, one.d_updates)
    return (number(one.best.mean), *(number(budget.median, 9) for budget in budgets), number(one.seconds.median))


def _effects(report: Report) -> str:
    score = report.score
    if score is None or not report.effects:
        return ""
    rows = [
        (
            f"{one.factor}={one.level} against {one.baseline}",
            ratio_or_difference(one.estimate, score),
            interval(one.low, one.high),
            number(one.p_adjusted, 2),
            percent(one.improves),
            str(one.pairs),
            ratio_or_difference(one.survivors, score),
            str(one.survivor_pairs),
            "better" if one.better else "worse" if one.better is not None else "cannot tell",
        )
        for one in report.effects
    ]
    word = "ratio" if score.comparison == "ratio" else "difference"
    head = ("effect", word, "95 % interval", "p (Holm)", "improves", "pairs", "among survivors", "pairs", "")
    blocks = sorted({f"{one.blocks} {one.block}" for one in report.effects if one.pairs})
    left_out = sum(one.refused + one.unfinished for one in report.effects)
    text = (
        "Over matched pairs, which differ in this factor alone and have one seed; bootstrap over "
        f"{' or '.join(blocks)} as blocks; p of a sign-flip permutation test, adjusted for the number of comparisons "
        "of this report."
    )
    if left_out:
        text += f" {plural(left_out, 'pair')} left out: a side of them was refused or has not finished."
    return f"{table(head, rows)}\n\n{text}"


def _interaction(one: Interaction, report: Report) -> str:
    values = one.with_failures if report.score is not None else one.success
    what = f"{score_name(report.score.name)}, failures at the score of noise" if report.score else "share of success"
    rows = [
        (level, *(number(value) if report.score else percent(value) for value in row))
        for level, row in zip(one.row_levels, values, strict=True)
    ]
    p = f"; p of no interaction {number(one.p_adjusted, 2)} (Holm)" if one.p_adjusted is not None else ""
    return f"{one.rows} (rows) × {one.columns} (columns): {what}{p}\n\n{table(('', *one.column_levels), rows)}"


def _explained(report: Report) -> str:
    rows = [(one.source, percent(one.share), percent(one.by_chance)) for one in report.explained]
    return table(("source", "share", "by chance"), rows)


def _warnings(runs: Sequence[Run]) -> str:
    found: dict[str, list[str]] = {}
    for run in runs:
        for warning in run.warnings:
            found.setdefault(warning, []).append(str(run.number))
    return "\n".join(f"- {warning} (runs {_some(numbers)})" for warning, numbers in found.items())


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
