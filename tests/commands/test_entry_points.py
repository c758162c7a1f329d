from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ganlab import commands
from tests.conftest import TINY_OVERRIDES

CHECKOUT = Path(__file__).resolve().parents[2]


def test_the_wheel_trains_outside_the_repository(tmp_path: Path) -> None:
    """Built, unpacked alone into a folder, and run from an empty one: the configs travel inside."""
    pytest.importorskip("hatchling")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(CHECKOUT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
        names = archive.namelist()
    assert "ganlab/configs/train.yaml" in names
    assert "ganlab/data/digits.py" in names
    assert "ganlab/configs/data/digits.yaml" in names
    assert {name.split("/")[0] for name in names} == {"ganlab", f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"}
    (tmp_path / "empty").mkdir()
    code = "import sys, ganlab, ganlab.commands; assert sys.argv.pop(1) in ganlab.__file__; sys.argv[0] = 'ganlab'; ganlab.commands.main()"
    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            code,
            str(tmp_path / "site"),
            "train",
            "init=orthogonal",
            "norm=spectral",
            *TINY_OVERRIDES,
        ],
        cwd=tmp_path / "empty",
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "Samples: outputs/" in ran.stdout


def test_ganlab_without_a_command_lists_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["ganlab"])
    with pytest.raises(SystemExit) as ended:
        commands.main()
    assert ended.value.code == 0
    assert "ganlab train" in capsys.readouterr().out


def test_a_misspelt_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["ganlab", "trian"])
    with pytest.raises(SystemExit) as ended:
        commands.main()
    assert ended.value.code == 2
    assert "did you mean ganlab train?" in capsys.readouterr().err


def test_help_needs_no_pytorch() -> None:
    code = "import sys; sys.argv = ['ganlab', '--help']\ntry:\n    import ganlab.commands; ganlab.commands.main()\nexcept SystemExit: pass\nsys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("command", ["", "train", "data", "evaluate", "sample", "export"])
def test_what_is_said_reaches_whoever_takes_only_ascii(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the locale C, or where what is printed goes into another program."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="ascii") for _ in range(2))
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setattr(sys, "argv", ["ganlab", *filter(None, [command]), "\u03c0\udcff"])
    with pytest.raises(SystemExit) as ended:
        commands.main()
    assert ended.value.code == 2
    print("1×16×16 \udcff…")
    out.flush(), err.flush()
    said = (out.buffer.getvalue() + err.buffer.getvalue()).decode("ascii")  # type: ignore[attr-defined]
    assert r"\u03c0" in said
    assert r"1\xd716\xd716 \udcff\u2026" in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_a_run_where_the_system_knows_ascii_alone(tmp_path: Path) -> None:
    """Files are UTF-8 wherever they are written, and nothing of a log is lost."""
    alone = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": str(CHECKOUT)}
    for arguments in (
        ["train.py", *TINY_OVERRIDES, "data.size=16", "hydra.run.dir=run"],
        ["scripts/sample.py", "run=run", "n=4"],
        ["scripts/export.py", "run=run"],
    ):
        program, *typed = arguments
        ran = subprocess.run(
            [sys.executable, str(CHECKOUT / program), *typed],
            cwd=tmp_path, env={**os.environ, **alone}, capture_output=True, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        assert b"Error" not in ran.stderr
    assert "1×16×16" in (tmp_path / "run" / "train.log").read_text(encoding="utf-8")
    (card,) = (tmp_path / "run" / "export" / "safetensors").glob("*.md")
    assert "×" in card.read_text(encoding="utf-8")
