"""A new run from a checkpoint of another one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml

from ganlab import tree_file
from ganlab.commands.launch import launch
from ganlab.commands.train import main
from ganlab.run_folder import RunFolder
from tests.conftest import TINY_OVERRIDES

TYPED = [
    *TINY_OVERRIDES,
    "steps=6",
    "logging.every=1",
    "checkpoint.every=2",
    "checkpoint.keep=9",
    "tricks=[ema]",
    "norm=layer",
]


@pytest.fixture(scope="module")
def parents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run ``parent`` of six steps."""
    folder = tmp_path_factory.mktemp("parents")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main([*TYPED, "hydra.run.dir=parent"]) == 0
    return folder


@pytest.fixture(autouse=True)
def folder(parents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(parents / "parent", tmp_path / "parent")
    monkeypatch.chdir(tmp_path)


def steps(run: Path) -> list[int]:
    return [json.loads(row)["step"] for row in (run / "metrics.jsonl").read_text().splitlines()]


def test_without_a_change_it_is_its_parent() -> None:
    before = Path("parent/metrics.jsonl").read_bytes()
    assert main(["branch=parent/checkpoints/step-0000002.safetensors", "hydra.run.dir=child"]) == 0
    for network in ("generator", "discriminator"):
        ends = [tree_file.read(Path(run, "checkpoints/final.safetensors"))[network] for run in ("parent", "child")]
        for part in ("network", "average"):
            for name, tensor in (ends[0].get(part) or {}).items():
                assert torch.equal(tensor, ends[1][part][name])
    assert steps(Path("child")) == [1, 2, 3, 4, 5, 6]
    assert Path("parent/metrics.jsonl").read_bytes() == before
    (start,) = RunFolder("child").provenance()
    assert start["branch"] == {"run": "parent", "checkpoint": "step-0000002.safetensors", "step": 2}


def test_what_a_resume_refuses_may_change(capsys: pytest.CaptureFixture[str]) -> None:
    changes = [
        "loss=hinge", "seed=3", "optimizer.discriminator.lr=5e-5", "batch_size=4", "regularizer=[r1]", "augment=[ada]",
        "data.limit=48", "schedule.n_critic=2",
    ]  # fmt: skip
    assert main(["branch=parent", "steps=8", *changes]) == 0
    (child,) = Path("outputs").glob("*/*")
    assert "branch-step-6" in child.name
    saved = yaml.safe_load((child / "config.yaml").read_text())
    assert (saved["loss"]["name"], saved["seed"], saved["batch_size"], saved["branch"]) == ("hinge", 3, 4, None)
    said = capsys.readouterr().out
    assert "A branch of parent, from its step 6 (final.safetensors)" in said
    assert "Changed in this branch:" in said
    assert "  loss.name " in said
    assert "note: these are not the images that parent was trained on (64 then, 48 now" in said
    assert main([f"resume={child}", "steps=9"]) == 0  # it is a run like any other
    assert steps(child) == [1, 2, 3, 4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (["branch=parent", "steps=9", "generator.width=8"], "the saved weights are of that network"),
        (["branch=parent", "steps=9", "optimizer.generator=sgd"], "the saved moments are those of the other optimizer"),
        (["branch=parent", "steps=9", "averaging=none"], "the saved average is of the other kind"),
        (["branch=parent"], "it was saved at the last step, 6; type steps=12"),
        (["branch=parent", "resume=parent"], "leave one of them out"),
        (["branch=nowhere"], "nowhere: there is no such folder"),
        (["branch=parent/config.yaml"], "is not a whole ganlab checkpoint"),
        (
            ["branch=parent", "steps=9", "data.size=20"],
            "it was trained on images of 1×16×16, and these are of 1×20×20; its networks keep their shape. Leave the size "
            "and the channels of data as they were, or begin a new run with the weights that fit: init=pretrained "
            "init.generator.path=parent/checkpoints/final.safetensors",
        ),
        (["branch=parent", "steps=9", "hydra.run.dir=parent"], "there is a run already"),
    ],
)
def test_what_does_not_fit_is_refused(typed: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(typed) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert "/tmp" not in said.replace(str(Path.cwd()), "")
    assert not Path("outputs").exists()


def weights(run: Path) -> dict[str, torch.Tensor]:
    return dict(tree_file.read(run / "checkpoints" / "final.safetensors")["discriminator"]["network"])


def test_a_sweep_begins_each_job_from_the_checkpoint() -> None:
    rates = ["1e-4", "3e-4"]
    assert (
        main(
            ["-m", "branch=parent", "steps=8", f"optimizer.discriminator.lr={','.join(rates)}", "hydra.sweep.dir=swept"]
        )
        == 0
    )
    jobs = sorted(path.parent for path in Path("swept").glob("*/config.yaml"))
    assert [float(path.name.rpartition("lr-")[2]) for path in jobs] == [float(rate) for rate in rates]
    assert main(["branch=parent", "steps=8", "optimizer.discriminator.lr=1e-4", "hydra.run.dir=alone"]) == 0
    alone = weights(Path("alone"))
    assert all(torch.equal(tensor, alone[name]) for name, tensor in weights(jobs[0]).items())
    assert any(not torch.equal(tensor, alone[name]) for name, tensor in weights(jobs[1]).items())
    for job in jobs:
        assert steps(job) == [1, 2, 3, 4, 5, 6, 7, 8]
        (start,) = RunFolder(job).provenance()
        assert start["branch"]["step"] == 6
    # Killed before its first checkpoint: what was copied is all that is there.
    (jobs[0] / "checkpoints" / "final.safetensors").unlink()
    (jobs[0] / "checkpoints" / "step-0000008.safetensors").unlink(missing_ok=True)
    shutil.copyfile("parent/config.yaml", jobs[0] / "config.yaml")
    RunFolder(jobs[0]).save_status("running", pid=1, host="nowhere")
    assert main(["resume=swept"]) == 0
    assert all(torch.equal(tensor, alone[name]) for name, tensor in weights(jobs[0]).items())
    assert steps(jobs[0]) == [1, 2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (["branch=nowhere", "seed=0,1"], "nowhere: there is no such folder"),
        (["branch=parent", "seed=0,1"], "it was saved at the last step, 6; type steps=12"),
        (["branch=parent", "steps=9", "generator.width=8,9"], "the saved weights are of that network"),
        (["branch=parent", "steps=9", "init=he,orthogonal"], "its weights were initialized when it began"),
        (["branch=latest,parent", "steps=9"], "name the run that latest means"),
    ],
)
def test_a_sweep_over_what_does_not_fit_is_refused(
    typed: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-m", *typed]) == 2
    assert sentence in capsys.readouterr().err
    assert not Path("outputs").exists()


def test_a_sweep_that_hydra_runs_does_not_begin_from_a_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(launch, "runs_here", lambda composing, read: False)  # as with another launcher
    assert main(["-m", "branch=parent", "steps=9", "seed=0,1"]) == 2
    assert "only sweeps without hydra/sweeper and hydra/launcher" in capsys.readouterr().err
