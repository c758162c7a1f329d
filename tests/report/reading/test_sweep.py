"""Reports on folders: whole, running, damaged, of other scores, and of older versions."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from ganlab.config.paths import read_path
from ganlab.errors import UserError
from ganlab.report.build import report_of
from ganlab.report.model import FORMAT, Report, as_plain
from ganlab.report.reading.sweep import find_runs, find_sweep
from ganlab.report.text.markdown import as_markdown
from ganlab.run_folder import RunFolder
from tests.report.reading.test_runs import BEFORE
from tests.report.synthetic import FINGERPRINT, write_run


def sweep(root: Path, seeds: int = 2) -> Path:
    """Four combinations of init and norm, with one diverged, one refused, and one stopped run."""
    for number in range(4 * seeds):
        init, norm, seed = (
            ("he", "normal")[number // (2 * seeds)],
            ("batch", "none")[number // seeds % 2],
            number % seeds,
        )
        overrides = [f"init={init}", f"norm={norm}", f"seed={seed}"]
        status = {1: "diverged", 2: "refused", 4: "stopped"}.get(number, "finished")
        scores = [] if status == "refused" else [40.0, 20.0, 10.0 + number]
        write_run(
            root / f"{number}-init-{init}+norm-{norm}+seed-{seed}",
            overrides,
            status,
            scores,
            config={"steps": 1500},
            reason="why",
        )
    return root


def report(folder: Path) -> Report:
    found = report_of(find_sweep(str(folder)))
    json.dumps(as_plain(found), allow_nan=False)
    return found


def test_a_sweep_is_read_from_its_folder_alone(tmp_path: Path) -> None:
    found = report(sweep(tmp_path))
    assert {factor.name: factor.levels for factor in found.factors} == {
        "init": ("he", "normal"),
        "norm": ("batch", "none"),
    }
    assert found.seeds == ("0", "1")
    assert [run.number for run in found.runs] == list(range(8))
    assert {run.outcome for run in found.runs} == {"success", "diverged", "refused", "unfinished"}
    first = found.runs[0]
    assert (first.final, first.best, first.best_step, first.steps, first.images, first.d_updates) == (
        10,
        10,
        1500,
        1500,
        96000,
        1500,
    )
    assert [(point.step, point.images, point.d_updates, point.seconds) for point in first.curve] == [
        (500, 32000, 500, pytest.approx(4)), (1000, 64000, 1000, pytest.approx(8)), (1500, 96000, 1500, pytest.approx(12)),
    ]  # fmt: skip
    assert found.holes.command == f"python train.py resume={tmp_path}"
    assert found.origin.machines == ("A, 2 cores",)
    assert {curve.tag for curve in found.curves} == {"fid", "discriminator/loss", "generator/loss"}
    assert as_plain(found)["format"] == FORMAT


def test_the_plan_of_a_sweep_tells_of_runs_that_never_began(tmp_path: Path) -> None:
    sweep(tmp_path)
    names = sorted((path.name for path in tmp_path.iterdir()), key=lambda name: int(name.split("-")[0]))
    jobs = [
        {"number": 7 - place, "folder": name, "overrides": [f"lr={place}", "seed=0"]}
        for place, name in enumerate(names)
    ]
    jobs.append({"number": 8, "folder": str(tmp_path / "8-lr-9+seed-0"), "overrides": ["lr=9", "seed=0"]})
    (tmp_path / "sweep.json").write_text(json.dumps({"command": ["python", "train.py", "-m"], "jobs": jobs}))
    found = report(tmp_path)
    assert [factor.name for factor in found.factors] == ["lr"]
    assert found.runs[0].levels == {"lr": "7"}
    assert (found.runs[8].status, found.runs[8].outcome) == ("missing", "unfinished")
    assert found.holes.statuses == {"stopped": 1, "missing": 1}
    assert found.origin.commands[0] == "python train.py -m"


def test_half_a_damaged_sweep_is_reported_and_the_rest_named(tmp_path: Path) -> None:
    folders = sorted(sweep(tmp_path).iterdir())
    (folders[0] / "status.json").write_text("{")
    (folders[3] / "scores.jsonl").write_text("\x00")
    (folders[5] / "config.yaml").write_text("[")
    (folders[5] / "provenance.yaml").write_text("[")
    shutil.rmtree(folders[6])
    folders[6].mkdir()
    (folders[7] / "metrics.jsonl").unlink()
    (tmp_path / "sweep.json").write_text("[]")
    found = report(tmp_path)
    assert {one.path for one in found.damage} == {
        str(tmp_path / "sweep.json"), f"{folders[0].name}/status.json", f"{folders[3].name}/scores.jsonl",
        f"{folders[5].name}/config.yaml", f"{folders[5].name}/provenance.yaml",
    }  # fmt: skip
    assert len(found.runs) == 7
    assert found.runs[3].cause == "not scored"
    assert found.effects


def test_runs_that_were_started_one_by_one_have_numbers_of_their_own(tmp_path: Path) -> None:
    for name, init, last in (("12-30-01-he", "he", 10.0), ("12-45-10-zero", "zero", 40.0), ("13-01-10-he", "he", 20.0)):
        write_run(tmp_path / name, [f"init={init}"], scores=[80.0, last], config={"init": init})
    found = report(tmp_path)
    assert [(run.number, run.name[:5], run.final) for run in found.runs] == [
        (0, "12-30", 10), (1, "12-45", 40), (2, "13-01", 20),
    ]  # fmt: skip


def test_folders_beside_those_of_the_plan_get_the_next_numbers(tmp_path: Path) -> None:
    for name in ("0-a", "3-b", "0-copied", "stray"):
        write_run(tmp_path / name, ["a=1"])
    jobs = [{"number": number, "folder": name, "overrides": []} for number, name in ((0, "0-a"), (3, "3-b"))]
    (tmp_path / "sweep.json").write_text(json.dumps({"command": "x", "jobs": jobs}))
    assert {run.name: run.number for run in report(tmp_path).runs} == {"0-a": 0, "3-b": 3, "0-copied": 4, "stray": 5}


@pytest.mark.parametrize("name", ["with space", "one, two", "a=b", "it's", "[x]"])
def test_the_command_that_runs_what_is_incomplete_can_be_typed(name: str, tmp_path: Path) -> None:
    write_run(tmp_path / name / "0", ["a=1"], "stopped")
    *_, typed = shlex.split(report(tmp_path / name).holes.command)
    (read,) = OverridesParser.create().parse_overrides([read_path(typed)])
    assert read.value() == str(tmp_path / name)


def test_a_sweep_that_still_runs(tmp_path: Path) -> None:
    folders = sorted(sweep(tmp_path).iterdir())
    RunFolder(folders[0]).save_status("running", pid=1)
    with RunFolder(folders[0]).held():
        found = report(tmp_path)
    assert (found.runs[0].status, found.runs[0].outcome, found.runs[0].steps) == ("running", "unfinished", 1500)
    assert found.runs[0].final == 10.0  # so far
    assert found.runs[0].value is None
    assert found.holes.statuses == {"running": 1, "stopped": 1}


def test_while_a_sweep_runs_nothing_else_has_to_run_it(tmp_path: Path) -> None:
    folders = sorted(sweep(tmp_path).iterdir())
    jobs = [{"number": number, "folder": path.name, "overrides": []} for number, path in enumerate(folders)]
    for name in ("8-begins", "9-empty"):
        (tmp_path / name).mkdir()
        jobs.append({"number": len(jobs), "folder": name, "overrides": []})
    (tmp_path / "sweep.json").write_text(json.dumps({"command": "x", "jobs": jobs}))
    with RunFolder(tmp_path).held(), RunFolder(tmp_path / "8-begins").held():
        found = report(tmp_path)
    assert found.notes[0] == "The sweep is still running."
    assert found.holes.statuses == {"stopped": 1, "running": 1, "missing": 1}
    assert (found.holes.command, found.damage) == ("", ())
    assert report(tmp_path).holes.command == f"python train.py resume={tmp_path}"


def test_a_sweep_without_scores_counts_what_finished(tmp_path: Path) -> None:
    for path in sweep(tmp_path).glob("*/scores.jsonl"):
        path.unlink()
    found = report(tmp_path)
    assert (found.score, found.threshold, found.effects, found.profiles) == (None, None, (), ())
    assert (found.success.count, found.success.of) == (5, 7)
    assert found.cells
    assert found.success_effects
    assert any("No run is scored" in note for note in found.notes)
    assert found.interactions[0].success == ((0.5, 0.5), (1.0, 1.0))


def test_runs_of_another_fingerprint_are_left_out_and_named(tmp_path: Path) -> None:
    folders = sorted(sweep(tmp_path).iterdir())
    for folder in (folders[6], folders[7]):
        text = (folder / "scores.jsonl").read_text()
        (folder / "scores.jsonl").write_text(text.replace('"images": 2000', '"images": 50').replace("abcd", "ffff"))
        (folder / "config.yaml").write_text("seed: 0\nevaluation: {images: 50}\n")
    RunFolder(folders[7]).save_status("diverged", "why")
    (folders[7] / "scores.jsonl").unlink()  # it diverged before its first score: its settings tell
    found = report(tmp_path)
    assert [run.number for run in found.runs if not run.comparable] == [6, 7]
    other = next(one for one in found.incomparable if one.what == "score")
    assert other.excluded
    assert found.sentences[0].numbers["unfinished"] == 1  # they have a result, which does not compare
    assert "(images" in other.sentence
    assert "type id=classifier-ffff" in other.sentence
    theirs = report_of(find_sweep(str(tmp_path)), id="classifier-ffff")
    assert [run.number for run in theirs.runs if run.comparable and run.curve] == [6]
    assert theirs.score is not None
    assert theirs.score.fingerprint == {**FINGERPRINT, "images": 50}


def test_whose_weights_are_scored_is_said_and_does_not_part_runs(tmp_path: Path) -> None:
    folders = sorted(sweep(tmp_path).iterdir())
    text = (folders[0] / "scores.jsonl").read_text()
    (folders[0] / "scores.jsonl").write_text(text.replace('"weights": "network"', '"weights": "average"'))
    found = report(tmp_path)
    assert all(run.comparable for run in found.runs)
    assert "1 of average" in next(one.sentence for one in found.incomparable if one.what == "weights")


def test_unequal_budgets_and_versions_are_named(tmp_path: Path) -> None:
    write_run(tmp_path / "0-a", ["a=1"], scores=[3.0])
    write_run(tmp_path / "1-a", ["a=2"], scores=[3.0, 2.0])
    text = (tmp_path / "1-a" / "provenance.yaml").read_text()
    (tmp_path / "1-a" / "provenance.yaml").write_text(text.replace("0.1.0", "0.2.0"))
    whats = {one.what: one.sentence for one in report(tmp_path).incomparable}
    assert set(whats) == {"steps", "images", "d_updates", "ganlab"}
    assert "500 to 1,000 steps" in whats["steps"]


def test_rules_that_were_lifted_are_marked(tmp_path: Path) -> None:
    write_run(tmp_path / "0", ["norm=batch"], lifted_rules=["norm=batch cannot go with a penalty."])
    write_run(tmp_path / "1", ["norm=none"])
    found = report(tmp_path)
    assert [run.lifted_rules for run in found.runs] == [("norm=batch cannot go with a penalty.",), ()]
    assert "- norm=batch cannot go with a penalty. *1 of 1 run that ended succeeded* (numbers 0)." in as_markdown(found)


def test_critic_steps_count_as_updates_of_d(tmp_path: Path) -> None:
    config = {"schedule": {"name": "alternating", "n_critic": 5, "pretrain_discriminator": 10}}
    write_run(tmp_path / "0", scores=[3.0], every=100, config=config)
    assert report(tmp_path).runs[0].d_updates == 510


def test_the_score_of_step_0_is_that_of_noise(tmp_path: Path) -> None:
    run = write_run(tmp_path / "0", scores=[3.0])
    row = json.loads((run / "scores.jsonl").read_text())
    row |= {"step": 0, "scores": {"fid": 250.0}}
    (run / "scores.jsonl").write_text(json.dumps(row) + "\n" + (run / "scores.jsonl").read_text())
    noise = report(tmp_path).noise
    assert noise is not None
    assert (noise.value, "before the first step" in noise.rule) == (250, True)


def test_the_threshold_may_be_typed_and_the_best_score_may_count(tmp_path: Path) -> None:
    write_run(tmp_path / "0", scores=[30.0, 5.0, 40.0])
    jobs = find_sweep(str(tmp_path))
    assert report_of(jobs, threshold=39).runs[0].cause == "FID above 39"
    best = report_of(jobs, at="best").runs[0]
    assert (best.value, best.final, best.best, best.best_step) == (5, 40, 5, 1000)
    assert report_of(jobs, at="best", threshold=6).runs[0].outcome == "success"


def test_a_few_runs_are_compared_by_what_differs(tmp_path: Path) -> None:
    paths = [
        write_run(tmp_path / name, config={"loss": {"name": loss}}) for name, loss in (("x", "bce"), ("y", "hinge"))
    ]
    found = report_of(find_runs([str(path) for path in paths]))
    assert [(one.name, one.levels) for one in found.factors] == [("loss", ("bce", "hinge"))]
    assert found.kind == "runs"
    assert [run.folder for run in found.runs] == ["x", "y"]


def test_a_run_of_an_older_version_alone_and_beside_others(tmp_path: Path) -> None:
    shutil.copytree(BEFORE, tmp_path / "before")
    alone = report(tmp_path / "before")
    assert (alone.kind, alone.runs[0].status, alone.runs[0].d_updates) == ("runs", "killed", 7)
    assert alone.holes.command == f"python train.py resume={tmp_path / 'before'}"
    write_run(tmp_path / "new", ["loss=bce"])
    both = report_of(find_runs([str(tmp_path / "before"), str(tmp_path / "new")]))
    assert len(both.factors) >= 1


def test_a_sweep_within_folders_is_found_and_mistakes_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep(tmp_path / "outputs" / "multirun" / "2026-01-31" / "12-00-00")
    write_run(tmp_path / "outputs" / "multirun" / "2026-01-30" / "12-00-00" / "0", scores=[1.0])
    monkeypatch.chdir(tmp_path)
    assert len(report_of(find_sweep("latest")).runs) == 8
    assert len(report_of(find_sweep("outputs/multirun/2026-01-31")).runs) == 8
    for wrong, said in ((("nothing",), "no such folder"), ((str(tmp_path / "outputs"),), None)):
        if said:
            with pytest.raises(UserError, match=said):
                find_sweep(*wrong)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no run in it"):
        find_sweep("empty")
    with pytest.raises(UserError, match="no run folder"):
        find_runs(["empty"])
    with pytest.raises(UserError, match="did you mean fid"):
        report_of(find_sweep("latest"), score="fdi")


def test_many_levels_are_not_compared_with_each_other(tmp_path: Path) -> None:
    for number in range(20):
        write_run(tmp_path / f"{number}-lr", [f"lr={number / 100}", "seed=0"], scores=[10.0 + number], metrics=1)
    found = report(tmp_path)
    assert len(found.factors[0].levels) == 20
    assert (found.effects, found.profiles) == ((), ())
    assert len(found.cells) == 20
    assert any("lr has 20 levels" in note for note in found.notes)
    (trend,) = found.trends
    assert (trend.factor, trend.n, trend.correlation) == ("lr", 20, pytest.approx(1))
    assert trend.low > 0.99


@pytest.mark.slow
def test_a_thousand_runs_take_less_than_a_minute_and_a_gigabyte(tmp_path: Path) -> None:
    import resource
    import subprocess
    import sys

    inits, norms = [f"init-{number}" for number in range(10)], [f"norm-{number}" for number in range(10)]
    for number in range(1000):
        overrides = [f"init={inits[number // 100]}", f"norm={norms[number // 10 % 10]}", f"seed={number % 10}"]
        write_run(tmp_path / str(number), overrides, scores=[20.0 - step for step in range(10)], metrics=300)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    code = f"import ganlab, resource; ganlab.report({str(tmp_path)!r}).save({str(tmp_path / 'report')!r}); print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 60
    assert int(ran.stdout) < 1_000_000 * (1024 if sys.platform == "darwin" else 1)  # kB, on macOS bytes
