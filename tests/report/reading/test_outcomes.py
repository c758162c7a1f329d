from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ganlab.report.model import Stated
from ganlab.report.reading.measure import Measure, threshold_of
from ganlab.report.reading.outcomes import counted, verdict
from ganlab.report.reading.rows import ScoreRow
from ganlab.report.reading.runs import RunFiles

KEY = "key"
FID = Measure("fid", "lower", KEY, "id", {})
MODES = Measure("modes", "higher", KEY, "id", {})
THRESHOLD = Stated(20.0, "")


def run(status: str = "finished", reason: str = "", fid: float | None = 10.0, **values: Any) -> RunFiles:
    row = ScoreRow(100, {"fid": fid, **values}, KEY, "id", "network", True)
    files = RunFiles(Path("run"), {"status": status, "reason": reason, "steps": 100}, scores=(row,))
    return replace(files, fingerprints={KEY: {"images": 2000}})


@pytest.mark.parametrize(
    ("status", "reason", "outcome", "cause"),
    [
        (
            "diverged",
            "At step 50 the gradients of the generator had been infinite or not …",
            "diverged",
            "generator: gradients not finite",
        ),
        (
            "diverged",
            "The training diverged: 9 of the discriminator's 9 updates until …",
            "diverged",
            "discriminator: updates not finite",
        ),
        (
            "diverged",
            "for 7 of 9 steps the mean loss of the generator was beyond …",
            "diverged",
            "generator: loss too large",
        ),
        ("failed", "No space left on device. More", "failed", "No space left on device"),
        (
            "refused",
            "This configuration cannot run:\n  a=b cannot go with c, which is …; type d",
            "refused",
            "a=b cannot go with c",
        ),
        ("refused", "there is a run in its folder already", "refused", "there is a run in its folder already"),
        ("killed", "", "unfinished", "killed"),
        ("running", "", "unfinished", "running"),
        ("stopped", "stopped after step 3", "unfinished", "stopped"),
        ("missing", "", "unfinished", "missing"),
    ],
)
def test_how_a_run_ended_is_its_outcome(status: str, reason: str, outcome: str, cause: str) -> None:
    for measure in (FID, None):
        found = verdict(run(status, reason), measure, THRESHOLD)
        assert (found.outcome, found.cause, found.survivor) == (outcome, cause, False)


def test_a_finished_run_is_judged_by_its_last_score() -> None:
    assert verdict(run(), FID, THRESHOLD).outcome == "success"
    poor = verdict(run(fid=20.5), FID, THRESHOLD)
    assert (poor.outcome, poor.cause, poor.survivor) == ("poor", "FID above 20", True)
    assert verdict(run(modes=3.0), MODES, Stated(5, "")).cause == "number of modes below 5"


def test_a_finished_run_without_a_finite_score_at_its_end_failed() -> None:
    assert verdict(run(fid=None), FID, THRESHOLD).cause == "no finite score at its end"
    unscored = run()
    unscored = replace(unscored, status={**unscored.status, "steps": 200})  # its last samples were not finite
    assert verdict(unscored, FID, THRESHOLD).outcome == "failed"
    assert verdict(replace(run(), scores=()), FID, THRESHOLD).cause == "not scored"


def test_a_run_with_few_modes_collapsed() -> None:
    def collapsed(found: float, config: dict[str, Any] | None = None, **more: Any) -> bool:
        histogram = more.pop("histogram", None)
        files = run(modes=found, **more)
        row = replace(files.scores[0], histogram=histogram)
        return verdict(replace(files, config=config or {}, scores=(row,)), FID, THRESHOLD).outcome == "collapsed"

    assert collapsed(4, histogram=(1,) * 10)
    assert not collapsed(5, histogram=(1,) * 10)
    assert collapsed(12, {"data": {"name": "grid", "side": 5}}, good_share=0.5)
    assert collapsed(3, {"data": {"name": "ring", "modes": 8}}, good_share=0.5)
    for modes in (0, 1, 3):  # 0 is not better than 1, though its points lie far from every mode
        assert collapsed(modes, {"data": {"name": "ring", "modes": 8}}, good_share=0.0)
    assert not collapsed(1, {"data": {"name": "swiss_roll"}})
    # 2,000 samples of 1,000 classes have 865 of them on average
    assert collapsed(432, histogram=(1,) * 1000)
    assert not collapsed(433, histogram=(1,) * 1000)


def test_the_cause_says_that_no_mode_was_found() -> None:
    causes = [
        verdict(
            replace(run(modes=modes, good_share=0.0), config={"data": {"name": "ring", "modes": 8}}), FID, None
        ).cause
        for modes in (0.0, 1.0)
    ]
    assert causes == ["no sample in any of 8 modes", "collapsed to fewer than half of 8 modes"]


def test_a_verdict_of_a_collapse_counts_also_without_scores() -> None:
    files = run()
    files = replace(files, status={**files.status, "verdicts": ["mode collapse at step 40"]})
    assert verdict(files, FID, THRESHOLD).cause == "mode collapse at step 40"
    assert verdict(replace(files, scores=()), None, None).outcome == "collapsed"


def test_a_run_that_is_no_better_than_noise_does_not_succeed() -> None:
    nothing = verdict(run(modes=0.0, good_share=0.0), MODES, Stated(0.0, ""), noise=Stated(0.0, ""))
    assert (nothing.outcome, nothing.cause) == ("poor", "number of modes not better than that of noise")
    assert verdict(run(modes=1.0), MODES, Stated(0.0, ""), noise=Stated(0.0, "")).outcome == "success"
    assert verdict(run(fid=15.0), FID, THRESHOLD, noise=Stated(12.0, "")).outcome == "poor"


def test_the_threshold_is_never_worse_than_noise() -> None:
    assert threshold_of(FID, [[30.0, 50.0], [90.0]], Stated(300.0, ""), None) == Stated(
        80.0, "2 times the median of the best combination (40)"
    )
    bounded = threshold_of(FID, [[200.0], [290.0]], Stated(300.0, ""), None)
    assert bounded is not None
    assert bounded.value == 300
    assert bounded.rule.startswith("the score of noise, which is better than 2 times")
    assert threshold_of(FID, [[200.0]], Stated(300.0, ""), 350.0) == Stated(350.0, "threshold=350, as typed")


def test_what_a_verdict_ended_survived_only_with_a_score_of_its_own() -> None:
    stuck = {"status": "diagnosed", "reason": "At step 9: no learning since step 3: x.", "verdicts": []}
    collapsed = {**stuck, "verdicts": [{"name": "mode_collapse", "verdict": "mode collapse", "lasting": True}]}
    assert not verdict(replace(run(), status=stuck), FID, THRESHOLD).survivor  # it counts as noise
    assert verdict(replace(run(), status=collapsed), FID, THRESHOLD).survivor
    assert not verdict(replace(run(fid=None), status=collapsed), FID, THRESHOLD).survivor
    assert not verdict(replace(run(), status=collapsed), MODES, None).survivor  # it was scored by another measure


def test_failures_have_the_score_of_noise_and_so_has_what_is_worse() -> None:
    noise = Stated(300.0, "")
    assert counted(None, "diverged", noise, FID) == 300
    assert counted(10.0, "failed", noise, FID) == 300
    assert counted(500.0, "poor", noise, FID) == 300
    assert counted(25.0, "poor", noise, FID) == 25
    assert counted(0.0, "collapsed", Stated(1.0, ""), MODES) == 1
    for outcome in ("refused", "unfinished"):
        assert counted(10.0, outcome, noise, FID) is None  # type: ignore[arg-type]
