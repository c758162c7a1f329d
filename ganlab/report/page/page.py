"""Puts the page together: sentences first, then outcomes, scores, effects, pictures, and where they come from."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ganlab.report.analysis.groups import MOST_LEVELS
from ganlab.report.figures.drawing import Drawing
from ganlab.report.model import Report, Run, Sentence
from ganlab.report.page import score_tables, tables
from ganlab.report.page.cells import Table
from ganlab.report.page.drawings import Figures, figures_of
from ganlab.report.page.gallery import Gallery, gallery
from ganlab.report.text.facts import too_few_seeds
from ganlab.report.text.words import number, plural, score_name, success_rule

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Section:
    """A part of the page: its ``name`` in addresses, its ``title``, a ``note``, and what it shows: ``figures`` by
    title, which may be empty, and ``folded`` ones, which are shown when they are asked for."""

    name: str
    title: str
    note: str = ""
    figures: Sequence[tuple[str, Sequence[Drawing]]] = ()
    tables: Sequence[Table] = ()
    folded: Sequence[tuple[str, Sequence[Drawing]]] = ()
    gallery: Gallery | None = None
    lines: Sequence[str] = field(default_factory=tuple)

    @property
    def is_empty(self) -> bool:
        drawn = any(drawings for _, drawings in (*self.figures, *self.folded))
        return not (drawn or self.tables or self.gallery or self.lines)


def linked(report: Report, folder: Path) -> Callable[[Run], str]:
    """Returns what makes the address of the folder of a run, as seen from ``folder``."""
    return lambda run: _link(Path(report.folder) / run.folder, folder)


def as_html(report: Report, folder: Path, figures: Figures | None = None, pictures: Gallery | None = None) -> str:
    """Returns the page as one file, to be written into ``folder``, from which run folders are linked. ``figures`` and
    ``pictures`` are made unless they are given."""
    link = linked(report, folder)
    drawn, shown = figures or figures_of(report), pictures or gallery(report, link)
    sections = [one for one in _sections(report, drawn, shown, link) if not one.is_empty]
    text: str = (
        _environment()
        .get_template("page.html")
        .render(report=report, sections=sections, facts=_facts(report), **_shared(report))
    )
    return text


def as_fragment(report: Report) -> str:
    """Returns what a notebook shows: the sentences, the outcomes, effects and pictures, and the best combinations."""

    def link(run: Run) -> str:
        return ""

    figures = figures_of(report, brief=True)
    best = score_tables.cell_table(report) or tables.outcome_table(report)
    text: str = (
        _environment()
        .get_template("fragment.html")
        .render(
            report=report,
            figures=[*figures.outcomes, *figures.effects, *figures.together],
            table=best,
            gallery=gallery(report, link),
            **_shared(report),
        )
    )
    return text


def _shared(report: Report) -> dict[str, Any]:
    return {
        "supported": [one for one in report.sentences if one.kind != "unknown"],
        "unknown": [one for one in report.sentences if one.kind == "unknown"],
        "numbers_of": _numbers,
    }


@cache
def _environment() -> Any:
    import jinja2  # takes a while, and only what writes a page needs it
    from markupsafe import Markup

    loader = jinja2.FileSystemLoader(TEMPLATES)
    made = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    made.globals["file"] = lambda name: Markup((TEMPLATES / name).read_text(encoding="utf-8"))
    made.filters["markup"] = Markup
    made.filters["unbroken"] = lambda text: text.replace(" %", "\u00a0%")
    return made


def _link(run: Path, folder: Path) -> str:
    """Returns the address of a run folder as seen from ``folder``."""
    try:
        return quote(Path(os.path.relpath(run.resolve(), folder.resolve())).as_posix()) + "/"
    except ValueError:  # on another drive
        return run.resolve().as_uri()


def _numbers(one: Sentence) -> list[tuple[str, str]]:
    """Returns the numbers from which a sentence was made, as text by name."""
    found = []
    for name, value in one.numbers.items():
        if isinstance(value, float):
            found.append((name, number(value, 4)))
        elif isinstance(value, dict):
            found.append((name, ", ".join(f"{key} {inner}" for key, inner in value.items() if inner)))
        elif isinstance(value, list | tuple):
            found.append((name, ", ".join(number(one, 4) if isinstance(one, float) else str(one) for one in value)))
        else:
            found.append((name, "–" if value is None else str(value)))
    return [(name.replace("_", " "), value) for name, value in found]


def _listed(levels: Sequence[str]) -> str:
    return ", ".join(levels[:MOST_LEVELS]) + (", …" if len(levels) > MOST_LEVELS else "")


def _facts(report: Report) -> list[tuple[str, str]]:
    """Returns what was compared, and what counts as what."""
    facts = [
        ("runs", f"{plural(len(report.runs), 'run')}, {plural(len(report.seeds), 'seed')}, in {report.folder}"),
        *((one.name, _listed(one.levels)) for one in report.factors),
    ]
    if report.score is not None:
        score = report.score
        facts.append(("score", f"{score.at} {score_name(score.name)}, {score.better} is better ({score.id})"))
        if report.threshold is not None:
            rule = success_rule(score, report.threshold, report.noise)
            facts.append(("a run succeeds with", f"{rule} ({report.threshold.rule}), without a collapse"))
    if report.noise is not None:
        facts.append(("a failed run counts as", f"{number(report.noise.value)}: {report.noise.rule}"))
    if report.holes.runs:
        counts = ", ".join(f"{count} {status}" for status, count in report.holes.statuses.items())
        facts.append(("incomplete", counts))
    return facts


def _sections(report: Report, figures: Figures, pictures: Gallery | None, link: Any) -> list[Section]:
    def some(*found: Table | None) -> list[Table]:
        return [one for one in found if one is not None]

    return [
        Section(
            "outcomes",
            "Outcomes",
            "Every run is counted once. A failed run is an outcome, and counts in the share of success.",
            [("", figures.outcomes)],
            some(tables.outcome_table(report), tables.cause_table(report)),
        ),
        Section(
            "scores",
            "Scores",
            "With failures: a run that diverged or failed has the score of noise. Survivors: runs that ended with a "
            "finite score. IQM is the mean of the middle half.",
            [("", figures.scores), ("Scores over the time of training", figures.budgets)],
            some(
                score_tables.cell_table(report),
                score_tables.level_table(report),
                score_tables.all_scores_table(report),
                score_tables.budget_table(report),
            ),
        ),
        Section(
            "effects",
            "Effects",
            "Pairs of runs that were typed alike but for this factor and have the same seed; intervals are "
            "bootstrapped over seeds, and p is adjusted for the number of comparisons."
            + "".join(f" {one.text}" for one in too_few_seeds(report.interactions)),
            [
                ("", figures.effects),
                ("Two factors together", figures.together),
                ("Performance profiles", figures.profiles),
                ("Explained variance", figures.explained),
                ("Numbers with many levels", figures.trends),
            ],
            some(
                tables.effect_table(report),
                tables.success_table(report),
                tables.confounded_table(report),
                tables.explained_table(report),
                tables.trend_table(report),
            ),
        ),
        Section(
            "pictures",
            "Pictures and curves",
            "",
            [("Scores over the images that D saw", figures.curves)],
            folded=figures.health,
            gallery=pictures,
        ),
        Section(
            "lifted",
            "What rules would have refused",
            "These runs were trained with rules=warn. They count in all numbers above, and are marked in the table of "
            "runs.",
            tables=some(tables.lifted_table(report)),
        ),
        Section(
            "comparable",
            "What is not comparable, and notes",
            tables=some(tables.damage_table(report)),
            lines=[*(one.sentence for one in report.incomparable), *report.notes, *figures.notes],
        ),
        Section("runs", "Runs", "A number opens the folder of its run.", tables=some(tables.run_table(report, link))),
    ]
