"""The labels of figures are short, and no two rows of a figure have the same."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from ganlab.report.figures.drawing import LETTER
from ganlab.report.figures.labels import fitting, short_names
from ganlab.report.page.drawings import figures_of
from tests.report.synthetic import in_memory, lognormal, report_on

TRICKS = (
    "[ema,ttur,label_smoothing,instance_noise,diff_augment]",
    "[ttur,label_smoothing,instance_noise,diff_augment]",
    "[ema,ttur,label_smoothing,diff_augment]",
    "[ema,ttur,label_smoothing,instance_noise]",
    "[]",
)
SHORT = ["all of them", "without ema", "without instance_noise", "without diff_augment", "none of them"]
PUBLISHED = Path(__file__).resolve().parents[2] / "docs" / "studies"


def test_of_a_list_the_label_says_what_is_left_out() -> None:
    assert list(short_names(TRICKS).values()) == SHORT
    for levels in (("he", "zero"), ("[r1]", "[r2]"), ("[]", "[r1]"), ("[ema]", "he")):
        assert list(short_names(levels)) == list(short_names(levels).values())
    assert short_names(("[]", "[r1]", "[r2]", "[r1,r2]"))["[r1]"] == "[r1]"  # shorter than what it leaves out


@pytest.mark.parametrize(
    "labels",
    [
        [f"a_long_beginning_{end}" for end in ("one", "two", "three")],
        [f"{start}_and_a_long_end" for start in ("one", "two", "three")],
        [f"a_long_beginning_{middle}_and_a_long_end" for middle in ("one", "two", "three")],
        ["same", "same_but_longer_than_that", "other"],
    ],
)
def test_labels_that_are_cut_stay_apart(labels: list[str]) -> None:
    found = fitting(labels, 12 * LETTER)
    assert len(set(found)) == len(labels)
    assert all(len(one) <= 12 for one in found)
    assert [one for one in found if "…" not in one and one not in labels] == []


def test_rows_of_all_figures_of_a_sweep_over_tricks_differ() -> None:
    report = report_on(in_memory(lognormal(np.random.default_rng(0)), {"tricks": TRICKS, "norm": ("batch", "none")}))
    figures = figures_of(report)
    drawn = [*figures.outcomes, *figures.effects, *figures.together, *figures.scores]
    of_tricks = [one for one in drawn if "tricks" in one.name]
    assert len(of_tricks) >= 4
    for one in of_tricks:
        rows = re.findall(r"text-anchor: end;[^>]*>([^<]*)</text>", one.svg)
        assert len(set(rows)) == len(rows), one.name
        assert set(SHORT[1:]) <= set(rows), one.name
    forest = next(one for one in figures.effects if "tricks" in one.name)
    assert f"Each is compared with {TRICKS[0]}." in forest.caption


@pytest.mark.parametrize("file", sorted(PUBLISHED.glob("*/*.svg")), ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_rows_of_published_figures_differ(file: Path) -> None:
    rows = re.findall(r"text-anchor: end;[^>]*>([^<]*)</text>", file.read_text(encoding="utf-8"))
    assert len(set(rows)) == len(rows)
