"""The verdicts of runs in a report: of which runs they are known, and how many runs have each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ganlab.report.analysis.verdicts import lasting_verdicts, verdict_counts
from ganlab.report.model import Run
from ganlab.report.reading.outcomes import verdict
from ganlab.report.reading.runs import RunFiles

COLLAPSE = {"name": "mode_collapse", "network": None, "lasting": True}
OVER = {"name": "oscillation", "network": None, "lasting": False}
STUCK = {"name": "no_learning", "network": "generator", "lasting": True}


def files(verdicts: Any, status: str = "finished", diagnosis: Any = "default") -> RunFiles:
    found = {"status": status, "reason": ""} | ({"verdicts": verdicts} if verdicts is not None else {})
    return RunFiles(Path("run"), found, {"diagnosis": {"name": diagnosis}} if diagnosis else {})


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (files([COLLAPSE, OVER, STUCK, {**STUCK, "network": "discriminator"}]), ("no learning", "mode collapse")),
        (files([OVER]), ()),
        (files(None), ()),
        (files(["mode collapse at step 40", 7]), ()),
        (files(None, diagnosis="none"), None),
        (files(None, diagnosis=None), None),  # of an earlier version
        (files(None, "refused"), None),
    ],
)
def test_the_verdicts_that_lasted(found: RunFiles, expected: tuple[str, ...] | None) -> None:
    assert lasting_verdicts(found) == expected


def test_counts() -> None:
    run = Run(0, "", "", {}, None, "finished", "success")
    found = [("no learning", "mode collapse"), ("mode collapse",), (), None]
    counts = verdict_counts([replace(run, verdicts=one) for one in found])
    assert list(counts.items()) == [("no learning", 1), ("mode collapse", 2), ("healthy", 1)]
    assert verdict_counts([run]) == {}


def test_how_a_run_with_a_verdict_is_counted() -> None:
    assert verdict(files([COLLAPSE]), None, None).outcome == "collapsed"
    assert (
        verdict(files([{**COLLAPSE, "lasting": False}, {**COLLAPSE, "name": "partial_collapse"}]), None, None).outcome
        == "success"
    )
    reason = "At step 1,200: mode collapse since step 1,050: the mean distance is 0.1. Its weights were saved."
    ended = replace(
        files([COLLAPSE], "diagnosed"), status={"status": "diagnosed", "reason": reason, "verdicts": [COLLAPSE]}
    )
    assert verdict(ended, None, None).outcome == "collapsed"
    stuck = replace(
        ended, status={**ended.status, "reason": reason.replace("mode collapse", "no learning"), "verdicts": [STUCK]}
    )
    assert (verdict(stuck, None, None).outcome, verdict(stuck, None, None).cause) == ("failed", "no learning")
