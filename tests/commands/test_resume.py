"""Going on with a run: what may be typed beside ``resume``, and that every recipe goes on exactly."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image

from ganlab import tree_file
from ganlab.commands.launch.ready import open_data
from ganlab.commands.train import main
from ganlab.config import configure
from ganlab.config.build import build_trainer
from ganlab.config.compose import composer, config_folder
from ganlab.evaluation.features import classifier
from ganlab.processor import processor
from ganlab.run_folder import RunFolder
from tests.conftest import TINY_OVERRIDES
from tests.training.test_trainer import assert_same_state

QUICK = ("dcgan_digits", "grid", "sngan_cifar10", "wgan_gp_mnist")  # the others with make test-all
RECIPES = sorted(file.stem for file in (config_folder() / "experiment").glob("*.yaml"))


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(empty_folder: Path) -> Path:
    """A run of two steps."""
    assert main([*TINY_OVERRIDES, "hydra.run.dir=run"]) == 0
    return Path("run")


def config(run: Path) -> dict[str, Any]:
    return yaml.safe_load((run / "config.yaml").read_text())  # type: ignore[no-any-return]


def test_what_changes_is_a_table(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["resume=run", "steps=3", "logging.every=1", "optimizer.generator.lr=1e-5", "resume_override=true"]) == 0
    )
    said = capsys.readouterr().out
    table = said[said.index("Changed on resume:") :].splitlines()[1:5]
    assert [line.split() for line in table] == [
        ["setting", "before", "now"], ["steps", "2", "3"], ["optimizer.generator.lr", "0.0002", "1e-05"],
        ["logging.every", "50", "1"],
    ]  # fmt: skip
    assert len({line.index(word) for line, word in zip(table, ("before", "2", "0.0002", "50"), strict=True)}) == 1
    assert "Changed on resume:" in (run / "train.log").read_text()
    saved = config(run)
    assert (saved["steps"], saved["resume"], saved["resume_override"]) == (3, None, False)
    # what it was before is kept where it was used
    was = tree_file.read(run / "checkpoints" / "final.safetensors")
    assert was["settings"]["steps"] == 3
    assert main(["resume=run", "steps=4"]) == 0  # and needs no override again
    assert config(run)["optimizer"]["generator"]["lr"] == 1e-5


def test_a_schedule_is_one_setting(capsys: pytest.CaptureFixture[str]) -> None:
    """Typed again it changes nothing; another one, or a number, is one line of the table."""
    typed = "targets.real={start: 1, end: 0.8, shape: cosine}"
    assert main([*TINY_OVERRIDES, typed, "hydra.run.dir=run"]) == 0
    assert main(["resume=run", "steps=3", typed]) == 0
    assert main(["resume=run", "steps=4", "targets.real=0.9"]) == 2
    was = "{start: 1.0, end: 0.8, shape: cosine, from: 0.0, until: 1.0}"
    assert f"targets.real=0.9: the run has targets.real={was}; type resume_override=true" in capsys.readouterr().err
    assert main(["resume=run", "steps=4", "targets.real=0.9", "resume_override=true"]) == 0
    said = capsys.readouterr().out
    rows = [line.split(maxsplit=1) for line in said[said.index("Changed on resume:") :].splitlines()[2:4]]
    assert [(row[0], row[1].startswith(was) or row[1].split() == ["3", "4"]) for row in rows] == [
        ("steps", True),
        ("targets.real", True),
    ]
    assert config(Path("run"))["targets"]["real"] == 0.9


def test_learning_rates_go_on_with_the_override(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for typed in ("optimizer.generator.lr=1e-5", "targets.real=0.9", "schedule.n_critic=2", "+tricks=[]"):
        assert main(["resume=run", "steps=3", typed]) == 2
        said = capsys.readouterr().err
        assert typed in said
        assert ("type resume_override=true" in said) == ("tricks" not in typed)
        assert "Traceback" not in said
        assert config(run)["steps"] == 2
    assert main(["resume=run", "steps=3", "optimizer.generator.lr=1e-5", "resume_override=no"]) == 2
    assert "resume_override: found 'no', need true or false" in capsys.readouterr().err
    assert (
        main(["resume=run", "steps=3", "logging.every=1", "optimizer.generator.lr=1e-5", "resume_override=true"]) == 0
    )
    row = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert (row["step"], row["generator/learning_rate"]) == (3, 1e-5)
    assert row["discriminator/learning_rate"] == 2e-4


def test_another_kind_of_processor_is_noted(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its kernels are others, which round differently."""
    ours = processor()
    assert tree_file.read(run / "checkpoints" / "final.safetensors")["processor"] == ours
    capsys.readouterr()
    assert main(["resume=run", "steps=3"]) == 0
    assert "was trained on a processor" not in capsys.readouterr().out
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "SVE256")
    assert main(["resume=run", "steps=4"]) == 0
    assert f"note: run was trained on a processor with {ours}, and this one has SVE256" in capsys.readouterr().out
    assert tree_file.read(run / "checkpoints" / "final.safetensors")["processor"] == "SVE256"


