"""The effects, trends, interactions and explained variance of a report as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from ganlab.report.model import Interaction, Report
from ganlab.report.text.markdown_table import table
from ganlab.report.text.words import interval, listed, number, percent, plural, ratio_or_difference, score_name


def effects_text(report: Report) -> str:
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
        "Over matched pairs, which were typed alike but for this factor and have one seed; bootstrap over "
        f"{' or '.join(blocks)} as blocks; p of a sign-flip permutation test, adjusted for the number of comparisons "
        "of this report."
    )
    if left_out:
        text += f" {plural(left_out, 'pair')} left out: a side of them was refused or has not finished."
    return "\n\n".join([table(head, rows), text, *_confounded(report)])


def _confounded(report: Report) -> Iterator[str]:
    """Yields a table for each factor whose levels bring settings along."""
    for factor in report.factors:
        own = [one for one in report.confounded if one.factor == factor.name]
        levels = [level for level in factor.levels if any(level in one.values for one in own)]
        rows = [(listed(one.settings), *(one.values.get(level, "–") for level in levels)) for one in own]
        if rows:
            yield f"Settings that differ with {factor.name}, so that its effects include theirs:"
            yield table((factor.name, *levels), rows)


def trends_text(report: Report) -> str:
    rows = [
        (one.factor, str(one.n), number(one.correlation), interval(one.low, one.high), number(one.p, 2))
        for one in report.trends
    ]
    return table(("number", "runs", "rank correlation with the score", "95 % interval", "p"), rows)


def interaction_text(one: Interaction, report: Report) -> str:
    values = one.with_failures if report.score is not None else one.success
    what = f"{score_name(report.score.name)}, failures at the score of noise" if report.score else "share of success"
    rows = [
        (level, *(number(value) if report.score else percent(value) for value in row))
        for level, row in zip(one.row_levels, values, strict=True)
    ]
    p = ""
    if one.p_adjusted is not None:
        p = f"; p of no interaction {number(one.p_adjusted, 2)} (sign flips of {one.seeds} seeds, Holm)"
        if one.seeds < (one.fewest_seeds or 0):
            p = f"; {one.seeds} seeds are too few to test for an interaction, which needs {one.fewest_seeds}"
    return f"{one.rows} (rows) × {one.columns} (columns): {what}{p}\n\n{table(('', *one.column_levels), rows)}"


def explained_text(report: Report) -> str:
    rows = [(one.source, percent(one.share), percent(one.by_chance)) for one in report.explained]
    return table(("source", "share", "by chance"), rows)
