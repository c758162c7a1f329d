"""The combinations, their scores, and the effects of a report as LaTeX tables; they need booktabs and adjustbox."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ganlab.report.model import Report, Summary
from ganlab.report.text.words import (
    interval,
    listed,
    mean_and_sd,
    number,
    percent,
    plural,
    score_name,
    scores_beside,
    success_rule,
    with_arrow,
)

MOST_ROWS = 40
MOST_SCORES = 5
"""The most scores of a table: so many with their deviations fit beside the levels on a page."""
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
    tables = [_cells(report), *_all_scores(report), _effects(report)]
    head = "% Made by ganlab report. In the preamble: \\usepackage{booktabs,adjustbox}\n"
    return head + "\n".join(table for table in tables if table)


def _setting(report: Report) -> str:
    """Returns a sentence on the seeds, the steps, and what the score depends on."""
    planned = sorted({run.planned_steps for run in report.runs if run.planned_steps is not None})
    steps = f"{number(planned[0], 9)} steps" if len(planned) == 1 else ""
    if len(planned) > 1:
        steps = f"{number(planned[0], 9)} to {number(planned[-1], 9)} steps"
    known = [plural(len(report.seeds), "seed"), steps, f"scored as {report.score.id}" if report.score else ""]
    return f" {', '.join(part for part in known if part)}."


def _success(report: Report) -> str:
    """Returns a sentence on which runs succeeded."""
    if report.score is None or report.threshold is None:
        return ""
    rule = success_rule(report.score, report.threshold, report.noise)
    return (
        f" A run succeeded with {score_name(report.score.name)} {rule} ({report.threshold.rule}), without a collapse."
    )


def _label(report: Report, name: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", report.title.lower()).strip("-")
    return f"tab:{slug}-{name}" if slug else f"tab:{name}"


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
        caption = f"Success of each combination{_left_out(len(report.cells))}.{_setting(report)}"
        return _table([*names, "succeeded", "share"], rows, len(names), caption, _label(report, "combinations"))
    head = [*names, "succeeded", "median", "IQM", "95 % interval", "survivors"]
    noise = f" A failed run counts as {number(report.noise.value)}, {report.noise.rule}." if report.noise else ""
    caption = (
        f"{score.at.capitalize()} {score_name(score.name)} ({score.better} is better) of each combination"
        f"{_left_out(len(report.cells))}: median, "
        f"interquartile mean and its bootstrap interval with failures, mean ± sd among survivors."
        f"{_success(report)}{noise}{_setting(report)}"
    )
    return _table(head, rows, len(names), caption, _label(report, "combinations"))


def _all_scores(report: Report) -> Iterator[str]:
    """Yields the scores of each combination, ``MOST_SCORES`` in a table."""
    scores, names = scores_beside(report), report.varied or ("runs",)
    for place in range(0, len(scores), MOST_SCORES):
        chosen = scores[place : place + MOST_SCORES]
        rows = [
            [*([cell.levels[name] for name in report.varied] or [str(len(cell.runs))]),
             *(mean_and_sd(cell.all_scores.get(name, Summary(0))) for name in chosen)]
            for cell in report.cells[:MOST_ROWS]
        ]  # fmt: skip
        caption = "Scores of the last samples of each combination"
        caption += f"{_left_out(len(report.cells))}: mean ± sd among survivors.{_setting(report)}"
        name = "scores" if place == 0 else f"scores-{place // MOST_SCORES + 1}"
        yield _table([*names, *map(with_arrow, chosen)], rows, len(names), caption, _label(report, name))


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
    caption += _setting(report)
    for factor in dict.fromkeys(one.factor for one in report.confounded):
        along = [setting for one in report.confounded if one.factor == factor for setting in one.settings]
        caption += f" Levels of {factor} also differ in {listed(along)}."
    head = ["factor", "level", "against", word, "95 % interval", "p", "improves", "pairs"]
    return _table(head, rows, 3, caption, _label(report, "effects"))


def _left_out(rows: int) -> str:
    """Returns a remark for the caption of a table of which only the first rows are shown."""
    return f" (the first {MOST_ROWS} of {rows:,})" if rows > MOST_ROWS else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], texts: int, caption: str, label: str) -> str:
    """Returns a table whose first ``texts`` columns are left-aligned, made smaller if it is wider than the page."""
    if not rows:
        return ""
    lines = [" & ".join([*map(escape, row[:texts]), *map(_number, row[texts:])]) + r" \\" for row in (head, *rows)]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escape(caption)}}}",
            rf"\label{{{label}}}",
            r"\begin{adjustbox}{max width=\textwidth}",
            rf"\begin{{tabular}}{{{'l' * texts}{'r' * (len(head) - texts)}}}",
            r"\toprule",
            lines[0],
            r"\midrule",
            *lines[1:],
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{adjustbox}",
            r"\end{table}",
            "",
        ]
    )
