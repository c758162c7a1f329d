"""A run that is killed at any instant, resumed, and killed again, ends as one that nobody touched."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from torch import Tensor

from ganlab import tree_file
from ganlab.commands.launch import training_run
from ganlab.commands.train import main
from ganlab.training import checkpoint
from tests.conftest import TINY_OVERRIDES
from tests.monitor.test_monitor import read
from tests.training.test_trainer import flat

CHECKOUT = Path(__file__).resolve().parents[2]
# Checkpoints come so fast that many a kill meets one that is being written.
SETTINGS = [
    "steps=400", "logging.every=3", "logging.samples_every=40", "checkpoint.every=2", "checkpoint.keep=2",
    "tricks=[ema]", "data=ring", "generator=mlp", "discriminator=mlp", "generator.hidden=[8]",
    "discriminator.hidden=[8]", "batch_size=8", "logging.samples=16", "logging.progress=false", "data.limit=64",
    "latent.dim=2", "evaluation=scores", "evaluation.every=50", "evaluation.images=64", "norm=none",
]  # fmt: skip


def start(folder: Path, *overrides: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(CHECKOUT / "train.py"), *overrides],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def finish(folder: Path, *overrides: str) -> str:
    process = start(folder, *overrides)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return said


def lines(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    return iter(process.stdout.readline, "")


def killed(folder: Path, resume: bool, draw: random.Random, from_the_start: bool, longest: float) -> bool:
    """Whether the run was killed before its end: at some instant of its start, or of its training."""
    process = start(folder, *(["resume=run"] if resume else [*SETTINGS, "hydra.run.dir=run"]))
    if not from_the_start:
        said = []
        for line in lines(process):
            said.append(line)
            if line.startswith("Run folder:"):
                break
        else:
            raise AssertionError("".join(said))
    time.sleep(draw.uniform(0, longest))
    if not resume:  # nothing can go on before there is a checkpoint
        while not list((folder / "run" / "checkpoints").glob("step-*")):
            time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


def rows(file: Path) -> list[dict[str, Any]]:
    every = [json.loads(row) for row in file.read_text().splitlines()]
    return [{tag: value for tag, value in row.items() if "per_second" not in tag and tag != "seconds"} for row in every]


def scalars(run: Path) -> dict[str, list[tuple[int, str]]]:
    events = read(run)
    tags = [tag for tag in events.Tags()["scalars"] if "per_second" not in tag]
    return {tag: [(event.step, str(event.value)) for event in events.Scalars(tag)] for tag in tags}


def assert_same_runs(one: Path, other: Path) -> None:
    ours, theirs = (flat(tree_file.read(run / "checkpoints" / "final.safetensors")) for run in (one, other))
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        if isinstance(value, Tensor):
            assert value.dtype == theirs[name].dtype
            assert value.numpy().tobytes() == theirs[name].numpy().tobytes(), name
        elif name != "/best/seconds":
            assert value == theirs[name], name
    for file in ("metrics.jsonl", "scores.jsonl"):
        assert rows(one / file) == rows(other / file)
    assert scalars(one) == scalars(other)
    pictures = [{path.name: path.read_bytes() for path in (run / "samples").iterdir()} for run in (one, other)]
    assert pictures[0] == pictures[1]
    for run in (one, other):
        assert not list(run.rglob(".*partial"))
        assert json.loads((run / "status.json").read_text())["status"] == "finished"


@pytest.mark.slow
@pytest.mark.parametrize("kills", [3, 36])
def test_a_killed_run_ends_like_one_that_was_left_alone(kills: int, tmp_path: Path) -> None:
    draw = random.Random(kills)
    finish(tmp_path, *SETTINGS, "hydra.run.dir=whole")
    done, began = 0, time.monotonic()
    for number in range(kills):
        # a third of them while the command starts, and reads and cuts what the one before left
        early = number % 3 == 1
        if not killed(tmp_path, number > 0, draw, early, 6.0 if early else 12.0 / kills):
            break
        done += 1
    assert done >= min(kills, 3), f"it was done after {done} kills and {time.monotonic() - began:.0f} s"
    if json.loads((tmp_path / "run" / "status.json").read_text())["status"] != "finished":
        finish(tmp_path, "resume=run")
    assert_same_runs(tmp_path / "whole", tmp_path / "run")


@pytest.mark.slow
def test_a_kill_in_every_file_that_is_being_written(tmp_path: Path) -> None:
    """What each leaves behind, put there by hand: the next start takes it away and reads the rest."""
    few = [*SETTINGS, "steps=12"]
    finish(tmp_path, *few, "hydra.run.dir=whole")
    finish(tmp_path, *few, "hydra.run.dir=run")
    run = tmp_path / "run"
    (run / "checkpoints" / "final.safetensors").unlink()
    newest = checkpoint.numbered(run / "checkpoints")[-1]
    assert newest.name == "step-0000010.safetensors"
    (run / "checkpoints" / f".{newest.name}.partial").write_bytes(newest.read_bytes()[:-9])
    (run / "checkpoints" / ".final.safetensors.partial").write_bytes(b"")
    for name in ("config.yaml", "status.json", "metrics.jsonl"):
        (run / f".{name}.partial").write_bytes((run / name).read_bytes()[:20])
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 13, "gen')
    (run / "samples" / "step-0000012-generator.png").write_bytes(b"half a picture")
    (events,) = run.glob("events.*")
    events.write_bytes(events.read_bytes()[:-7])
    finish(tmp_path, "resume=run")
    assert_same_runs(tmp_path / "whole", run)


# ---------------------------------------------------------------------------------------------------------------- stops

SLOW = """
import time
from dataclasses import dataclass
from ganlab.losses import LOSSES
from ganlab.losses.bce import BCE

