"""`ganlab doctor` says what is there, and what is missing, where PyTorch cannot be imported too."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import ganlab
from ganlab.commands import doctor

CHECKOUT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_each_extra_is_explained() -> None:
    assert {*doctor.EXTRAS, "test", "docs"} == set(PROJECT["optional-dependencies"])


def test_requirements_are_those_of_the_project() -> None:
    plain = [f"{name}{wanted}" for name, wanted, _ in doctor.requirements()]
    assert plain[0] == PROJECT["dependencies"][0]
    assert len(plain) == len(PROJECT["dependencies"])
    assert ("onnx", ">=1.17", "onnx") in doctor.requirements(extras=True)


def test_requirements_of_the_installed_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where ganlab is no checkout, also inside the folder of another project."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "other"\ndependencies = ["nothing"]')
    monkeypatch.setattr(ganlab, "__file__", str(tmp_path / "ganlab" / "__init__.py"))
    asked = {"ganlab-train": ["torch>=2.6", "lmdb>=1.4; extra == 'lsun'", "pytest; extra == 'test'"]}
    monkeypatch.setattr(metadata, "requires", asked.__getitem__)
    assert doctor.requirements() == [("torch", ">=2.6", "")]
    assert doctor.requirements(extras=True) == [("lmdb", ">=1.4", "lsun")]


def test_a_package_that_is_not_installed_at_all(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(ganlab, "__file__", str(tmp_path / "ganlab" / "__init__.py"))
    monkeypatch.setattr(doctor, "DISTRIBUTION", "no-such-distribution")
    monkeypatch.setattr(doctor, "devices", lambda: iter(["cpu"]))
    assert doctor.main([]) == 1
    assert "problem: missing: PackageNotFoundError" in capsys.readouterr().out


def test_what_is_there(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GANLAB_CACHE", str(tmp_path))
    assert doctor.main([]) == 0
    said = capsys.readouterr().out
    assert f"ganlab        {ganlab.__version__}" in said
    assert f"torch         {metadata.version('torch')}" in said
    assert f"{tmp_path}: 0 sets of images" in said
    assert "runtime.device=auto is " in said
    assert said.endswith("nothing that ganlab needs is missing\n")


def test_a_missing_and_an_old_package(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"tqdm": None, "scipy": "1.2"}
    monkeypatch.setattr(doctor, "installed", lambda name: versions.get(name, "1000"))
    monkeypatch.setattr(doctor, "devices", lambda: iter(["cpu"]))
    assert doctor.main([]) == 1
    said = capsys.readouterr().out
    assert "problem: tqdm is not installed; type pip install 'tqdm>=4.66'\n" in said
    assert "problem: scipy is 1.2, and ganlab needs >=1.11; type pip install 'scipy>=1.11'\n" in said


def test_pytorch_that_cannot_be_imported(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise OSError('libcudart.so: cannot open shared object file')")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{CHECKOUT}", "GANLAB_CACHE": str(tmp_path)}
    command = [sys.executable, "-m", "ganlab", "doctor"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "problem: devices: OSError: libcudart.so: cannot open shared object file" in ran.stdout
    assert "cores, of which this process may use" in ran.stdout  # the other sections are there
    assert "Traceback" not in ran.stdout + ran.stderr


def test_a_setting_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main(["run=latest"]) == 2
    assert "ganlab doctor has no settings" in capsys.readouterr().err