def modified(folder: Path) -> dict[Path, int]:
    """When each file changed. Locks are left out: filelock 3.13 cuts them, empty as they are, when it takes them."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.name != ".lock"}


@pytest.mark.parametrize(
    ("typed", "before", "reason"),
    [
        ("generator.width=8", "generator.width=4", "the saved weights are of that network"),
        ("generator=mlp", "generator.name=dcgan", "the saved weights are of that network"),
        ("discriminator.dropout=0.5", "discriminator.dropout=0.0", "the saved weights are of that network"),
        ("norm=layer", "norm.discriminator.layer.name=batch", "its layers"),
        ("init=he", "init.generator.name=normal", "initialized when it began"),
        ("latent.dim=7", "latent.dim=6", "trained on those latents"),
        ("condition=projection", "condition.name=none", "built for those labels"),
        ("loss=hinge", "loss.name=bce", "was trained with that loss"),
        ("data=ring", "data.name=digits", "is counted in those images"),
        ("data.limit=32", "data.limit=64", "is counted in those images"),
        ("batch_size=4", "batch_size=8", "in batches of that size"),
        ("seed=1", "seed=0", "came from that seed"),
        ("optimizer=sgd", "optimizer.generator.name=adam", "the saved moments are those of the other optimizer"),
        ("optimizer.discriminator=rmsprop", "optimizer.discriminator.name=adam", "the saved moments"),
        ("averaging=ema", "averaging.name=none", "the saved average is of the other kind"),
    ],
)
def test_what_the_saved_state_cannot_mean_is_refused(
    typed: str, before: str, reason: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = modified(run)
    assert main(["resume=run", "steps=3", typed, "resume_override=true"]) == 2
    said = capsys.readouterr().err
    assert said.splitlines()[1] == said.splitlines()[-1]  # one line below the heading
    assert f"{typed}: the run has {before}, and " in said
    assert reason in said
    assert modified(run) == files


def test_the_command_that_began_it_goes_on_with_it(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    same = [one for one in TINY_OVERRIDES if not one.startswith("steps")]
    assert main([*same, "seed=0", "loss=bce", "norm=batch", "init.generator=normal", "resume=run", "steps=3"]) == 0
    said = capsys.readouterr().out
    assert [line.split()[0] for line in said[said.index("Changed on resume") :].splitlines()[1:3]] == [
        "setting",
        "steps",
    ]


def test_a_run_of_an_earlier_version_goes_on(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its configuration lacks settings that there are now, and its checkpoint what goes with them."""
    plain = config(run)
    for key in ("divergence", "resume_override"):
        del plain[key]
    del plain["checkpoint"]["retries"]
    (run / "config.yaml").write_text(yaml.safe_dump(plain))
    state = tree_file.read(run / "checkpoints" / "final.safetensors")
    for key in ("watch", "reported", "finite"):
        del state[key]
    for network in ("generator", "discriminator"):
        del state[network]["norms"], state[network]["slowed"]
    tree_file.write(run / "checkpoints" / "final.safetensors", state)
    assert main(["resume=run", "steps=3"]) == 0
    assert "divergence" not in capsys.readouterr().out
    assert config(run)["divergence"] == {"name": "stop", "patience": 10, "loss_limit": 2.0**24}


