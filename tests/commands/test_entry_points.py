from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
import yaml

import ganlab
from ganlab import commands
from tests.conftest import TINY_OVERRIDES

CHECKOUT = Path(__file__).resolve().parents[2]


PLUGIN = """
from dataclasses import dataclass

from ganlab.initializers import INITIALIZERS
from ganlab.initializers.normal import NormalInitializer


@INITIALIZERS.register("mine")
@dataclass(frozen=True)
class Mine(NormalInitializer):
    pass
"""
RECIPE = """# @package _global_
# My recipe.
steps: 3
latent:
  dim: 5
"""


def built(folder: Path, epoch: int = 1_767_225_600) -> tuple[Path, Path]:
    """The wheel and the source distribution of the checkout, without a download."""
    pytest.importorskip("hatchling")
    build = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--sdist",
        "--no-isolation",
        "--outdir",
        str(folder),
        str(CHECKOUT),
    ]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
    subprocess.run(build, check=True, capture_output=True, env=environment)
    return next(folder.glob("*.whl")), next(folder.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return built(tmp_path_factory.mktemp("first"))


def test_archives_are_built_alike_and_whole(archives: tuple[Path, Path], tmp_path: Path) -> None:
    for first, second in zip(archives, built(tmp_path), strict=True):
        assert first.name == second.name
        assert first.read_bytes() == second.read_bytes()
    wheel, sdist = archives
    (facts,) = [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith("/METADATA")]
    said = message_from_bytes(zipfile.ZipFile(wheel).read(facts))
    assert (said["Name"], said["Version"], said["License-Expression"]) == ("ganlab-train", ganlab.__version__, "MIT")
    assert sdist.name == f"ganlab_train-{ganlab.__version__}.tar.gz"
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "LICENSE",
        "CHANGELOG.md",
        "train.py",
        "configs/train.yaml",
        "ganlab/py.typed",
        "docs/extending.md",
    } <= inside


def test_the_wheel_trains_outside_the_repository(archives: tuple[Path, Path], tmp_path: Path) -> None:
    """Unpacked alone into a folder, and run from another one, with a recipe and a plugin of a person's own."""
    wheel, _ = archives
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
        names = archive.namelist()
    assert "ganlab/configs/train.yaml" in names
    assert "ganlab/data/digits.py" in names
    assert "ganlab/configs/data/digits.yaml" in names
    assert {"ganlab/py.typed", "ganlab/commands/completions/ganlab.zsh"} <= set(names)
    assert {name.split("/")[0] for name in names} == {"ganlab", f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"}
    (tmp_path / "empty" / "configs" / "experiment").mkdir(parents=True)
    (tmp_path / "empty" / "configs" / "experiment" / "mine.yaml").write_text(RECIPE)
    (tmp_path / "empty" / "my_plugin.py").write_text(PLUGIN)
    code = "import sys, ganlab, ganlab.commands; assert sys.argv.pop(1) in ganlab.__file__; sys.argv[0] = 'ganlab'; ganlab.commands.main()"
    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            code,
            str(tmp_path / "site"),
            "train",
            "--config-dir",
            "configs",
            "plugins=[my_plugin]",
            "init=mine",
            "experiment=mine",
            "norm=spectral",
            *(one for one in TINY_OVERRIDES if not one.startswith(("steps", "latent"))),
            "hydra.run.dir=run",
        ],
        cwd=tmp_path / "empty",
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "Samples: run/" in ran.stdout
    saved = yaml.safe_load((tmp_path / "empty" / "run" / "config.yaml").read_text())
    assert (saved["steps"], saved["latent"]["dim"]) == (3, 5)
    assert [saved["init"][network]["name"] for network in ("generator", "discriminator")] == ["mine", "mine"]


def test_ganlab_without_a_command_lists_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["ganlab"])
    with pytest.raises(SystemExit) as ended:
        commands.main()
    assert ended.value.code == 0
    assert "ganlab train" in capsys.readouterr().out


@pytest.mark.parametrize("program", [["-m", "ganlab"], ["-c", "import ganlab.commands; ganlab.commands.main()"]])
def test_the_version(program: list[str]) -> None:
    ran = subprocess.run([sys.executable, *program, "--version"], capture_output=True, text=True, check=True)
    assert ran.stdout == f"ganlab {ganlab.__version__}\n"


def test_the_package_shows_its_public_names() -> None:
    names = dir(ganlab)
    assert {"load", "TrainedGenerator", "report", "__version__"} <= set(names)
    assert not {"Any", "TYPE_CHECKING", "annotations"} & set(names)
    assert all(hasattr(ganlab, name) for name in names)


def test_a_misspelt_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["ganlab", "trian"])
    with pytest.raises(SystemExit) as ended:
        commands.main()
    assert ended.value.code == 2
    assert "did you mean ganlab train?" in capsys.readouterr().err


def test_help_needs_no_pytorch() -> None:
    code = "import sys; sys.argv = ['ganlab', '--help']\ntry:\n    import ganlab.commands; ganlab.commands.main()\nexcept SystemExit: pass\nsys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("command", ["", "train", "data", "evaluate", "sample", "export", "doctor", "completion"])
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
