"""The completion of a shell."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ganlab.commands import COMMANDS, completion
from ganlab.commands.completion import candidates


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("ganlab tr", ["train", "translate"]),
        ("ganlab --v", ["--version"]),
        ("ganlab train init=or", ["init=orthogonal"]),
        ("/usr/bin/ganlab train seed=1 st", ["steps=", "study="]),
        ("ganlab train optimizer.", ["optimizer.discriminator.", "optimizer.generator."]),
        ("ganlab train optimizer.generator.l", ["optimizer.generator.lr="]),
        ("ganlab train tricks=[ema,tt", ["tricks=[ema,ttur"]),
        ("ganlab train resume=", ["resume=latest"]),
        ("ganlab train --m", ["--multirun"]),
        ("ganlab train nothing=", []),
        ("ganlab train nothing.like.this", []),
        ("ganlab completion z", ["zsh"]),
        ("ganlab sample run=", []),
    ],
)
def test_candidates(line: str, found: list[str]) -> None:
    assert candidates(line) == found


def test_every_command_is_offered() -> None:
    assert set(COMMANDS) <= set(candidates("ganlab "))


def test_own_options_are_offered(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "zebra.yaml").write_text("steps: 3")
    for flag in (f"--config-dir {tmp_path}", f"--config-dir={tmp_path}"):
        assert candidates(f"ganlab train {flag} experiment=ze") == ["experiment=zebra"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_takes_the_words(tmp_path: Path) -> None:
    program = tmp_path / "ganlab"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m ganlab "$@"\n')
    program.chmod(0o755)
    asked = f'{completion.script("bash")}\nPATH={tmp_path}:$PATH; COMP_WORDBREAKS=" ="; COMP_LINE="ganlab train init=or"; COMP_POINT=${{#COMP_LINE}}; _ganlab_complete; echo "${{COMPREPLY[*]}}"'
    ran = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True)
    assert ran.stdout == "orthogonal\n"


def test_it_needs_neither_pytorch_nor_hydra() -> None:
    code = "import sys; from ganlab.commands.completion import candidates; assert candidates('ganlab train loss=w'); sys.exit('torch' in sys.modules or 'hydra' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_another_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert completion.main(["tcsh"]) == 2
    assert capsys.readouterr().err == "tcsh: no such shell; there are bash, zsh, fish\n"
