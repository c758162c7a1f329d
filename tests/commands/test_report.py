from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ganlab.commands.report import main
from tests.report.reading.test_sweep import sweep

CHECKOUT = Path(__file__).resolve().parents[2]


def test_a_report_is_printed_and_written_beside_the_sweep(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep(tmp_path)
    assert main([f"sweep={tmp_path}"]) == 0
    said = capsys.readouterr().out
    assert "5 of 7 runs that ended reached FID at most" in said
    assert f"Incomplete: 1 stopped. Run them with: python train.py resume={tmp_path}" in said
    for name in ("report.md", "runs.csv", "effects.json", "tables.tex"):
        assert str(tmp_path / "report" / name) in said
    first = json.loads((tmp_path / "report" / "effects.json").read_text())
    assert main([f"sweep={tmp_path}", "threshold=13"]) == 0  # the report in the folder is no run
    again = json.loads((tmp_path / "report" / "effects.json").read_text())
    assert len(first["runs"]) == len(again["runs"]) == 8
    capsys.readouterr()
    assert main([f"sweep={tmp_path}"], "ganlab report") == 0  # where there may be no train.py
    assert f"Run them with: ganlab train resume={tmp_path}" in capsys.readouterr().out
    assert again["threshold"] == {"value": 13, "rule": "threshold=13, as typed"}


def test_figures_that_the_report_no_longer_has_are_deleted(tmp_path: Path) -> None:
    sweep(tmp_path)
    assert main([f"sweep={tmp_path}"]) == 0
    report, figures = tmp_path / "report" / "report.md", tmp_path / "report" / "figures"
    shown = {path.name for path in figures.iterdir()}
    report.write_text(report.read_text() + "![Of a factor that is gone](figures/effects-gone.svg)\n")
    for name in ("effects-gone.svg", "mine.svg"):
        (figures / name).write_text("<svg/>")
    assert main([f"sweep={tmp_path}"]) == 0
    assert {path.name for path in figures.iterdir()} == {*shown, "mine.svg"}  # nobody else's file is touched


def test_a_few_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = sorted(path.name for path in sweep(tmp_path).iterdir())
    monkeypatch.chdir(tmp_path)
    assert main([f"runs=[{names[0]},{names[3]}]"]) == 0
    (made,) = (tmp_path / "outputs" / "reports").iterdir()
    assert len(json.loads((made / "effects.json").read_text())["runs"]) == 2
    assert main([f"runs=[{names[0]}]", "out=here"]) == 0
    assert (tmp_path / "here" / "report.md").exists()


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (["sweep=nothing"], "nothing: there is no such folder"),
        (["sweep=.", "runs=[a]"], "needs one of sweep=SWEEP and runs=[RUN,RUN]"),
        (["runs=[nothing]"], "nothing: it is no run folder"),
        (["sweep=.", "score=x"], "score=x: no run is scored"),
        (["sweep=.", "treshold=3"], "did you mean threshold?"),
    ],
)
def test_mistakes_are_one_sentence(
    typed: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "status.json").write_text('{"status": "finished", "reason": ""}')
    monkeypatch.chdir(tmp_path)
    assert main(typed) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.err.count("\n") == 1
    assert not said.out


def test_the_script_is_the_command(tmp_path: Path) -> None:
    script = [sys.executable, str(CHECKOUT / "scripts" / "report.py")]
    ran = subprocess.run([*script, f"sweep={sweep(tmp_path)}"], capture_output=True, text=True, check=True)
    assert str(tmp_path / "report" / "report.md") in ran.stdout
    assert "sweep=latest" in subprocess.run([*script, "--help"], capture_output=True, text=True, check=True).stdout
