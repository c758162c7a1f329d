"""Tables of inspections, as aligned text for a terminal and as Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ganlab.diagnosis.inspection.judgement import change, gradients, signals, through
from ganlab.diagnosis.inspection.results import Inspection, LayerResult, NetworkResult

LAYER_COLUMNS = (
    "layer", "mean", "std", "second moment", "input rms", "gain", "grad. at input", "grad. of weight", "dead",
    "σ largest", "σ smallest", "σ ratio",
)  # fmt: skip
SUMMARY_COLUMNS = (
    "combination", "G signal", "G gradient", "G grad. through D", "D signal", "D gradient", "dead G / D", "logit real",
    "logit fake", "gap", "gap / std", "cond. of J", "GQ of G", "GQ of D",
)  # fmt: skip


def layer_rows(network: NetworkResult) -> list[tuple[str, ...]]:
    """Returns one row of texts per layer, for ``LAYER_COLUMNS``, and a row for the output."""
    rows = [_layer_row(layer) for layer in network.layers]
    blank = ("",) * (len(LAYER_COLUMNS) - 7)
    return [*rows, ("→ output", "", "", "", number(network.output_rms), "", number(network.output_gradient), *blank)]


def _layer_row(layer: LayerResult) -> tuple[str, ...]:
    weights = layer.weights
    found = (weights.largest, weights.smallest, weights.condition) if weights else (None, None, None)
    figures = (
        layer.mean, layer.std, layer.second_moment, layer.input_rms, layer.gain, layer.input_gradient,
        layer.weight_gradient,
    )  # fmt: skip
    return (layer.name, *map(number, figures), share(layer.dead), *map(number, found))


def summary_row(name: str, one: Inspection) -> tuple[str, ...]:
    """Returns the row of one combination, for ``SUMMARY_COLUMNS``. A signal is its size at the output divided by that
    at the first layer's input; a gradient is its size at the first layer's input divided by that at the output, or at
    D's logit."""
    condition = None if one.log_condition is None else math.exp(one.log_condition)
    networks = (one.generator, one.discriminator)
    ways = (
        signals(one.generator), gradients(one.generator), through(one), signals(one.discriminator),
        gradients(one.discriminator),
    )  # fmt: skip
    dead = " / ".join(share(dead_share(network)) or "-" for network in networks)
    logits = one.logits
    figures = (logits.real_mean, logits.fake_mean, logits.gap, logits.separation, condition)
    return (
        name,
        *(number(change(way)) for way in ways),
        dead,
        *map(number, (*figures, *(network.quotient for network in networks))),
    )


def dead_share(network: NetworkResult) -> float | None:
    """Returns the largest share of dead units behind a layer."""
    return max((layer.dead for layer in network.layers if layer.dead is not None), default=None)


def number(value: float | None) -> str:
    """Returns a number with three significant digits; nothing for None."""
    return "" if value is None else f"{value:.3g}"


def share(value: float | None) -> str:
    """Returns a share in percent; nothing for None."""
    return "" if value is None else f"{100 * value:.0f} %"


def as_text(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a table with aligned columns: the first to the left, the others to the right."""
    widths = [max(len(row[place]) for row in (columns, *rows)) for place in range(len(columns))]
    lines = [
        "  ".join(
            cell.ljust(width) if not place else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (columns, *rows)
    ]
    return "\n".join(lines)


def as_markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a table in Markdown."""
    lines = [columns, ["---", *["--:"] * (len(columns) - 1)], *rows]
    return "\n".join(f"| {' | '.join(one)} |" for one in lines)


def layers_text(one: Inspection) -> str:
    """Returns the tables of both networks' layers as text."""
    tables = [
        f"{name}\n{as_text(LAYER_COLUMNS, layer_rows(network))}"
        for name, network in (("generator", one.generator), ("discriminator", one.discriminator))
    ]
    return "\n\n".join(tables)


def summary_text(inspections: Mapping[str, Inspection]) -> str:
    """Returns the table with one row for each combination as text."""
    return as_text(SUMMARY_COLUMNS, [summary_row(name, one) for name, one in inspections.items()])


def whole_text(inspections: Mapping[str, Inspection], sentences: Mapping[str, str]) -> str:
    """Returns everything as text: the summary, and for each combination its sentence and the tables of its layers."""
    parts = [f"{name}\n{sentences[name]}\n\n{layers_text(one)}".lstrip() for name, one in inspections.items()]
    return "\n\n".join([summary_text(inspections), *parts]) + "\n"
