"""Charts with several curves: only of curves that are drawn."""

from __future__ import annotations

import re
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2

from ganlab.monitor import TensorBoard
from ganlab.monitor.dashboard.charts import chart_of, score_chart
from ganlab.monitor.dashboard.layout import CHARTS, layout
from tests.monitor.test_observers import FakeScores

VALUES = {"discriminator/loss": 1.0, "generator/loss": 2.0, "discriminator/real": 0.5, "discriminator/fake": -0.5}


def shown(found: layout_pb2.Layout) -> dict[str, list[str]]:
    return {chart.title: list(chart.multiline.tag) for category in found.category for chart in category.chart}


def in_events(folder: Path) -> layout_pb2.Layout:
    """The newest layout, which is the one that TensorBoard reads."""
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0, "scalars": 0}).Reload()
    found = events.Tensors("custom_scalars__config__")[-1].tensor_proto.string_val[0]
    return layout_pb2.Layout.FromString(found)


def test_each_chart_of_a_run_has_a_curve(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path, "")
    board.started(0, 9)
    board.logged(1, VALUES)
    assert list(shown(in_events(tmp_path))) == ["both losses", "discriminator on real and on generated images"]
    board.logged(2, {**VALUES, "generator/gradient_norm": 1.0})
    board.scored(2, FakeScores({"fid": 3.0, "kid": 1.0, "kid_std": 0.5, "precision": 0.2}), {})
    board.logged(3, {**VALUES, "generator/gradient_norm": 1.0})
    board.closed()
    events = EventAccumulator(str(tmp_path), size_guidance={"scalars": 0}).Reload()
    tags = events.Tags()["scalars"]
    charts = shown(in_events(tmp_path))
    assert "gradient norm of both networks" in charts
    for title, patterns in charts.items():
        assert any(re.match(pattern, tag) for pattern in patterns for tag in tags), title
    (pattern,) = charts["scores: distances (lower is better)"]
    assert [tag.split("/")[1] for tag in sorted(tags) if re.match(pattern, tag)] == [
        "score FID (abc)",
        "score KID (abc)",
    ]
    assert len(events.Tensors("custom_scalars__config__")) == 3  # anew only where a curve came


def test_a_curve_is_matched_by_its_own_pattern_alone() -> None:
    every = [
        chart_of(tag).tag for charts in CHARTS.values() for tags in charts.values() for tag in tags if "|" not in tag
    ]
    every += [chart_of("regularizer/lecam/real").tag, score_chart("recall", "a").tag]
    found = shown(layout(every))
    for charts in CHARTS.values():
        for title, tags in charts.items():
            if "scores" in title:
                continue
            for tag, pattern in zip(tags, found[title], strict=True):
                assert [one for one in every if re.match(pattern, one)] == [chart_of(tag).tag]


def test_a_run_that_went_back_and_a_resumed_one_have_their_charts(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path, "")
    board.started(0, 9)
    board.logged(1, {"generator/loss": 1.0})
    board.logged(4, VALUES)
    board.rolled_back(1)
    board.logged(2, VALUES)
    board.closed()
    assert len(shown(in_events(tmp_path))) == 2
    again = TensorBoard(tmp_path, "")
    again.started(2, 9)
    again.logged(3, {"generator/loss": 1.0})
    again.closed()
    assert len(shown(in_events(tmp_path))) == 2
