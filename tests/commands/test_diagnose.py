"""`ganlab diagnose`: verdicts of a run from its folder, of a sweep, of older runs, and the tries of their advice."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

import ganlab
from ganlab.commands import diagnose, tries
from ganlab.commands.launch.training_run import train
from ganlab.commands.tries import last_checkpoint_before, try_advice
from ganlab.report.reading.diagnosis import diagnosed
from ganlab.run_folder import RunFolder
from tests.conftest import tiny
from tests.diagnosis.verdicts.rows import SETTINGS, changed, rows

BEFORE = Path(__file__).resolve().parents[1] / "fixtures" / "run_before"
COLLAPSED = {"diagnosis/distance": 0.1}


def written(folder: Path, changes: Any = None, status: str = "finished", **settings: Any) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(changed(SETTINGS, settings)))
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows(changes)))
    RunFolder(folder).save_status(status)
    return folder


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = diagnose.main(list(words))
    out, err = capsys.readouterr()
    return code, out, err


def test_a_collapsed_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = written(tmp_path / "run", COLLAPSED)
    code, out, _ = said(capsys, f"run={folder}")
    assert code == 0
    assert "1. mode collapse: since step 220 (named at step 260) and lasts, 24,960 images" in out
    assert (
        "evidence: the mean distance between two samples, over that between two real images, is 0.1, below 0.35" in out
    )
    assert "try loss=relativistic regularizer.r1={} regularizer.r2={} (D compares" in out
    assert f"python scripts/diagnose.py run={folder} try=true" in out
    with Image.open(folder / "diagnosis.png") as picture:
        assert min(picture.size) > 300


def test_a_healthy_run_and_one_that_is_too_young(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = said(capsys, f"run={written(tmp_path / 'run')}", f"out={tmp_path / 'mine.png'}")
    assert "healthy: no verdict. Looked for divergence, exploding gradients" in out
    assert (tmp_path / "mine.png").exists()
    _, out, _ = said(capsys, f"run={written(tmp_path / 'young', COLLAPSED, 'running', steps=100_000)}")
    assert "it has not passed the first part of training" in out


def test_a_run_of_an_earlier_version(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(shutil.copytree(BEFORE, tmp_path / "run"))
    code, out, _ = said(capsys, f"run={folder}")
    assert code == 0
    assert "killed, step 3" in out
    assert "it has no signals" in out


def test_a_sweep_has_a_line_for_each_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path / "0-a", COLLAPSED)
    written(tmp_path / "1-b")
    (written(tmp_path / "2-c", status="refused") / "metrics.jsonl").unlink()
    code, out, _ = said(capsys, f"run={tmp_path}")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "0-a: finished: mode collapse since step 220"
    assert lines[1] == "1-b: finished: healthy"
    assert lines[2].startswith("2-c: not judged: it has no row in metrics.jsonl to judge (it is refused)")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run=missing"], "missing: there is no such folder"),
        (["run=."], "there is no run in it"),
        (["run={run}", "out=x.txt"], "out=x.txt: need the name of a picture"),
        (["run={run}", "try=maybe"], "try: found 'maybe'"),
        (["run={run}", "seeds=0"], "seeds: found 0"),
        (["run={run}", "try=true"], "no verdict has advice"),
        (["run={run}", "try=true", "also=[steps]"], "also: found steps"),
        (["run={run}", "attempt=true"], "attempt: no such setting"),
    ],
)
def test_what_is_refused(
    words: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = written(tmp_path / "there" / "run", COLLAPSED if any("also" in word for word in words) else None)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    code, _, err = said(capsys, *(word.format(run=run) for word in words))
    assert code == 2
    assert sentence in err
    assert len(err.splitlines()) == 1


def test_verdicts_in_python(tmp_path: Path) -> None:
    run = ganlab.open(written(tmp_path / "run", COLLAPSED))
    assert [one.name for one in run.verdicts] == ["mode_collapse"]
    assert "mode collapse" in run._repr_html_()


def test_the_checkpoint_before(trained_run: Callable[..., Path]) -> None:
    folder = trained_run(steps=4, checkpoint={"every": 1, "keep": 9})
    assert [last_checkpoint_before(folder, step) and last_checkpoint_before(folder, step).stem for step in (0, 1, 3)] == [  # type: ignore[union-attr]
        None, "step-0000001", "step-0000003",
    ]  # fmt: skip


def test_the_advice_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that does not learn, from the checkpoint before that is said: the higher rate ends it, its twin stays."""
    monkeypatch.chdir(tmp_path)
    stuck = {
        "optimizer": {"generator": {"name": "adam", "lr": 1e-9}, "discriminator": {"name": "adam", "lr": 2e-4}},
        "logging": {"every": 1, "observers": ["files"]},
        "steps": 14,
        "checkpoint": {"every": 1, "keep": 20},
        "diagnosis": {"name": "default", "verdicts": {"images": 0, "warm_up": 0.1}},
        "init": {"generator": "orthogonal"},
    }
    folder = tmp_path / "run"
    folder.mkdir()
    assert train(tiny(**stuck), RunFolder(folder)).status == "finished"
    found = diagnosed(folder)
    verdict = next(one for one in found.verdicts if one.key == "no_learning/generator")
    assert verdict.since > 1
    result = try_advice(found, 2, verdict=verdict, folder=tmp_path / "tries")
    assert result.measure is None
    twin, higher = result.arms
    assert (twin.name, higher.name) == (tries.NO_CHANGE, "optimizer.generator.lr=0.0002")
    assert twin.from_step == higher.from_step == verdict.since
    assert [one.seed for one in twin.ended] == [one.seed for one in higher.ended] == [1, 2]
    assert max(one.without for one in twin.ended) < 0.5
    assert [one.without for one in higher.ended] == [1.0, 1.0]
    (comparison,) = result.comparisons
    assert (comparison.better, comparison.worse, comparison.outcome) == (2, 0, "helped")
    text = tries.as_text(result, found)
    assert "helped: optimizer.generator.lr=0.0002 (better in 2 and worse in 0 of 2 seeds" in text
    assert json.loads((tmp_path / "tries" / "tries.json").read_text())["comparisons"][0]["outcome"] == "helped"
