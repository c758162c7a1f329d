"""The text that explains the charts, in the tab Text and in the docs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ganlab.monitor.dashboard import health, training
from ganlab.monitor.dashboard.chart import GROUPS, Chart
from ganlab.monitor.dashboard.charts import NETWORKS

INTRODUCTION = """\
The groups of charts, in the order of the page:

{groups}

G is the generator, D the discriminator. A logit is D's output: high for what it takes for real. The pictures use
latents that are fixed for the whole run. The tabs Scalars, Images and Histograms show these descriptions at each chart
(the symbol *i*); Custom Scalars shows what belongs together in one chart."""


def guide() -> str:
    """Returns Markdown: what the groups are, and for each a table of the charts that ganlab knows by name."""
    groups = "\n".join(f"- **{name}**: {what}" for name, what in GROUPS.items())
    parts = [INTRODUCTION.format(groups=groups)]
    for group in GROUPS:
        rows = [f"| {one.name} | {one.what} | {one.unit} | {one.good} |" for one in known() if one.group == group]
        if rows:
            parts.append(
                "\n".join([f"## {group}\n", "| chart | what it shows | unit | good |", "|---|---|---|---|", *rows])
            )
    return "\n\n".join(parts)


def known() -> list[Chart]:
    """Returns the charts of the tables, in the order of the page, without the scores."""
    return sorted(_all(), key=lambda chart: chart.tag)


def _all() -> Iterator[Chart]:
    tables: Iterable[dict[str, Chart]] = (dict(training.OF_EACH), dict(health.OF_EACH), {"": training.SIGMA})
    for table in tables:
        for chart in table.values():
            for network in NETWORKS:
                yield chart.of(network)
    yield from training.SINGLE.values()
    yield from health.SINGLE.values()
