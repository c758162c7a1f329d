"""Each start of a run is on record: what was typed, by which versions it was trained, where and when."""

from __future__ import annotations

import platform
import subprocess
from datetime import datetime
from pathlib import Path

import pytest
import torch

import ganlab
from ganlab import tree_file
from ganlab.commands.launch import provenance
from ganlab.commands.terminal.program import command_text
from ganlab.commands.train import main
from ganlab.run_folder import RunFolder
from tests.conftest import TINY_OVERRIDES


def test_a_run_and_a_refused_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    typed = ["loss=wgan_gp", "tricks=[ema]", *TINY_OVERRIDES, "hydra.run.dir=a run"]
    assert main(typed, "ganlab train") == 0
    (start,) = RunFolder("a run").provenance()
    assert (
        start["command"] == f"ganlab train loss=wgan_gp 'tricks=[ema]' {' '.join(TINY_OVERRIDES)} 'hydra.run.dir=a run'"
    )
    assert start["overrides"] == typed
    assert start["options"] == {"loss": "wgan_gp", "tricks": ["ema"]}  # config.yaml has wasserstein, and no tricks
    versions = start["versions"]
    assert (versions["ganlab"], versions["python"], versions["torch"]) == (
        ganlab.__version__, platform.python_version(), torch.__version__,
    )  # fmt: skip
    assert (start["threads"], start["ranks"], start["from_step"]) == (torch.get_num_threads(), 1, 0)
    assert start["device"].startswith("cpu")
    assert start["machine"]["host"] == platform.node()
    began, ended = (datetime.fromisoformat(start[key]) for key in ("started", "ended"))
    assert began <= ended
    assert began.tzinfo is not None
    assert (start["status"], start["steps"]) == ("finished", 2)
    saved = tree_file.read(Path("a run/checkpoints/final.safetensors"))
    assert saved["versions"] == versions


def test_the_jobs_of_a_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has its own overrides; one that is refused is on record too."""
    monkeypatch.chdir(tmp_path)
    assert main(["-m", "norm=batch,layer", "loss=wgan_gp", *TINY_OVERRIDES, "hydra.sweep.dir=sweep"]) == 0
    refused, trained = (RunFolder(run).provenance()[0] for run in sorted(Path("sweep").glob("[0-9]-*")))
    assert (refused["status"], trained["status"]) == ("refused", "finished")
    assert "norm.discriminator.layer=batch cannot go with" in refused["reason"]
    assert refused["options"]["norm"] == "batch"
    assert {"norm=layer", "loss=wgan_gp", "steps=2"} <= set(trained["overrides"])
    assert trained["command"].startswith("python train.py -m norm=batch,layer")


def test_a_command_is_text_for_a_shell() -> None:
    assert command_text("train.py", ["a b", "c='d'"]) == """python train.py 'a b' 'c='"'"'d'"'"''"""


def test_the_commit_of_a_checkout(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        return subprocess.run(
            ["git", "-C", str(tmp_path), *who, *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    assert provenance._commit(tmp_path) is None
    git("init", "-q")
    assert provenance._commit(tmp_path) is None  # no commit yet
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "-qm", "one")
    assert provenance._commit(tmp_path) == git("rev-parse", "HEAD")
    (tmp_path / "other").write_text("not tracked")
    assert provenance._commit(tmp_path) == git("rev-parse", "HEAD")
    (tmp_path / "file").write_text("2")
    assert provenance._commit(tmp_path) == f"{git('rev-parse', 'HEAD')}, changed"
