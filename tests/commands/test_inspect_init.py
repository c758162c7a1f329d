"""The command that inspects initializations, and the same from Python."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest

import ganlab
from ganlab import commands
from ganlab.commands.inspect_init import main
from ganlab.commands.train import main as train
from ganlab.errors import UserError
from tests.conftest import TINY_OVERRIDES

ROOT = Path(__file__).resolve().parents[2]


def test_every_combination_is_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main([*TINY_OVERRIDES, "init=normal,he", "norm=batch,none", f"out={out}"]) == 0
    printed = capsys.readouterr().out
    plain = json.loads((out / "inspection.json").read_text(encoding="utf-8"))
    names = [one["name"] for one in plain["combinations"]]
    assert names == [f"init={init} norm={norm}" for init in ("normal", "he") for norm in ("batch", "none")]
    for one in plain["combinations"]:
        assert f"{one['name']}: {one['sentence']}" in printed
    assert str(out / "inspection.png") in printed
    vanishing, preserved = (plain["combinations"][number]["sentence"] for number in (1, 2))
    assert vanishing.startswith("Vanishing")
    assert preserved.startswith("Preserved")


def test_the_figures_are_those_of_step_0_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*TINY_OVERRIDES, "init=orthogonal", "seed=3", "out=before"]) == 0
    assert train([*TINY_OVERRIDES, "init=orthogonal", "seed=3", "logging.inspection=true", "hydra.run.dir=run"]) == 0
    before, run = (
        json.loads(Path(folder, "inspection.json").read_text(encoding="utf-8")) for folder in ("before", "run")
    )
    for one in (before, run):
        del one["combinations"][0]["name"]
    assert before == run


def test_from_python_and_with_seeds() -> None:
    found = ganlab.inspect_init(*TINY_OVERRIDES, "seed=0,1", init="he")
    assert list(found.by_name) == ["seed=0", "seed=1"]
    assert found.by_name["seed=0"] != found.by_name["seed=1"]
    assert list(found.sentences) == ["seed=0", "seed=1"]


def test_a_study_and_combinations_that_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["study=init_by_norm", "init=normal", "norm=none,batch", "loss=wgan_gp", "seed=0", "rules=refuse"]
    assert main([*words, "generator.width=4", "discriminator.width=4", f"out={tmp_path}"]) == 0
    assert "note: norm=batch is refused: " in capsys.readouterr().out
    plain = json.loads((tmp_path / "inspection.json").read_text(encoding="utf-8"))
    assert [one["name"] for one in plain["combinations"]] == ["norm=none"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["init=hee"], "init=hee: no such option; did you mean init=he?"),
        (["--steps", "5"], "--steps: there is no such flag; type steps=5"),
        (["resume=x"], "resume: an inspection begins no run and goes on with none; leave it out"),
        (["seed=range(300)"], "300 combinations are asked for, and 256 are the most; leave some out"),
    ],
)
def test_mistakes_are_one_sentence(words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert sentence in capsys.readouterr().err


def test_a_mistake_in_python_is_an_error() -> None:
    with pytest.raises(UserError, match="no such option"):
        ganlab.inspect_init("init=hee")


def test_a_folder_that_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main([*TINY_OVERRIDES, f"out={tmp_path / 'file'}"]) == 2
    assert "no folder can be made there" in capsys.readouterr().err


def test_help_and_the_ways_to_call_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "inspect_init.py init=normal,he,orthogonal norm=batch,spectral" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["ganlab", "inspect-init", "--help"])
    with pytest.raises(SystemExit) as ended:
        commands.main()
    assert ended.value.code == 0
    assert "ganlab inspect-init init=normal,he" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["inspect_init.py", "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "scripts" / "inspect_init.py"), run_name="__main__")
    assert ended.value.code == 0