@LOSSES.register("slow")
@dataclass(frozen=True)
class Slow(BCE):
    def generator(self, fake, real=None):
        open("began", "w")
        time.sleep(60)
        return super().generator(fake)
"""


def test_a_second_ctrl_c_leaves_at_once(tmp_path: Path) -> None:
    """The first one waits for a step of a minute; a job in the background of a script inherits that it is ignored."""
    (tmp_path / "slow.py").write_text(SLOW)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    process = start(tmp_path, *TINY_OVERRIDES, "plugins=[slow]", "loss.name=slow", "hydra.run.dir=run")
    signal.signal(signal.SIGINT, before)
    deadline = time.monotonic() + 60
    while not (tmp_path / "began").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    time.sleep(1)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Stopped." in said
    assert "Traceback" not in said
    assert json.loads((tmp_path / "run" / "status.json").read_text())["status"] == "stopped"


# ------------------------------------------------------------------------------------------------------------ full disks

LIMITED = """
import resource, runpy, sys
import ganlab.commands.train, torch.utils.tensorboard  # what is loaded is not written
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.exit(ganlab.commands.train.main(sys.argv[2:]))
"""


def limited(folder: Path, most: int, *overrides: str) -> tuple[int, str]:
    """Exit code and words of a run whose files cannot get longer than ``most`` bytes."""
    command = [sys.executable, "-c", LIMITED, str(most), *overrides]
    ended = subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, check=False,
    )  # fmt: skip
    return ended.returncode, ended.stdout


def test_files_that_cannot_grow_end_in_a_sentence(tmp_path: Path) -> None:
    small = [
        *TINY_OVERRIDES,
        "steps=40",
        "checkpoint.every=5",
        "checkpoint.retries=2",
        "logging.every=1",
        "hydra.run.dir=run",
    ]
    limited(tmp_path, 10**9, *TINY_OVERRIDES, "steps=1", "hydra.run.dir=before")  # decodes the images
    code, said = limited(tmp_path, 40_000, *small)
    assert code == 1, said
    assert "Traceback" not in said
    assert "Logging error" not in said
    assert said.count("could not be written") >= 3
    assert "Training ended after step 15: its checkpoint could not be written 3 times in a row" in said
    assert not list((tmp_path / "run").rglob(".*partial"))
    assert json.loads((tmp_path / "run" / "status.json").read_text())["status"] == "failed"


def test_a_disk_that_is_full_from_the_start_is_a_sentence(tmp_path: Path) -> None:
    code, said = limited(tmp_path, 500, *TINY_OVERRIDES, "hydra.run.dir=run")
    assert code == 1, said
    assert "Traceback" not in said
    assert "see to the disk or the folder" in said


@pytest.mark.slow
def test_a_disk_that_fills_up_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    """It goes on, as if nothing had been, when there is room again."""
    same = [*TINY_OVERRIDES[:-1], "logging.every=1", "checkpoint.every=2"]
    finish(tmp_path, *same, "steps=8", "hydra.run.dir=whole")
    finish(tmp_path, *same, "steps=2", "hydra.run.dir=run")
    code, said = limited(tmp_path, 10_000, "resume=run", "steps=8", "checkpoint.retries=0")
    assert code == 1, said
    assert "still has final.safetensors" in said
    assert checkpoint.newest(tmp_path / "run" / "checkpoints")[1]["step"] == 2
    finish(tmp_path, "resume=run", "checkpoint.retries=3")
    for run in ("whole", "run"):
        assert [row["step"] for row in rows(tmp_path / run / "metrics.jsonl")] == list(range(1, 9))
    ours, theirs = (
        flat(tree_file.read(tmp_path / run / "checkpoints" / "final.safetensors")) for run in ("whole", "run")
    )
    for name, value in ours.items():
        if isinstance(value, Tensor):
            assert value.equal(theirs[name]), name
    assert scalars(tmp_path / "whole") == scalars(tmp_path / "run")


def test_data_that_vanishes_while_it_is_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images are decoded once, so a run goes on without their folder; it asks for it when it is resumed."""
    monkeypatch.chdir(tmp_path)
    took = training_run.Trainer.train_step

    def train_step(self: training_run.Trainer) -> None:
        took(self)
        shutil.rmtree("images", ignore_errors=True)

    monkeypatch.setattr(training_run.Trainer, "train_step", train_step)
    without_data = [override for override in TINY_OVERRIDES if not override.startswith("data.")]
    images = ["data=image_folder", "data.root=images", "data.size=16"]
    for resident in ("1.0", "0.0"):
        folder = f"run-{resident}"
        for i in range(16):
            Path("images").mkdir(exist_ok=True)
            Image.new("RGB", (20, 20), (i * 15, 0, 0)).save(Path("images") / f"{i}.png")
        assert main([*without_data, *images, f"runtime.resident={resident}", "steps=5", f"hydra.run.dir={folder}"]) == 0
        assert main([f"resume={folder}", "steps=6"]) == 2


