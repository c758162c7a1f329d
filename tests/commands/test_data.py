from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ganlab.commands.data import main
from tests.data.images import Numbers

CHECKOUT = Path(__file__).resolve().parents[2]


def test_the_list_says_what_where_and_how_large(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Numbers().open(tmp_path)
    assert main([f"runtime.cache={tmp_path}"]) == 0
    said = capsys.readouterr().out
    assert "10 images of 1×2×2" in said
    assert f"in {tmp_path}" in said


def test_clear_takes_away_one_or_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANLAB_CACHE", str(tmp_path))
    for count in (5, 10, 15):
        Numbers(count=count).open()
    names = sorted(path.name for path in tmp_path.glob("N*"))
    assert main(["clear", names[0]]) == 0
    assert sorted(path.name for path in tmp_path.glob("N*")) == names[1:]
    assert main(["clear"]) == 0
    assert not list(tmp_path.glob("N*"))
    assert f"removed from {tmp_path}" in capsys.readouterr().out
    assert main([]) == 0
    assert f"0 bytes in {tmp_path}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (["claer"], "did you mean clear?"),
        (["list", "x"], "no such action"),
        (["clear", "nothing"], "nothing: there is no such entry"),
        (["cache=x"], "it has runtime.cache=FOLDER"),
        (["--force"], "no such setting"),
    ],
)
def test_mistakes_are_one_sentence(typed: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(typed) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.err.count("\n") == 1
    assert not said.out


def test_the_script_is_the_command(tmp_path: Path) -> None:
    command = [sys.executable, str(CHECKOUT / "scripts" / "data.py"), f"runtime.cache={tmp_path}"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout == f"0 bytes in {tmp_path}\n"
    helped = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
    assert "clear" in helped.stdout
