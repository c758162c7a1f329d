"""What a report says of synthetic sweeps: known effects, and none."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from ganlab.report.analysis.variance import explained
from ganlab.report.model import Report
from ganlab.report.text.markdown import as_markdown
from tests.report.synthetic import FACTORS, Made, Score, in_memory, lognormal, report_on

TWO = {"init": ("he", "zero")}
EFFECT = {"init=he": 0.3, "norm=spectral": -0.5}
SMALL = {"init": ("normal", "he"), "norm": ("batch", "spectral")}
CLAIMS = ("effect", "success", "interaction")


def claims(report: Report) -> list[str]:
    return [one.text for one in report.sentences if one.kind in CLAIMS]


def covered(report: Report) -> list[bool]:
    found = []
    for one in report.effects:
        level, baseline = (EFFECT.get(f"{one.factor}={name}", 0.0) for name in (one.level, one.baseline))
        assert one.low is not None
        assert one.high is not None
        found.append(one.low <= math.exp(level - baseline) <= one.high)
    return found


def test_sweeps_without_an_effect_get_no_sentence() -> None:
    said = [
        bool(claims(report_on(in_memory(lognormal(np.random.default_rng(seed), failing=0.1), SMALL))))
        for seed in range(40)
    ]
    assert sum(said) <= 3


def test_intervals_cover_the_true_effect() -> None:
    found = [covered(report_on(in_memory(lognormal(np.random.default_rng(seed), EFFECT), SMALL))) for seed in range(40)]
    assert 0.85 <= np.mean(found) <= 1


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "failing"), [(3, 0.0), (3, 0.15), (5, 0.1)])
def test_at_most_5_percent_of_500_sweeps_without_an_effect_get_a_sentence(seeds: int, failing: float) -> None:
    said = [
        bool(claims(report_on(in_memory(lognormal(np.random.default_rng(seed), failing=failing), seeds=seeds))))
        for seed in range(500)
    ]
    assert np.mean(said) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "block", "factors"), [(3, 0.0, SMALL), (3, 0.5, FACTORS), (10, 0.2, SMALL)])
def test_intervals_of_500_sweeps_cover_90_to_99_percent(
    seeds: int, block: float, factors: dict[str, tuple[str, ...]]
) -> None:
    found = [
        covered(report_on(in_memory(lognormal(np.random.default_rng(seed), EFFECT, block=block), factors, seeds)))
        for seed in range(500)
    ]
    assert 0.90 <= np.mean(found) <= 0.99


def test_a_known_effect_is_told_with_its_numbers_the_largest_first() -> None:
    report = report_on(in_memory(lognormal(np.random.default_rng(1), EFFECT, noise=0.1)))
    effects = [one for one in report.sentences if one.kind == "effect"]
    assert effects[0].text.startswith("norm=spectral has a lower FID than norm=batch: 0.")
    assert (effects[0].numbers["pairs"], effects[0].numbers["estimate"]) == (
        18,
        pytest.approx(math.exp(-0.5), abs=0.05),
    )
    assert [one.size for one in effects] == sorted((one.size for one in effects), reverse=True)
    unknown = [one for one in report.sentences if one.kind == "unknown"]
    assert any("cannot separate loss=" in one.text for one in unknown)
    assert all(one.numbers["low"] is not None for one in unknown)
    assert 3 <= len(report.sentences) <= 6


def test_every_number_of_a_sentence_is_beside_it() -> None:
    report = report_on(in_memory(lognormal(np.random.default_rng(0), EFFECT, failing=0.1)))
    for one in report.effects:
        same = [
            sentence
            for sentence in report.sentences
            if sentence.kind == "effect"
            and {one.level, one.baseline} == {sentence.numbers["level"], sentence.numbers["baseline"]}
        ]
        for sentence in same:
            turned = sentence.numbers["level"] == one.baseline
            assert sentence.numbers["estimate"] == pytest.approx(1 / (one.estimate or 0) if turned else one.estimate)


def test_higher_is_better_for_modes_and_their_differences_are_told() -> None:
    def modes(made: Made) -> float:
        return round(100 / float(made)) if not isinstance(made, str) else 0.0

    jobs = in_memory(lognormal(np.random.default_rng(0), {"norm=spectral": -1.0}), modes=modes)
    report = report_on(jobs, score="modes")
    assert report.score is not None
    assert (report.score.better, report.score.comparison) == ("higher", "difference")
    assert report.noise is not None
    assert report.noise.value == 0
    assert any(
        text.startswith("norm=spectral has a higher number of modes than norm=batch: +") for text in claims(report)
    )
    assert (report.cells[0].levels["norm"], report.cells[-1].levels["norm"]) == ("spectral", "batch")


def test_an_effect_that_depends_on_another_factor_is_an_interaction() -> None:
    base = lognormal(np.random.default_rng(0), noise=0.1)

    def score(levels: Mapping[str, str], seed: int) -> Made:
        value = base(levels, seed)
        crossed = levels["norm"] == "spectral" and levels["loss"] == "hinge"
        return float(value) * (0.3 if crossed else 1.0)

    report = report_on(in_memory(score, seeds=10))
    found = {(one.rows, one.columns): one for one in report.interactions}
    crossed = found[("norm", "loss")]
    assert crossed.p_adjusted is not None
    assert crossed.p_adjusted < 0.05
    assert crossed.contrast == pytest.approx(0.3, abs=0.05)
    assert (found[("init", "norm")].p_adjusted or 0) > 0.05
    assert any(text.startswith("The effect of norm depends on loss: ") for text in claims(report))
    few = report_on(in_memory(score))  # the same with three seeds
    assert {one.p_adjusted for one in few.interactions} == {1.0}
    assert not any("depends on" in text for text in claims(few))
    told = "3 seeds are too few to test for an interaction, which needs 10"
    assert as_markdown(few).count(told) == 3
    assert told not in as_markdown(report)


def sharing(rng: np.random.Generator) -> Score:
    """Seeds differ in how well each initializer does with each norm, under both losses alike, as where a lucky draw of
    weights is the same under both: on average nothing depends on anything."""
    shared = {key: rng.normal(0, 0.3) for key in itertools.product(FACTORS["init"], FACTORS["norm"], range(3))}
    base = lognormal(rng, noise=0.05)
    return lambda levels, seed: float(base(levels, seed)) * math.exp(shared[levels["init"], levels["norm"], seed])


def test_what_runs_of_one_seed_share_is_no_interaction() -> None:
    said = [claims(report_on(in_memory(sharing(np.random.default_rng(number))))) for number in range(30)]
    assert not any("The effect of" in text for texts in said for text in texts)


def test_too_few_seeds_for_an_interaction_are_said_where_there_is_room() -> None:
    report = report_on(in_memory(lognormal(np.random.default_rng(3)), SMALL))
    assert report.sentences[-1].text == (
        "3 seeds are too few to tell whether the effect of one setting depends on another (init × norm): the test takes "
        "each seed as one observation, and needs 8."
    )


def test_failures_are_outcomes_and_never_dropped() -> None:
    base = lognormal(np.random.default_rng(0))

    def score(levels: Mapping[str, str], seed: int) -> Made:
        return "diverged" if levels["norm"] == "batch" and levels["init"] != "he" else base(levels, seed)

    report = report_on(in_memory(score))
    batch, spectral = (
        next(one for one in report.levels if one.levels == {"norm": name}) for name in ("batch", "spectral")
    )
    assert (batch.success.of, batch.outcomes["diverged"], batch.with_failures.n, batch.survivors.n) == (18, 12, 18, 6)
    assert report.noise is not None
    assert report.noise.value == 2 * max(run.final for run in report.runs if run.final is not None)
    assert batch.with_failures.median == report.noise.value
    assert spectral.with_failures == spectral.survivors
    failed = [run for run in report.runs if run.outcome == "diverged"]
    assert {run.value for run in failed} == {report.noise.value}
    assert all(run.value is None or run.value < report.noise.value for run in report.runs if run.survivor)
    effect = next(one for one in report.effects if one.factor == "norm")
    assert (effect.pairs, effect.survivor_pairs, effect.better) == (18, 6, True)
    assert any("succeeds more often than norm=batch" in text for text in claims(report))
    assert any("Among the 6 pairs of which both runs survived" in text for text in claims(report))
    assert report.profiles[0].share[-1] < 1  # a failure reaches no score
    last = [run.value if run.survivor and run.value else 1e9 for run in report.runs]
    by_factor = {name: [run.levels[name] for run in report.runs] for name in report.varied}
    assert report.explained == explained(last, by_factor, [run.seed for run in report.runs])


def test_refused_and_unfinished_runs_are_counted_and_have_no_score() -> None:
    base = lognormal(np.random.default_rng(0))

    def score(levels: Mapping[str, str], seed: int) -> Made:
        if levels["norm"] == "batch" and levels["loss"] == "hinge":
            return "refused"
        return "stopped" if seed == 2 and levels["init"] == "he" else base(levels, seed)

    report = report_on(in_memory(score))
    effect = next(one for one in report.effects if one.factor == "norm")
    assert (effect.pairs, effect.refused, effect.unfinished) == (8, 9, 1)
    assert {run.value for run in report.runs if run.outcome in ("refused", "unfinished")} == {None}
    assert report.success.of == 36 - 3
    assert report.holes.command == "python train.py resume=sweep"
    assert report.holes.statuses == {"stopped": 3}  # resume would not change what was refused


def test_one_seed_and_one_run_get_no_interval_that_is_not_there() -> None:
    strong = lognormal(np.random.default_rng(0), {"init=he": 3.0}, noise=0.01)
    for seeds, few in ((1, "One seed is"), (2, "2 seeds are")):  # six pairs that agree are no claim without seeds
        report = report_on(in_memory(strong, seeds=seeds))
        found = [*report.effects, *(one.with_failures for one in (*report.cells, *report.levels))]
        assert {(one.low, one.high) for one in found} == {(None, None)}
        assert claims(report) == []
        said = [one.text for one in report.sentences if one.kind == "unknown"]
        assert any(text.startswith(f"{few} too few to tell ") and text.endswith("; run seed=0,1,2.") for text in said)
        assert "– stands in its place, and no claim is made." in as_markdown(report)
        assert "no interval" not in as_markdown(report)
    assert "stands in its place" not in as_markdown(report_on(in_memory(strong)))
    alone = report_on(in_memory(lognormal(np.random.default_rng(0)), {"init": ("he",)}, seeds=1))
    assert (alone.factors, alone.effects, len(alone.cells)) == ((), (), 1)
    assert alone.cells[0].with_failures.low is None


def test_which_scores_succeed_is_said_in_the_direction_of_the_score() -> None:
    jobs = in_memory(lambda *_: 5.0, {"init": ("he", "zero")}, modes=lambda _: 8.0, good_share=lambda _: 0.0)
    more = report_on(jobs, score="modes")
    assert "A run succeeds with at least 4 (1/2 of" in as_markdown(more)
    assert "6 of 6 runs that ended reached number of modes at least 4 (" in more.sentences[0].text
    none = report_on(
        in_memory(lambda *_: 5.0, {"init": ("he", "zero")}, modes=lambda _: 0.0, good_share=lambda _: 0.0),
        score="modes",
    )
    assert "0 of 6 runs that ended reached number of modes better than 0 (" in none.sentences[0].text
    assert none.sentences[1].text.endswith("their number of modes is equal in all 3 matched pairs.")


def test_where_pairs_are_too_few_the_sentence_has_the_p_that_says_so() -> None:
    report = report_on(in_memory(lambda levels, seed: (10.0 if levels["init"] == "he" else 20.0) + seed, TWO))
    text = report.sentences[-1].text
    (effect,) = report.effects
    assert (effect.p, effect.p_adjusted) == (0.25, pytest.approx(0.25 / 0.75))
    assert text.startswith(
        "3 seeds cannot separate init=he from init=zero: the 95 % interval of the ratio of their FID"
    )
    end = ", and 3 matched pairs can show that by chance (p = 0.33, adjusted for all comparisons). More seeds can tell."
    assert text.endswith(end)


def test_a_run_that_reached_the_threshold_and_collapsed_is_not_said_to_have_missed_it() -> None:
    found = in_memory(lambda _, seed: 10.0 + seed, TWO, modes=lambda _: 3.0)
    jobs = [replace(one, files=replace(one.files, config={"data": {"name": "ring", "modes": 8}})) for one in found.jobs]
    text = report_on(replace(found, jobs=tuple(jobs))).sentences[0].text
    assert text.startswith("0 of 6 runs that ended reached FID at most 22 (2 times the median")
    assert "and did not collapse: 0 %" in text
    assert "Of the others 6 collapsed" in text


def test_differences_of_shares_are_percentage_points() -> None:
    def score(levels: Mapping[str, str], seed: int) -> Made:
        return 10.0 + seed if levels["init"] == "he" else "diverged"

    report = report_on(in_memory(score, TWO, seeds=12))
    said = next(one for one in report.sentences if one.kind == "success")
    assert "difference +100 percentage points, 95 % interval +" in said.text