def test_a_log_that_cannot_be_written_to(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "train.log").unlink()
    (run / "train.log").mkdir()
    assert main(["resume=run", "steps=3"]) == 2
    assert "run/train.log: nothing can be written there" in capsys.readouterr().err
    (run / "train.log").rmdir()
    assert main(["resume=run", "steps=3"]) == 0


def test_the_override_goes_with_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*TINY_OVERRIDES, "resume_override=true"]) == 2
    assert "goes with resume=" in capsys.readouterr().err
    assert not Path("outputs").exists()


def test_a_rate_that_is_typed_is_not_slowed(run: Path) -> None:
    path = run / "checkpoints" / "final.safetensors"
    state = tree_file.read(path)
    for network in ("generator", "discriminator"):
        state[network]["slowed"] = 0.5
    tree_file.write(path, state)
    assert (
        main(["resume=run", "steps=3", "logging.every=1", "optimizer.generator.lr=1e-5", "resume_override=true"]) == 0
    )
    row = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert (row["generator/learning_rate"], row["discriminator/learning_rate"]) == (1e-5, 1e-4)


# ------------------------------------------------------------------------------------------ before the first checkpoint


SCORED = [
    "evaluation=scores",
    "evaluation.features.name=classifier",
    "evaluation.features.steps=1",
    "evaluation.images=20",
]


def status(run: Path) -> dict[str, Any]:
    return json.loads((run / "status.json").read_text())  # type: ignore[no-any-return]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_while_the_classifier_trains(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends in a word, and ``resume=RUN`` begins again with what had been typed, recipe and tricks included."""
    typed = [*TINY_OVERRIDES, *SCORED, "data.limit=60", "loss=wgan_gp", "tricks=[ema]"]

    def stop(*images: object) -> None:
        signal.raise_signal(number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifier, "train", stop)
        patch.setattr(classifier, "_read", lambda *words: None)
        assert main([*typed, "hydra.run.dir=run"]) == 128 + number
    said = capsys.readouterr()
    assert "Nothing was saved yet. Begin again with: ganlab train resume=run\n" in said.out
    assert "Traceback" not in said.out + said.err
    assert status(Path("run")) == {
        "status": "stopped",
        "reason": "stopped before its first checkpoint",
        "exit_code": 128 + number,
    }
    assert main(["resume=run"]) == 0
    assert "Changed on resume" not in capsys.readouterr().out
    assert main([*typed, "hydra.run.dir=whole"]) == 0
    ours, theirs = (tree_file.read(Path(run) / "checkpoints" / "final.safetensors") for run in ("run", "whole"))
    for name, tensor in ours["generator"]["network"].items():
        assert torch.equal(tensor, theirs["generator"]["network"][name])
    assert config(Path("run")) == config(Path("whole"))


