"""The charts that show several curves in one picture, for TensorBoard's tab Custom Scalars."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ganlab.monitor.dashboard.chart import DETAILS, LOSSES
from ganlab.monitor.dashboard.charts import chart_of

SCORE = f"({LOSSES}|{DETAILS})/score"  # the beginning of a pattern for scores

# Titles of categories and of their charts, each with the tags of metrics.jsonl, or patterns of scores.
CHARTS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "Losses and scores": {
        "both losses": ("discriminator/loss", "generator/loss"),
        "discriminator on real and on generated images": (
            "discriminator/real",
            "discriminator/fake",
            "discriminator/held_out",
            "discriminator/trained_on",
        ),
        "scores: distances (lower is better)": (f"{SCORE} (FID|KID) \\(.*",),
        "scores: shares (higher is better)": (f"{SCORE} (precision|recall|coverage|share of good samples) \\(.*",),
    },
    "Health": {
        "discriminator accuracy (0.5 is chance)": tuple(
            f"diagnosis/accuracy_{kind}" for kind in ("real", "fake", "held_out")
        ),
        "gradient norm of both networks": ("generator/gradient_norm", "discriminator/gradient_norm"),
        "gradient by the images": ("diagnosis/input_gradient", "diagnosis/output_gradient"),
        "diversity of samples (1 is the data's)": (
            "diagnosis/distance",
            "diagnosis/feature_distance",
            "diagnosis/contrast",
            "diagnosis/classes",
        ),
        "update relative to the weights": ("diagnosis/generator_update", "diagnosis/discriminator_update"),
        "dead units": ("diagnosis/generator_dead", "diagnosis/discriminator_dead"),
        "gradient by layer": tuple(
            f"diagnosis/{network}_gradient_{layer}"
            for network in ("generator", "discriminator")
            for layer in ("first", "last")
        ),
        "learning rates": ("generator/learning_rate", "discriminator/learning_rate"),
    },
}


def layout(drawn: Collection[str]) -> Any:
    """Returns the layout (a protocol buffer) of the charts of which at least one curve is among the ``drawn`` tags of
    TensorBoard. A chart is the same in all runs that have it: TensorBoard merges the charts of several runs if they
    are equal."""
    from tensorboard.plugins.custom_scalar import layout_pb2

    categories = []
    for title, charts in CHARTS.items():
        shown = []
        for name, tags in charts.items():
            patterns = [_pattern(tag) for tag in tags]
            if any(re.fullmatch(pattern, tag) for pattern in patterns for tag in drawn):
                lines = layout_pb2.MultilineChartContent(tag=patterns)
                shown.append(layout_pb2.Chart(title=name, multiline=lines))
        if shown:
            categories.append(layout_pb2.Category(title=title, chart=shown))
    return layout_pb2.Layout(category=categories)


def summary_of(found: Any) -> Any:
    """Returns the summary that holds a layout."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.types_pb2 import DT_STRING
    from tensorboard.plugins.custom_scalar import metadata

    tensor = TensorProto(dtype=DT_STRING, string_val=[found.SerializeToString()])
    tag = metadata.CONFIG_SUMMARY_TAG
    return Summary(value=[Summary.Value(tag=tag, metadata=metadata.create_summary_metadata(), tensor=tensor)])


def _pattern(tag: str) -> str:
    """Returns a regular expression of Python and of JavaScript for the tag of TensorBoard."""
    if tag.startswith(SCORE):
        return f"{tag}$"
    return re.sub(r"([.()\[\]+*?^$|\\])", r"\\\1", chart_of(tag).tag) + "$"
