"""Finds the chart of any tag that a run logs."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ganlab.augment import AUGMENTATIONS
from ganlab.monitor.dashboard import health, training
from ganlab.monitor.dashboard.chart import ACTIVATIONS, DETAILS, GRADIENTS, LOSSES, WEIGHTS, Chart
from ganlab.regularizers import REGULARIZERS

NETWORKS = ("discriminator", "generator")
HISTOGRAMS = {
    "weights": (WEIGHTS, "The weights, as they are applied (after spectral normalization and the like),", ""),
    "gradients": (
        GRADIENTS,
        "The gradient of the loss by the weights",
        "of the same order in all layers; all at 0, the layer learns nothing",
    ),
    "activations": (
        ACTIVATIONS,
        "The outputs, before the nonlinearity,",
        "about symmetric around 0 with a width that stays; all below 0 a ReLU is dead, far from 0 a tanh is saturated",
    ),
}
"""The group, the text and what is good, by the kind of a histogram."""


@lru_cache(maxsize=4096)
def chart_of(tag: str) -> Chart:
    """Returns the chart of a ``tag`` of ``metrics.jsonl``. A tag that no table has gets one from its name and from the
    docstring of the component that reports it."""
    first, _, rest = tag.partition("/")
    if chart := training.SINGLE.get(tag):
        return chart
    if first == "diagnosis":
        return _of_the_diagnosis(rest)
    if first in NETWORKS and (chart := training.OF_EACH.get(rest)):
        return chart.of(first)
    if first in NETWORKS and rest.startswith("sigma/"):
        layer = rest.removeprefix("sigma/")
        chart = training.SIGMA.of(first)
        return Chart(chart.group, f"{chart.name} of {layer}", chart.what, chart.unit, chart.good)
    if first in NETWORKS and rest:
        return _of_a_term(first, rest)
    if first == "schedule" and rest:
        return Chart(DETAILS, f"setting {rest}", f"The value of the setting `{rest}` at this step.", held="constant")
    if first in ("augment", "regularizer") and "/" in rest:
        table: Any = AUGMENTATIONS if first == "augment" else REGULARIZERS
        name, _, value = rest.partition("/")
        return Chart(DETAILS, f"{name} {_words(value)}", f"The state `{value}` of `{name}`. {_docstring(table, name)}")
    return Chart(DETAILS, tag.replace("/", " "), f"Logged as `{tag}` by a component or a plugin.")


def score_chart(name: str, id: str) -> Chart:
    """Returns the chart of the score ``name`` whose meaning has the short name ``id``: only equal ids compare."""
    shown, what, good = training.SCORES.get(name, (_words(name), f"The score `{name}`.", ""))
    features = f"{what} Features and all else that it depends on: `{id}`; only curves with the same one compare."
    group = LOSSES if name in training.FIRST_SCORES or name not in training.SCORES else DETAILS
    return Chart(group, f"score {shown} ({id})", features, "", good)


def histogram_chart(kind: str, network: str, layer: str, place: int) -> Chart:
    """Returns the chart of the histogram of a layer, ``place`` in the order of the network's layers."""
    group, what, good = HISTOGRAMS[kind]
    return Chart(group, f"{network} {place} {layer}", f"{what} of the layer `{layer}` of the {network}.", "", good)


def _of_the_diagnosis(name: str) -> Chart:
    network, _, rest = name.partition("_")
    if name.startswith("verdict/"):
        return health.verdict(name.removeprefix("verdict/"))
    if chart := health.SINGLE.get(name):
        return chart
    if network in NETWORKS and (chart := health.OF_EACH.get(rest)):
        return chart.of(network)
    return health.unknown(name)


def _of_a_term(network: str, name: str) -> Chart:
    """Returns the chart of what a regularizer, a loss or a network reports for one network."""
    what = f"`{name}` in the updates of the {network}, before its weight."
    return Chart(DETAILS, f"{network} {_words(name)}", f"{what} {_docstring(REGULARIZERS, name)}".strip())


def _docstring(table: Any, name: str) -> str:
    """Returns the first paragraph of a component's docstring, "" if there is no such component or docstring."""
    component: Any = table[name] if name in table else None  # noqa: SIM401 (a Table has no get)
    text = (component.__doc__ or "").strip() if component else ""
    if text.startswith(f"{getattr(component, '__name__', '')}("):  # a dataclass without a docstring of its own
        return ""
    return " ".join(text.split("\n\n")[0].split()).replace("``", "`")


def _words(name: str) -> str:
    return name.replace("_", " ").replace("/", " ")
