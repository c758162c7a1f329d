"""The texts of commands, as they are typed in a checkout and after installation."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganlab.commands.terminal.program import command_beside, command_here, resuming


def test_a_command_beside_another() -> None:
    assert command_beside("report.py", "train") == "python train.py"
    assert command_beside("/a b/scripts/report.py", "train") == "python '/a b/train.py'"
    assert command_beside("ganlab report", "inspect_init") == "ganlab inspect-init"


def test_what_is_typed_depends_on_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert command_here("diagnose") == "ganlab diagnose"
    assert resuming("my run") == "ganlab train 'resume=my run'"
    assert resuming("run", 2) == "torchrun --nproc-per-node=… --no-python ganlab train resume=run"
    (tmp_path / "train.py").touch()
    assert command_here("diagnose") == "python scripts/diagnose.py"
    assert resuming("run") == "python train.py resume=run"
    assert resuming("run", 2) == "torchrun --nproc-per-node=… train.py resume=run"


def test_a_script_that_was_typed_by_its_path_is_named_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout, elsewhere = tmp_path / "check out", tmp_path / "elsewhere"
    (checkout / "scripts").mkdir(parents=True)
    (checkout / "train.py").touch()
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    for typed in ("../check out/train.py", "../check out/scripts/evaluate.py"):
        monkeypatch.setattr("sys.argv", [typed])
        assert resuming("run") == "python '../check out/train.py' resume=run"
        assert command_here("diagnose") == "python '../check out/scripts/diagnose.py'"
    monkeypatch.setattr("sys.argv", [str(checkout / "train.py")])
    assert resuming("run") == f"python '{checkout}/train.py' resume=run"
    monkeypatch.setattr("sys.argv", ["../missing/train.py"])
    assert resuming("run") == "ganlab train resume=run"
