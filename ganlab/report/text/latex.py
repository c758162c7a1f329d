"""The combinations, their scores, and the effects of a report as LaTeX tables; they need the package booktabs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ganlab.report.model import Report, Summary
from ganlab.report.text.words import (
    interval,
    listed,
    mean_and_sd,
    number,
    percent,
    score_name,
    scores_beside,
    with_arrow,
)

MOST_ROWS = 40
SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "×": r"$\times$", "±": r"$\pm$", "–": "--",
    "↓": r"$\downarrow$", "↑": r"$\uparrow$",
    "…": r"\ldots{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "[": "{[}", "*": "{*}",
}  # fmt: skip
"""``[`` and ``*`` at the start of a row would be taken for arguments of the end of the row before."""


def escape(text: str) -> str:
    """Returns text for LaTeX."""
    return re.sub(f"[{re.escape(''.join(SPECIAL))}]", lambda match: SPECIAL[match[0]], text)


def _number(text: str) -> str:
    """Returns the text of numbers for LaTeX, with minus signs in place of hyphens."""
    return re.sub(r"(?<!\w)-(?=\d)", "$-$", escape(text))


def as_latex(report: Report) -> str:
    """Returns the tables, each in a ``table`` environment."""
    tables = [_cells(report), _all_scores(report), _effects(report)]
    head = "% Made by ganlab report. In the preamble: \\usepackage{booktabs}\n"
    return head + "\n".join(table for table in tables if table)


def _cells(report: Report) -> str:
    score = report.score
    names = report.varied or ("runs",)
    rows = []
    for cell in report.cells[:MOST_ROWS]:
        levels = [cell.levels[name] for name in report.varied] or [str(len(cell.runs))]
        success = f"{cell.success.count}/{cell.success.of}"
        if score is None:
            rows.append([*levels, success, percent(cell.success.share)])
            continue
        with_failures, survivors = cell.with_failures, cell.survivors
        ends = interval(with_failures.low, with_failures.high) if with_failures.low is not None else "–"
        medians = [number(with_failures.median), number(with_failures.iqm)]
        rows.append([*levels, success, *medians, ends, mean_and_sd(survivors)])
    if score is None:
        caption = f"Success of each combination{_left_out(len(report.cells))}."
        return _table([*names, "succeeded", "share"], rows, len(names), caption)
    head = [*names, "succeeded", "median", "IQM", "95 % interval", "survivors"]
    noise = f" A failed run counts as {number(report.noise.value)}, {report.noise.rule}." if report.noise else ""
    caption = (
        f"{score.at.capitalize()} {score_name(score.name)} ({score.better} is better) of each combination"
        f"{_left_out(len(report.cells))}: median, "
        f"interquartile mean and its bootstrap interval with failures, mean ± sd among survivors.{noise}"
    )
    return _table(head, rows, len(names), caption)


def _all_scores(report: Report) -> str:
    scores, names = scores_beside(report), report.varied or ("runs",)
    rows = [
        [*([cell.levels[name] for name in report.varied] or [str(len(cell.runs))]),
         *(mean_and_sd(cell.all_scores.get(name, Summary(0))) for name in scores)]
        for cell in report.cells[:MOST_ROWS]
    ]  # fmt: skip
    head = [*names, *map(with_arrow, scores)]
    caption = "All scores of the last samples of each combination: mean ± sd among survivors."
    return _table(head, rows, len(names), caption) if scores else ""


def _effects(report: Report) -> str:
    if report.score is None or not report.effects:
        return ""
    rows = [
        [one.factor, one.level, one.baseline, number(one.estimate), interval(one.low, one.high),
         number(one.p_adjusted, 2), percent(one.improves), str(one.pairs)]
        for one in report.effects[:MOST_ROWS]
    ]  # fmt: skip
    word = report.score.comparison
    caption = (
        f"{word.capitalize()}s of {score_name(report.score.name)} between two levels over matched pairs"
        f"{_left_out(len(report.effects))}, with bootstrap intervals over seeds, p adjusted for all comparisons of the "
        "report, and the probability of improvement."
    )
    for factor in dict.fromkeys(one.factor for one in report.confounded):
        along = [setting for one in report.confounded if one.factor == factor for setting in one.settings]
        caption += f" Levels of {factor} also differ in {listed(along)}."
    head = ["factor", "level", "against", word, "95 % interval", "p", "improves", "pairs"]
    return _table(head, rows, 3, caption)


def _left_out(rows: int) -> str:
    """Returns a remark for the caption of a table of which only the first rows are shown."""
    return f" (the first {MOST_ROWS} of {rows:,})" if rows > MOST_ROWS else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], texts: int, caption: str) -> str:
    """Returns a table whose first ``texts`` columns are left-aligned."""
    if not rows:
        return ""
    lines = [" & ".join([*map(escape, row[:texts]), *map(_number, row[texts:])]) + r" \\" for row in (head, *rows)]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escape(caption)}}}",
            rf"\begin{{tabular}}{{{'l' * texts}{'r' * (len(head) - texts)}}}",
            r"\toprule",
            lines[0],
            r"\midrule",
            *lines[1:],
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )
