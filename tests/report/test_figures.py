"""What figures are drawn with: ticks, margins, colours, and SVG that fits into any page."""

from __future__ import annotations

import re

import pytest

from ganlab.report.figures.drawing import INK, as_svg, axes, style
from ganlab.report.figures.heatmaps import _ink
from ganlab.report.figures.scales import log_ticks, short


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (1, 1000, [1, 3, 10, 30, 100, 300, 1000]),
        (0.1, 10, [0.1, 0.2, 0.5, 1, 2, 5, 10]),
        (18, 30, [18, 20, 22, 24, 26, 28, 30]),
    ],
)
def test_ticks_of_ratios_are_round(low: float, high: float, ticks: list[float]) -> None:
    found = log_ticks(low, high, 7)
    assert found == pytest.approx(ticks)


@pytest.mark.parametrize(("low", "high"), [(0.95, 1.16), (1e-9, 1e9), (3, 3.5), (0.5, 400)])
def test_an_axis_has_two_to_seven_ticks(low: float, high: float) -> None:
    found = log_ticks(low, high)
    assert 2 <= len(found) <= 7
    assert all(low * 0.999 <= tick <= high * 1.001 for tick in found)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.5, "0.5"), (9600, "9,600"), (38400, "38.4k"), (1.5e6, "1.5M"), (2e9, "2G"), (-2.5, "−2.5")],
)
def test_labels_are_short(value: float, text: str) -> None:
    assert short(value) == text


def test_text_has_enough_contrast() -> None:
    assert (_ink(1, 1, 0.3), _ink(0, 0.13, 0.3), _ink(0.49, 0.49, 0.47)) == ("#000000", "#ffffff", "#000000")


def test_numbers_in_text_stay_and_those_of_paths_are_rounded() -> None:
    with style("a"):
        figure, axis = axes(120)
        axis.plot([0.123456, 1], [2, 3.987654], color=INK)
        axis.text(0.5, 2.5, "lr=0.000123 $x$ <b>")
        text = as_svg(figure, 'says "0.123456" & more')
    assert ">lr=0.000123 $x$ &lt;b&gt;</text>" in text
    assert 'aria-label="says &quot;0.123456&quot; &amp; more"' in text
    assert not re.search(r' d="[^"]*\d\.\d{3}', text)
    assert "http" not in text
    assert INK not in text
    assert "currentColor" in text