@pytest.mark.parametrize("what", ["checkpoints", "all of it", "all of it, with nothing in its place"])
def test_a_run_folder_that_vanishes(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Taken away, or put out of reach, while it is written to."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(checkpoint, "PAUSE", 0.0)
    took = training_run.Trainer.train_step

    def train_step(self: training_run.Trainer) -> None:
        took(self)
        if self.step == 2:
            gone = Path("run") / "checkpoints" if what == "checkpoints" else Path("run")
            gone.rename("elsewhere")
            if "nothing" not in what:
                gone.write_text("a file in its place")

    monkeypatch.setattr(training_run.Trainer, "train_step", train_step)
    changes = ["steps=9", "checkpoint.every=1", "logging.every=1", "logging.samples_every=1", "hydra.run.dir=run"]
    assert main([*TINY_OVERRIDES, *changes]) == 1
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    assert "its checkpoint could not be written 4 times in a row" in said.out + said.err
    kept = Path("elsewhere") if what == "checkpoints" else Path("elsewhere") / "checkpoints"
    assert checkpoint.newest(kept)[1]["step"] == 1
    assert not Path("run").is_dir() or what == "checkpoints"


def test_a_run_whose_last_pictures_found_no_room_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*told: object, **more: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Image.Image, "save", full)
    assert main([*TINY_OVERRIDES, "hydra.run.dir=run"]) == 0
    assert "Samples: run/samples\n" in capsys.readouterr().out
    assert json.loads(Path("run/status.json").read_text())["status"] == "finished"