def test_a_run_without_a_checkpoint_may_change_all_it_is(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(run / "checkpoints")
    assert main(["resume=run", "seed=5", "generator.width=8"]) == 0
    said = capsys.readouterr().out
    assert "Run folder: run, which begins again" in said
    table = said[said.index("Changed on resume:") :].splitlines()[1:4]
    assert [line.split() for line in table[1:]] == [["seed", "0", "5"], ["generator.width", "4", "8"]]
    assert [row["step"] for row in map(json.loads, (run / "metrics.jsonl").read_text().splitlines())] == [2]
    assert len(RunFolder(run).provenance()) == 2


def test_damaged_checkpoints_alone_are_no_beginning(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "checkpoints" / "final.safetensors").write_bytes(b"cut off")
    assert main(["resume=run", "steps=3"]) == 2
    assert "is not a whole ganlab checkpoint" in capsys.readouterr().err


def test_one_command_begins_and_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    """A cluster's job that is requeued types the same again: recipe, tricks and plugins of its own included."""
    small = [one for one in TINY_OVERRIDES if not one.startswith("steps")]
    same = ["experiment=dcgan_digits", "tricks=[ttur]", *small, "hydra.run.dir=jobs/${oc.env:JOB}", "resume=auto"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JOB", "seven")
        run = Path("jobs/seven")
        assert main([*same, "steps=2"]) == 0
        assert main([*same, "steps=2"]) == 0
        assert "jobs/seven has done 2 steps\n" in capsys.readouterr().out
        assert main([*same, "steps=4"]) == 0
        said = capsys.readouterr().out
        assert "Run folder: jobs/seven, going on after step 2" in said
        assert [line.split() for line in said[said.index("Changed on") :].splitlines()[2:3]] == [["steps", "2", "4"]]
        assert (status(run)["steps"], config(run)["steps"], config(run)["resume"]) == (4, 4, None)
        assert main([*same, "steps=5", "seed=1"]) == 2
        assert (
            "seed=1: the run has seed=0, and its random numbers so far came from that seed" in capsys.readouterr().err
        )
        shutil.rmtree(run / "checkpoints")
        assert main([*same, "steps=2", "seed=1"]) == 0
        assert "jobs/seven, which begins again" in capsys.readouterr().out
        starts = RunFolder(run).provenance()
        assert [one["status"] for one in starts] == ["finished"] * 3
        assert starts[0]["options"] == {"experiment": "dcgan_digits", "tricks": ["ttur"]}
        assert [one["from_step"] for one in starts] == [0, 2, 0]
    assert main([*small, "resume=auto"]) == 2
    assert "type hydra.run.dir=FOLDER too" in capsys.readouterr().err


# --------------------------------------------------------------------------------------------------------- every recipe


@pytest.fixture
def pictures() -> Path:
    """A folder of images of ten classes, three of each, that differ."""
    root, draw = Path("pictures"), torch.Generator().manual_seed(0)
    for number in range(30):
        folder = root / f"class {number // 3}"
        folder.mkdir(parents=True, exist_ok=True)
        pixels = torch.randint(0, 256, (8, 8, 3), generator=draw, dtype=torch.uint8).numpy()
        Image.fromarray(pixels).resize((64, 64)).save(folder / f"{number}.png")
    return root


def small(plain: dict[str, Any]) -> list[str]:
    """What makes a recipe small: its networks, its batch, and pictures of its size in the place of its own."""
    size = ["batch_size=8", "latent.dim=6", "logging.samples=10"]
    for network in ("generator", "discriminator"):
        size.append(f"{network}.hidden=[8,8]" if plain[network]["name"] == "mlp" else f"{network}.width=4")
    kind = str(plain["data"].get("dataset", plain["data"]["name"])).lower()
    if kind == "stacked_mnist":
        return [*size, "data=stacked_digits", "data.limit=64"]
    if kind == "mnist":
        return [*size, "data=digits", "data.size=28", "data.limit=64"]
    if kind in ("cifar10", "stl10"):
        return [*size, "data=image_folder", "data.root=pictures", f"data.size={plain['data']['size']}"]
    all_of_them = ["data.held_out=0"] if plain["data"].get("held_out") else []
    return [*size, *all_of_them, "data.root=pictures" if kind == "image_folder" else "data.limit=64"]


@pytest.mark.parametrize(
    "recipe",
    [recipe if recipe in QUICK else pytest.param(recipe, marks=pytest.mark.slow) for recipe in RECIPES],
)
def test_every_recipe_goes_on_exactly(recipe: str, pictures: Path) -> None:
    """Four steps are a stop and a resume after any of them, with the recipe's own parts, pretraining and tricks."""
    with composer() as composing:
        plain = composing.plain([f"experiment={recipe}"])
        changed = [*small(plain), "steps=4", "checkpoint.every=1", "checkpoint.keep=4", "logging.every=3"]
        plain = composing.plain(composing.rewrite(composing.read([f"experiment={recipe}", *changed])))
    configuration = configure(plain)
    settings = configuration.settings

    def begun(folder: str) -> Any:
        machine, images = settings.runtime.resolve(), open_data(settings.data)
        return build_trainer(settings, machine, images, Path(folder), header={"settings": configuration.plain()})

    whole = begun("whole")
    whole.run()
    for stop in (1, 2) if settings.schedule.pretrain_discriminator == 0 else (1,):  # type: ignore[attr-defined]
        again = begun(f"from {stop}")
        again.restore(tree_file.read(Path("whole") / "checkpoints" / f"step-000000{stop}.safetensors"))
        again.run()
        assert again.step == 4
        assert_same_state(whole, again)
