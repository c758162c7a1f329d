"""The pages of the published studies."""

from __future__ import annotations

from pathlib import Path

import pytest

STUDIES = sorted((Path(__file__).resolve().parents[2] / "docs" / "studies").glob("*/README.md"))


@pytest.mark.parametrize("page", STUDIES, ids=lambda page: page.parent.name)
def test_a_page_has_its_remarks_as_they_are(page: Path) -> None:
    assert (page.parent / "remarks.md").read_text(encoding="utf-8").strip() in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", STUDIES, ids=lambda page: page.parent.name)
def test_a_page_does_not_say_that_pairs_differ_in_one_setting_alone(page: Path) -> None:
    """A loss brings learning rates along: a page that compares losses says so below its sentences."""
    text = page.read_text(encoding="utf-8")
    assert "differ in this factor alone" not in text
    assert ("loss=bce" in text) == ("**Settings that differ with the loss.**" in text)


def test_no_page_claims_an_interaction_from_fewer_than_eight_seeds() -> None:
    for page in [*STUDIES, STUDIES[0].parents[3] / "README.md"]:
        assert not [
            line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("- The effect of ")
        ]
