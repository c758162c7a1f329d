"""The command as a person types it, in an empty folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image

from ganlab import tree_file
from ganlab.commands.train import main
from ganlab.config import configure
from ganlab.config.compose import composer, config_folder
from ganlab.config.plain import lookup
from ganlab.data.typefaces.font_files import bundled
from ganlab.evaluation import feature_maps
from ganlab.evaluation.features.classifier import Classifier
from ganlab.run_folder import RunFolder
from ganlab.training import checkpoint
from tests.conftest import TINY_OVERRIDES

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(*overrides: str) -> int:
    return main([*TINY_OVERRIDES, *overrides])


def runs() -> list[Path]:
    return sorted(path.parent for path in Path("outputs").rglob("status.json"))


def config(run: Path) -> dict:
    return yaml.safe_load((run / "config.yaml").read_text())


def test_a_run_folder_has_all_that_later_commands_need() -> None:
    assert main(["init=orthogonal", "norm=spectral", "tricks=[ema]", *TINY_OVERRIDES]) == 0
    (run,) = runs()
    assert re.fullmatch(r"outputs/\d{4}-\d\d-\d\d/\d\d-\d\d-\d\d-[A-Za-z0-9.+_-]+", str(run))
    assert "-init-orthogonal+norm-spectral+tricks-ema+batch_size-8" in run.name
    assert len(run.name) <= 100
    names = {path.name.split(".tfevents")[0] for path in run.iterdir()}
    assert names == {
        "config.yaml",
        "metrics.jsonl",
        "samples",
        "checkpoints",
        "train.log",
        "status.json",
        "provenance.yaml",
        "events.out",
        ".lock",
    }
    assert {path.name for path in (run / "samples").iterdir()} == {
        "filmstrip-average.png", "filmstrip-generator.png", "real.png", "step-0000000-average.png",
        "step-0000000-generator-contrast.png", "step-0000000-generator.png", "step-0000002-average.png",
        "step-0000002-generator.png",
    }  # fmt: skip
    saved = config(run)
    assert saved["init"]["generator"]["name"] == saved["init"]["discriminator"]["name"] == "orthogonal"
    assert saved["norm"]["discriminator"] == {
        "layer": {"name": "none"},
        "weight": {"name": "spectral", "iterations": 1, "floor": 1e-6},
    }
    assert saved["optimizer"]["generator"]["lr"] == 2e-4  # auto, resolved
    assert "Samples: outputs/" in (run / "train.log").read_text()
    assert json.loads((run / "status.json").read_text())["status"] == "finished"


def test_wgan_gp_needs_nothing_else_typed() -> None:
    assert train("loss=wgan_gp") == 0
    saved = config(runs()[0])
    assert saved["loss"] == {"name": "wasserstein", "weight": 1.0}
    assert list(saved["regularizer"]) == ["gradient_penalty"]
    assert saved["regularizer"]["gradient_penalty"]["weight"] == 10.0
    assert saved["norm"]["discriminator"]["layer"]["name"] == "layer"
    assert saved["norm"]["generator"]["layer"]["name"] == "batch"
    assert saved["schedule"]["n_critic"] == 5
    assert saved["optimizer"]["discriminator"]["betas"] == [0.0, 0.9]
    assert json.loads((runs()[0] / "status.json").read_text())["images"] == 2 * 5 * 8


def test_tricks_and_values() -> None:
    assert train("tricks=[ema,ttur,label_smoothing,instance_noise]", "schedule.n_critic=2", "averaging.decay=0.5") == 0
    saved = config(runs()[0])
    assert (saved["optimizer"]["generator"]["lr"], saved["optimizer"]["discriminator"]["lr"]) == (1e-4, 4e-4)
    assert saved["targets"] == {"real": 0.9, "fake": 0.0, "noise": 0.0, "flip": 0.0}
    assert saved["averaging"]["decay"] == 0.5
    assert saved["schedule"]["n_critic"] == 2
    assert list(saved["augment"]) == ["instance_noise"]


def test_one_network_only_and_the_settings_of_what_replaces_it() -> None:
    assert (
        train("init=orthogonal", "init.generator=he", "init.generator.fan=out", "norm.discriminator.weight=spectral")
        == 0
    )
    saved = config(runs()[0])
    assert saved["init"] == {
        "generator": {"name": "he", "fan": "out"},
        "discriminator": {"name": "orthogonal", "gain": "auto"},
    }
    assert saved["norm"]["discriminator"]["layer"]["name"] == "batch"
    assert saved["norm"]["discriminator"]["weight"]["name"] == "spectral"


def test_a_component_as_a_dict_forgets_the_old_ones_settings() -> None:
    assert train("init.generator={name: he, fan: out}") == 0
    assert config(runs()[0])["init"]["generator"] == {"name": "he", "fan": "out"}


def test_the_command_line_wins_over_a_recipe_in_groups_and_values() -> None:
    (Path("own") / "experiment").mkdir(parents=True)
    Path("own/experiment/mine.yaml").write_text(
        "# @package _global_\ndefaults:\n  - _self_\n  - /tricks: [ema]\n  - override /loss: wgan_gp\n"
        "steps: 1\nseed: 5\ngenerator: {width: 6}\n"
    )
    overrides = [*TINY_OVERRIDES, "seed=7"]
    overrides.remove("generator.width=4")
    assert main(["--config-dir", "own", "experiment=mine", *overrides]) == 0
    saved = config(runs()[-1])
    assert (saved["steps"], saved["seed"], saved["generator"]["width"]) == (2, 7, 6)
    assert saved["averaging"]["name"] == "ema"
    # an architecture typed over a recipe's does not inherit settings that it has not
    assert main(["--config-dir", "own", "experiment=mine", "generator=mlp", "tricks=[]", "loss=bce", *overrides]) == 0
    saved = config(runs()[-1])
    assert (saved["generator"]["name"], saved["loss"]["name"], saved["averaging"]["name"]) == ("mlp", "bce", "none")
    assert main(["--config-dir", "own", "experiment=mine", "+tricks=[label_smoothing]", "loss=bce", *overrides]) == 0
    saved = config(runs()[-1])
    assert (saved["averaging"]["name"], saved["targets"]["real"]) == ("ema", 0.9)


@pytest.mark.parametrize(
    ("overrides", "sentences"),
    [
        (["norm=spectrl"], ["norm=spectrl: no such option; did you mean norm=spectral?"]),
        (["tricks=emma"], ["tricks=emma: no such option; did you mean tricks=ema?"]),
        (["tricks=[ema,emma]"], ["tricks=[emma]: no such option; did you mean tricks=[ema]?"]),
        (["tricks=[linear_decay,cosine_decay]"], ["both set optimizer.generator.decay.name; leave one of them out"]),
        (["tricks=[ema,uniform_average]"], ["tricks=[ema,uniform_average] both set averaging; leave"]),
        (["init=kaiming_normal"], ["did you mean init=he?"]),
        (["init=kaimin"], ["did you mean init=he?"]),
        (["init=glorot_uniform", "norm=sn"], ["did you mean init=xavier?", "did you mean norm=spectral?"]),
        (["loss=rpgan", "condition=acgan"], ["loss=relativistic?", "condition=auxiliary?"]),
        (["regularizer=[gp,gradient_clipping]"], ["regularizer=[gradient_penalty]?", "tricks=[gradient_clipping]?"]),
        (["tricks=[spectral_norm]"], ["did you mean norm=spectral?"]),
        (["experiment=acgan"], ["did you mean experiment=acgan_cifar10?"]),
        (["discriminator=resnet18"], ["did you mean discriminator=torchvision?"]),
        (["init.generator=kaiming"], ["did you mean init.generator=he?"]),
        (["nrom=batch"], ["nrom: no such setting; did you mean norm?"]),
        (["steps=abc"], ["steps: found 'abc', need a whole number"]),
        (["n_critic=5"], ["n_critic: no such setting; did you mean schedule.n_critic?"]),
        (["optimizer.generatr.lr=1"], ["optimizer.generatr: no such setting; did you mean optimizer.generator?"]),
        (["optimizer.generator.l=1"], ["optimizer.generator.l: adam has no such setting; did you mean optimizer.generator.lr?"]),
        (["init.generator=hee"], ["init.generator=hee: no such option; did you mean init.generator=he?"]),
        (["init.generator=he", "init.generator.fann=in"], ["init.generator.fann: he has no such setting; did you mean init.generator.fan?"]),
        (["norm.discriminator.layer.momentum=1"], ["norm.discriminator.layer: found settings (momentum) and no name"]),
        (["norm=batch", "norm.discriminator.layer.momentumm=1"], ["did you mean norm.discriminator.layer.momentum?"]),
        (["regularizer=[gradient_penalt]"], ["regularizer=[gradient_penalt]: no such option; did you mean regularizer=[gradient_penalty]?"]),
        (["loss=wgan_gp", "regularizer.gradient_penalty.lamda=1"], ["did you mean regularizer.gradient_penalty.weight?"]),
        (["experiment=dcgan_mnst"], ["did you mean experiment=dcgan_mnist?"]),
        (["hydra.runn.dir=x"], ["hydra.runn.dir: no such setting; did you mean hydra.run.dir?"]),
        (["ema=true"], ["did you mean tricks=[ema]?"]),
        (["steps"], ["steps: need KEY=VALUE; did you mean steps=…?"]),
        (["loss=["], ["loss=[: cannot be read as KEY=VALUE"]),
        (["norm=batch,spectral"], ["needs -m"]),
        (["plugins=[not_there]"], ["plugins=[not_there]: it is neither in the current folder nor installed"]),
        (["resume=nowhere"], ["nowhere: there is no such folder"]),
        (["resume=latest"], ["latest: no run under outputs/"]),
        (["data.limit=5000"], ["data.limit=5000: there are 1,797 images"]),
        (["batch_size=100"], ["batch_size=100: there are only 64 images"]),
        (["data=image_folder", "data.root=nowhere"], ["data.root=nowhere: there is no such folder"]),
        (["seed=${nothing}"], ["seed: ${nothing} names no setting"]),
        (
            ["norm=spectrl", "tricks=emma", "seed=abc", "generator.widht=3"],
            ["norm=spectral?", "tricks=ema?", "seed: found 'abc', need a whole number", "did you mean generator.width?"],
        ),
        (
            ["stesp=3", "optimizer.generator.lrr=1", "norm.discriminator.layer=bach", "runtime.precision=bf17"],
            ["did you mean steps?", "optimizer.generator.lr?", "layer=batch?", "runtime.precision=bf16?"],
        ),
        (
            ["loss=wgan_gp", "norm=batch", "targets.real=0.9"],
            ["norm.discriminator.layer=batch cannot go with regularizer=gradient_penalty", "targets.real=0.9"],
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_a_sentence_before_any_folder(
    overrides: list[str], sentences: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(*overrides) == 2
    said = capsys.readouterr().err
    for sentence in sentences:
        assert sentence in said
    assert "Traceback" not in said
    if said.startswith("This configuration cannot run:"):
        assert len(said.splitlines()) == 1 + len(sentences), said
    assert not Path("outputs").exists()


RECIPE_MISTAKES = {
    "a key": ("stesp: 4\n", ["stesp: no such setting; did you mean steps?"]),
    "a deep key": (
        "generator: {widht: 3}\n",
        ["generator.widht: dcgan has no such setting; did you mean generator.width?"],
    ),
    "a value": (
        "optimizer: {generator: {lr: fast}}\n",
        ["optimizer.generator.lr: found 'fast', need auto or a number above 0, or a schedule {start: …, end: …}"],
    ),
    "a group": (
        "defaults: [override /nrom: batch]\n",
        ["experiment/mine.yaml overrides nrom: no such group; did you mean norm?"],
    ),
    "an option": ("defaults: [override /norm: bach]\n", ["names norm=bach: no such option; did you mean norm=batch?"]),
    "a trick": ("defaults: [/tricks: [emma]]\n", ["names tricks=emma: no such option; did you mean tricks=ema?"]),
    "yaml": ("steps: [3\n", ["mine.yaml, line 3: not YAML"]),
    "a tag": ("steps: !!bool x\n", ["mine.yaml: it cannot be read as settings (KeyError: 'x')"]),
    "several": ("stesp: 4\ngenerator: {widht: 3}\n", ["did you mean steps?", "did you mean generator.width?"]),
}


@pytest.mark.parametrize(("body", "sentences"), RECIPE_MISTAKES.values(), ids=RECIPE_MISTAKES)
def test_a_mistake_in_a_recipe(body: str, sentences: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    (Path("own") / "experiment").mkdir(parents=True)
    Path("own/experiment/mine.yaml").write_text(f"# @package _global_\n{body}")
    assert main(["--config-dir", "own", "experiment=mine", "seed=x"]) == 2
    said = capsys.readouterr().err
    for sentence in [
        *sentences,
        *([] if body.startswith(("steps: [", "steps: !!")) else ["seed: found 'x', need a whole number"]),
    ]:
        assert sentence in said
    assert not Path("outputs").exists()


def test_a_sweep_refuses_one_job_and_finishes_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-m", "norm=batch,layer", "loss=wgan_gp,bce", *TINY_OVERRIDES]) == 0
    said = capsys.readouterr()
    assert "3 finished, 1 refused" in said.out
    assert "will be refused: norm.discriminator.layer=batch cannot go with regularizer=gradient_penalty" in said.err
    ended = {run.name: json.loads((run / "status.json").read_text()) for run in runs()}
    assert {name: status["status"] for name, status in ended.items()} == {
        "0-loss-wgan_gp+norm-batch": "refused", "1-loss-bce+norm-batch": "finished",
        "2-loss-wgan_gp+norm-layer": "finished", "3-loss-bce+norm-layer": "finished",
    }  # fmt: skip
    assert "gradient_penalty" in ended["0-loss-wgan_gp+norm-batch"]["reason"]
    for run in runs():
        assert "gradient_penalty" in (run / "train.log").read_text() or "finished" in ended[run.name]["status"]
        assert (run / "config.yaml").exists()


def test_a_sweep_with_a_misspelling_does_not_begin(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-m", "norm=batch,spectrl", "seed=0,x", *TINY_OVERRIDES]) == 2
    said = capsys.readouterr().err
    assert "norm=spectral?" in said
    assert "seed: found 'x'" in said
    assert main(["-m", "norm=batch", "loss=wgan_gp", "seed=0,1", *TINY_OVERRIDES]) == 2  # no job is left
    assert not Path("outputs").exists()


def test_a_failing_job_does_not_end_a_sweep(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ganlab.commands.launch import training_run

    def fail(settings, *args, **kwargs):  # type: ignore[no-untyped-def]
        if settings.seed == 0:
            raise RuntimeError("a bug of ours")
        return build(settings, *args, **kwargs)

    build = training_run.build_trainer
    monkeypatch.setattr(training_run, "build_trainer", fail)
    assert main(["-m", "seed=0,1", *TINY_OVERRIDES]) == 1
    assert [json.loads((run / "status.json").read_text())["status"] for run in runs()] == ["failed", "finished"]
    assert "a bug of ours" in capsys.readouterr().out


def test_resume_goes_on_in_the_same_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert train("steps=4", "logging.every=1") == 0
    (whole,) = runs()
    assert train("steps=2", "logging.every=1", "seed=0") == 0
    (run,) = [one for one in runs() if one != whole]
    assert main([f"resume={run}"]) == 2
    assert "has done 2 steps; type steps=4" in capsys.readouterr().err
    assert main([f"resume={run}", "steps=4"]) == 0
    assert re.search(r"\n  steps +2 +4\n", capsys.readouterr().out)
    assert len(runs()) == 2
    rows = [json.loads(row) for row in (run / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert config(run)["steps"] == 4
    ends = [tree_file.read(one / "checkpoints" / "final.safetensors") for one in (whole, run)]
    for name, tensor in ends[0]["generator"]["network"].items():
        assert torch.equal(tensor, ends[1]["generator"]["network"][name])


def test_resume_latest_and_what_it_may_change(capsys: pytest.CaptureFixture[str]) -> None:
    assert train() == 0
    lower = ["optimizer.generator.lr=1e-5", "resume_override=true"]
    assert main(["resume=latest", "steps=3", *lower, "logging.every=1"]) == 0
    assert config(runs()[0])["optimizer"]["generator"]["lr"] == 1e-5
    for override in ("loss=wgan_gp", "generator.width=8", "seed=1", "hydra.run.dir=elsewhere"):
        assert main(["resume=latest", "steps=9", override]) == 2
        assert override in capsys.readouterr().err
    assert main(["-m", "resume=latest", "seed=1,2"]) == 2


@pytest.mark.parametrize("words", [["-m", "seed=3,4", "jobs=2"], ["study=init_by_norm", "init=he,normal", "seed=3,4"]])
def test_the_configuration_of_the_first_job_of_a_sweep(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, *TINY_OVERRIDES, "--cfg", "job"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("# job 0 of ")
    shown = yaml.safe_load(said)
    assert shown["seed"] == 3
    assert shown["steps"] == 2
    assert not Path("outputs").exists()


def test_resume_latest_does_not_take_one_run_of_a_sweep(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-m", "seed=0,1", *TINY_OVERRIDES, "hydra.sweep.dir=outputs/sweep"]) == 0
    capsys.readouterr()
    assert main(["resume=latest", "steps=4"]) == 2
    said = capsys.readouterr().err
    assert "the newest checkpoint is of a run of a sweep; type resume=outputs/sweep for what the sweep lacks" in said
    assert "or resume=outputs/sweep/1-seed-1 for that run alone" in said


def test_a_run_on_own_images_goes_on_where_the_folder_moved_to() -> None:
    """What is typed goes onto the saved settings, not onto those of the default data."""
    for folder in ("before", "after"):
        Path(folder).mkdir()
        for i in range(8):
            Image.new("RGB", (20, 20), (i * 30, 0, 0)).save(Path(folder) / f"{i}.png")
    without_data = [override for override in TINY_OVERRIDES if not override.startswith("data.")]
    assert main(["data=image_folder", "data.root=before", "data.size=16", *without_data]) == 0
    shutil.rmtree("before")
    assert main(["resume=latest", "steps=3"]) == 2
    assert main(["resume=latest", "steps=3", "data.root=after"]) == 0
    assert config(runs()[0])["data"]["root"] == "after"


def test_resume_steps_over_a_damaged_checkpoint(capsys: pytest.CaptureFixture[str]) -> None:
    assert train("checkpoint.every=1", "steps=3") == 0
    (run,) = runs()
    (run / "checkpoints" / "final.safetensors").write_bytes(b"cut off")
    assert main([f"resume={run}", "steps=4"]) == 0
    assert "going on from step-0000002.safetensors" in capsys.readouterr().out
    assert json.loads((run / "status.json").read_text())["steps"] == 4


def test_samples_of_the_old_future_are_taken_away() -> None:
    assert train("checkpoint.every=2", "steps=3", "logging.samples_every=1") == 0
    (run,) = runs()
    (run / "checkpoints" / "final.safetensors").unlink()
    assert (run / "samples" / "step-0000003-generator.png").exists()
    before = (run / "samples" / "step-0000003-generator.png").read_bytes()
    assert main([f"resume={run}", "steps=4", "logging.samples_every=9"]) == 0
    assert not (run / "samples" / "step-0000003-generator.png").exists()
    assert (run / "samples" / "step-0000004-generator.png").read_bytes() != before


def test_a_run_that_is_being_trained_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert train() == 0
    (run,) = runs()
    holding = "import sys, time; from ganlab.run_folder import RunFolder\nwith RunFolder(sys.argv[1]).held(): print(flush=True); time.sleep(60)"
    other = subprocess.Popen([sys.executable, "-c", holding, str(run)], stdout=subprocess.PIPE)
    assert other.stdout is not None
    other.stdout.readline()
    RunFolder(run).save_status("running", pid=other.pid, host="here")
    assert main([f"resume={run}", "steps=4"]) == 2
    assert f"is being trained by process {other.pid} on here; stop that one first" in capsys.readouterr().err
    with pytest.MonkeyPatch.context() as unseen:  # it began between the look at the folder and the job
        unseen.setattr(RunFolder, "need_free", lambda self: None)
        assert main([f"resume={run}", "steps=4"]) == 2
    assert RunFolder(run).status()["status"] == "running"  # which is the other's
    other.kill()
    other.wait()
    assert main([f"resume={run}", "steps=4"]) == 0  # its folder says running, and nobody is there


@pytest.mark.parametrize(
    ("overrides", "key", "value"),
    [
        (["init.generator.fan=out", "init.generator=he"], "init.generator", {"name": "he", "fan": "out"}),
        (["loss=wgan_gp", "regularizer=[]", "norm=layer"], "regularizer", {}),
        (["loss=wgan_gp", "regularizer.gradient_penalty=null"], "regularizer", {}),
        (["~regularizer.gradient_penalty", "loss=wgan_gp"], "regularizer", {}),
        (["tricks=[instance_noise]", "augment=[]"], "augment", {}),
        (["tricks=null", "experiment=null"], "averaging", {"name": "none"}),
        (["experiment=dcgan_digits", "tricks=ttur"], "averaging", {"name": "none"}),
        (["experiment=dcgan_digits", "+tricks=ttur", "data.limit=null"], "data.limit", None),
        (["loss={name: bce}"], "loss", {"name": "bce", "weight": 1.0}),
        (["latent={dim: 3}"], "latent", {"name": "normal", "dim": 3, "truncation": None}),
        (["tricks=[linear_decay]", "optimizer.generator=sgd"], "optimizer.generator.decay.name", "linear"),
        (["tricks=[linear_decay]", "optimizer.generator=sgd"], "optimizer.generator.name", "sgd"),
        (["tricks=[ttur]", "optimizer.generator=sgd", "optimizer.generator.lr=0.5"], "optimizer.generator.lr", 0.5),
        (["tricks=[ttur]", "optimizer.generator=sgd"], "optimizer.generator.lr", 1e-4),
        (["tricks=[ttur]", "optimizer.generator={name: sgd, lr: 0.5}"], "optimizer.generator.lr", 0.5),
        (["tricks=[dropout]", "discriminator=resnet"], "discriminator.dropout", 0.3),
        # A recipe's values go with what they were made for.
        (["experiment=ring", "loss=bce"], "regularizer", {}),
        (["experiment=ring", "loss=bce", "regularizer.r1.weight=2"], "regularizer.r1.weight", 2),
        (["experiment=ring"], "regularizer.gradient_penalty.weight", 0.1),
        (["experiment=rpgan_r1_r2_cifar10", "data=digits", "regularizer=[r2]"], "regularizer.r2.weight.end", 0.005),
        (["experiment=dcgan_digits", "augment=[diff_augment]"], "augment.instance_noise", None),
        (["experiment=wgan64", "data=digits", "loss=hinge"], "constraint", {"name": "none"}),
        (["experiment=rpgan_r1_r2_cifar10", "data=digits", "tricks=[]"], "averaging", {"name": "none"}),
        (["experiment=rpgan_r1_r2_cifar10", "data=digits", "regularizer=[drift]"], "regularizer.r1", None),
        # Its tricks stay unless others are typed.
        (["experiment=sngan_cifar10", "data=digits", "optimizer=adamw"], "optimizer.generator.decay.name", "linear"),
        (
            ["experiment=sngan_cifar10", "data=digits", "optimizer.generator=sgd"],
            "optimizer.generator.decay.name",
            "linear",
        ),
        (["experiment=sngan_cifar10", "data=digits", "tricks=[]"], "optimizer.generator.decay.name", "none"),
        (["experiment=wgan_gp_cifar10", "data=digits", "norm=auto"], "norm.discriminator.layer.name", "layer"),
    ],
)
def test_what_is_typed_is_what_a_run_would_do(
    overrides: list[str], key: str, value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--cfg", "job", *overrides]) == 0
    node = yaml.safe_load(capsys.readouterr().out)
    assert lookup(node, key) == value


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("defaults: [_self_, override /init: normal]\ninit: {generator: {name: he, fan: out}}", "init.generator", {"name": "he", "fan": "out"}),
        ("optimizer: {discriminator: {name: rmsprop, alpha: 0.9}}", "optimizer.discriminator.alpha", 0.9),
        ("defaults: [_self_, override /norm: batch]\nnorm: {generator: {layer: {name: pixel}}}", "norm.generator.layer.name", "pixel"),
        ("discriminator: {activation: {name: relu}}", "discriminator.activation", {"name": "relu"}),
    ],
    ids=["init", "optimizer", "norm", "activation"],
)  # fmt: skip
def test_a_recipe_of_ones_own_names_another_component(
    text: str, key: str, value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("own/experiment").mkdir(parents=True)
    Path("own/experiment/mine.yaml").write_text(f"# @package _global_\n{text}\n")
    assert main(["--config-dir", "own", "--cfg", "job", "experiment=mine"]) == 0
    assert lookup(yaml.safe_load(capsys.readouterr().out), key) == value
    # what the recipe itself gets wrong is told
    Path("own/experiment/mine.yaml").write_text("# @package _global_\ninit: {generator: {name: he, std: 1}}\n")
    assert main(["--config-dir", "own", "--cfg", "job", "experiment=mine"]) == 2
    assert "init.generator.std: he has no such setting" in capsys.readouterr().err


def test_what_a_run_would_do_is_a_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    """``--cfg job`` printed into a recipe file gives the same again."""
    typed = ["condition=projection", "loss=wgan_gp", "tricks=[ema,cosine_decay]", "optimizer.discriminator=sgd"]
    assert main(["--cfg", "job", *typed]) == 0
    printed = capsys.readouterr().out
    Path("own/experiment").mkdir(parents=True)
    Path("own/experiment/again.yaml").write_text(f"# @package _global_\n{printed}")
    assert main(["--config-dir", "own", "--cfg", "job", "experiment=again"]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == yaml.safe_load(printed)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["norm=null"], "norm=null: no such option; did you mean norm=none?"),
        (["norm=[batch,layer]"], "norm takes one option"),
        (["tricks={ema: 1}"], "need a list of names; type tricks=[ema]"),
        (
            ["generator=mlp", "generator.width=4"],
            "generator.width: mlp has no such setting, dcgan or resnet or unet or wnet has; type generator=dcgan too",
        ),
        (["hydra/launcher=slurm"], "hydra/launcher=slurm: not installed"),
        (["--steps", "5"], "--steps: there is no such flag; type steps=5"),
        (["norm=batch", "--seed=3", "-m"], "--seed=3: there is no such flag; type seed=3"),
        (["hydra.run.dir="], "need a folder"),
        (["latent.dim=1000000000000"], "more memory than this machine has"),
        ([f"seed={'9' * 5000}"], "cannot be read as KEY=VALUE"),
        ([f"resume={'a' * 5000}"], "there is no such folder; name a run folder"),
        (["--config-name", "x"], "--config-name"),
        (["--experimental-rerun", "x"], "it would unpickle a file"),
        (["--resolve"], "it goes with --cfg only"),
        (["-m", "--run"], "it cannot go with --multirun"),
        (["-m", "seed=range(0,0)"], "this sweep has no jobs"),
        (["-m", "seed=interval(0,1)"], "an interval needs a sweeper that chooses"),
        (["-m", "resume=a,b"], "resume=… goes on with one run"),
        (["-m", "branch=latest,b"], "name the run that latest means"),
        (["-m", "batch_size=2000,3000"], "batch_size=3000: there are only 1,797 images"),
    ],
)
def test_odd_arguments(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert "Traceback" not in said
    assert not Path("outputs").exists()


ODD = os.fsdecode(b"\xff")  # a byte that is no letter in UTF-8


@pytest.mark.parametrize(
    "arguments",
    [
        [f"loss={ODD}"],
        [f'loss="{ODD}"'],
        [f"l{ODD}ss=bce"],
        [ODD],
        [f"tricks=[ema,{ODD}]"],
        [f'tricks=["{ODD}"]'],
        [f"resume={ODD}"],
        [f'hydra.run.dir="x{ODD}"'],
        [f'hydra.job.name="{ODD}"'],
        ["data=image_folder", f'data.root="there{ODD}"'],
        ["--config-dir", f"there{ODD}"],
        ["-m", "seed=0,1", f'hydra.sweep.dir="x{ODD}"'],
        ["-m", f'loss=bce,"{ODD}"'],
        [f"--{ODD}"],
        ["seed=\ud800"],
    ],
)
def test_what_is_no_text(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    Path(f"there{ODD}").mkdir()
    assert train(*arguments) == 2
    said = capfd.readouterr().err
    byte = r"\ud800" if "seed=\ud800" in arguments else r"\xff"
    assert f"found {byte}, which is no letter in utf-8, and settings are kept as text; type letters" in said
    assert said.count("\n") == 2
    assert "Traceback" not in said
    assert [path.name for path in Path().iterdir()] == [f"there{ODD}"]


def test_a_sweep_does_not_write_over_another(capsys: pytest.CaptureFixture[str]) -> None:
    sweep = ["-m", "hydra.sweep.dir=here", "seed=0,1", *TINY_OVERRIDES]
    assert main(sweep) == 0
    assert main(sweep) == 2
    assert "there is a run already" in capsys.readouterr().err


def test_flags_may_stand_anywhere() -> None:
    assert main(["norm=batch", "-m", "seed=0,1", *TINY_OVERRIDES]) == 0
    assert len(runs()) == 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("widht: 4", "saved config.yaml: generator.widht: dcgan has no such setting; did you mean generator.width?"),
        ("width: wide", "saved config.yaml: generator.width: found 'wide', need a whole number"),
        ("width: ${oc.env:HOME}", "saved config.yaml: generator.width: found '${oc.env:HOME}'"),
        ("width: [", "not YAML"),
        ("width: 8", "its checkpoint does not fit its config.yaml"),
    ],
)
def test_a_mistake_in_a_saved_config(change: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert train() == 0
    (run,) = runs()
    file = run / "config.yaml"
    file.write_text(file.read_text().replace("width: 4", change, 1))
    code = main([f"resume={run}", "steps=3"])
    said = capsys.readouterr()
    assert code == 2
    assert sentence in said.err + said.out
    assert "Traceback" not in said.err + said.out


def test_a_saved_config_cannot_import(capsys: pytest.CaptureFixture[str]) -> None:
    Path("trap.py").write_text("open('ran', 'w')")
    assert train() == 0
    (run,) = runs()
    file = run / "config.yaml"
    file.write_text(file.read_text().replace("plugins: []", "plugins: [trap]"))
    assert main([f"resume={run}", "steps=3"]) == 0
    assert not Path("ran").exists()


def test_a_plugin_brings_a_loss() -> None:
    Path("my_losses.py").write_text(
        "from dataclasses import dataclass\nfrom typing import ClassVar\n"
        "from ganlab.losses import LOSSES\nfrom ganlab.losses.bce import BCE\n"
        "@LOSSES.register('mine')\n@dataclass(frozen=True)\nclass Mine(BCE):\n    scale: float = 2.0\n"
        "    def generator(self, fake, real=None):\n        return self.scale * super().generator(fake)\n"
    )
    try:
        assert train("plugins=[my_losses]", "loss.name=mine", "loss.scale=3") == 0
        assert config(runs()[0])["loss"] == {"name": "mine", "scale": 3.0, "weight": 1.0}
    finally:
        from ganlab.losses import LOSSES

        LOSSES._components.pop("mine", None)
        sys.modules.pop("my_losses", None)


def test_two_runs_in_one_second_get_two_folders() -> None:
    from ganlab import run_folder

    folders = [run_folder.make(["seed=1"]) for _ in range(3)]
    assert len(set(folders)) == 3
    long = run_folder.make([f"some.quite.long.key{i}=value" for i in range(20)])
    assert len(long.name) <= 100
    assert long.name.endswith("-more")
    assert re.fullmatch(r"[A-Za-z0-9.+_-]+", long.name)


def test_a_chosen_folder_is_used_and_never_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    assert train("hydra.run.dir=here/it is") == 0
    assert Path("here/it is/config.yaml").exists()
    assert train("hydra.run.dir=here/it is") == 2
    assert "there is a run already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "sweep"),
    [
        (signal.SIGINT, []),
        pytest.param(signal.SIGTERM, [], marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, ["-m", "seed=0,1"], marks=pytest.mark.slow),
    ],
)
def test_a_signal_saves_and_says_how_to_go_on(number: signal.Signals, sweep: list[str], tmp_path: Path) -> None:
    command = [sys.executable, str(CHECKOUT / "train.py"), *sweep, *TINY_OVERRIDES, "steps=100000", "logging.every=1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    deadline = time.monotonic() + 60
    while not any(file.stat().st_size for file in tmp_path.rglob("metrics.jsonl")) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert f"Go on with: python {CHECKOUT / 'train.py'} resume=outputs/" in said
    (run,) = runs()
    assert checkpoint.newest(run / "checkpoints")[1]["step"] > 0


def test_help_lists_groups_and_cfg_prints_and_neither_trains(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--cfg", "job", "loss=wgan_gp"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["loss"] == {"name": "wasserstein", "weight": 1.0}
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert "norm: auto, batch, conditional_batch, equalized, group, instance, layer, none" in said
    assert not Path("outputs").exists()


RECIPES = sorted(file.stem for file in (config_folder() / "experiment").glob("*.yaml"))


@pytest.fixture
def pictures() -> Path:
    """A folder of images of ten classes, two of each, for data that is not here."""
    root = Path("pictures")
    for number in range(20):
        folder = root / f"class {number // 2}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 64), (12 * number, 255 - 12 * number, 9 * number)).save(folder / f"{number}.png")
    return root


def pairs(root: Path) -> Path:
    """Writes twenty files of two images side by side, and returns their folder."""
    root.mkdir()
    for number in range(20):
        Image.new("RGB", (64, 32), (12 * number, 255 - 12 * number, 9 * number)).save(root / f"{number}.png")
    return root


def composed(recipe: str, *overrides: str) -> dict[str, Any]:
    with composer() as composing:
        return composing.plain([f"experiment={recipe}", *overrides])


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_is_accepted_as_it_stands(recipe: str, pictures: Path) -> None:
    header = (config_folder() / "experiment" / f"{recipe}.yaml").read_text()
    assert f"python train.py experiment={recipe}" in header
    assert re.search(r"et al\. 20\d\d|& \w+ 20\d\d", header)
    plain = composed(recipe)
    data = plain["data"]
    if "download" in data:
        (pictures / data.get("folder", "MNIST/raw")).mkdir(parents=True)
        data["download"] = False
    if "root" in data and data["root"] != "packages":  # those are fonts of installed packages
        assert "data.root=FOLDER" in header
        data["root"] = bundled("") if data["name"] == "glyph_pairs" else str(pictures)
    assert configure(plain).warnings == ()


# Of each kind of network, condition, loss and schedule one.
QUICK = ("dcgan_digits", "digits_from_outlines", "grid", "projection_cifar10", "rpgan_r1_r2_cifar10", "wgan64")


@pytest.mark.parametrize(
    "recipe", [pytest.param(recipe, marks=[] if recipe in QUICK else pytest.mark.slow) for recipe in RECIPES]
)
def test_every_recipe_takes_two_steps(recipe: str, pictures: Path, request: pytest.FixtureRequest) -> None:
    """Small networks, and images of the recipe's size with as many classes, where its own are not here."""
    plain = composed(recipe)
    data = plain["data"].get("dataset", plain["data"]["name"])
    small = ["batch_size=8", "latent.dim=6", "logging.samples=10", "schedule.pretrain_discriminator=0", "steps=2"]
    for network in ("generator", "discriminator"):
        small.append(f"{network}.hidden=[8,8]" if plain[network]["name"] == "mlp" else f"{network}.width=4")
    if "mnist" in data.lower():
        root = request.getfixturevalue("mnist_root")
        small += [f"data.root={root}", "data.download=false", "data.limit=64"]
    elif data in ("CIFAR10", "STL10"):
        size = plain["data"]["size"]
        small += ["data=image_folder", f"data.root={pictures}", f"data.size={size}"]
    elif data == "image_folder":
        small.append(f"data.root={pictures}")
    elif data == "image_pairs":
        small += [f"data.root={pairs(Path('pairs'))}", "data.size=32", "discriminator.layers=2"]
    elif recipe == "wnet_chinese":  # matplotlib's fonts have no Chinese characters
        request.getfixturevalue("monkeypatch").setattr(feature_maps, "Classifier", partial(Classifier, steps=2))
        small += [f"data.root={bundled('')}", "data.characters=latin", "data.limit=64", "data.size=32"]
    else:
        small.append("data.limit=64")
    if "held_out" in plain["data"]:
        small.append("data.held_out=0")
    assert main([f"experiment={recipe}", *small]) == 0
    (run,) = runs()
    assert json.loads((run / "status.json").read_text())["steps"] == 2
    saved = config(run)
    for group in ("loss", "regularizer", "condition", "init", "norm", "optimizer", "constraint", "averaging"):
        assert agrees(plain.get(group, {}), saved[group]), group


def agrees(expected: Any, found: Any) -> bool:
    """Whether ``found`` has all that ``expected`` says, but for what ``auto`` came to and components by bare name."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return all(agrees(value, found.get(key)) for key, value in expected.items())
    if isinstance(found, dict):
        found = found["name"]
    return expected == "auto" or expected == found
