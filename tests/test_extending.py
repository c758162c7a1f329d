"""The files in docs/extending.md, as they stand there: each passes its check, and all of them train together."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```python\n# (my_\w+\.py)\n(.*?)```", PAGE, flags=re.DOTALL))
KINDS = ("initializer", "loss", "regularizer", "augmentation", "architecture", "data", "condition", "schedule", "observer", "features")  # fmt: skip

CHECKS = """
import torch
from ganlab import testing
from ganlab.types import Shapes
import my_architecture, my_condition, my_data, my_initializer, my_loss, my_schedule
testing.check_initializer(my_initializer.Tiny())
testing.check_loss(my_loss.SoftHinge())
testing.check_discriminator(my_architecture.Dilated())
testing.check_source(my_data.Squares())
testing.check_condition(my_condition.ShuffledImage(), {"source": torch.zeros(4, 1, 8, 8)})
testing.check_schedule(my_schedule.WarmStart())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    assert sorted(FILES) == sorted(f"my_{kind}.py" for kind in KINDS)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def run(folder: Path, *command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    done = subprocess.run([sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_each_passes_its_check(folder: Path) -> None:
    run(folder, "-c", CHECKS)


@pytest.mark.slow
def test_all_of_them_train_together_and_resume(folder: Path) -> None:
    command = PAGE[PAGE.index("## All of them together") :].split("    python train.py", 1)[1].replace("\\\n", " ")
    typed = shlex.split(command.split("\n\n")[0])
    small = ["generator.width=4", "discriminator.width=4", "batch_size=8", "latent.dim=6", "logging.every=2", "evaluation.every=4", "evaluation.images=16", "evaluation.reals=64"]  # fmt: skip
    train = str(ROOT / "train.py")
    run(folder, train, *typed, *small, "steps=4", "hydra.run.dir=run")
    rows = [json.loads(line) for line in (folder / "run/metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4]
    assert {"discriminator/steady", "regularizer/steady/mean", "augment/dimming/strength"} <= set(rows[-1])
    assert (folder / "run/last-loss.txt").read_text().startswith("4 ")
    (score,) = [json.loads(line) for line in (folder / "run/scores.jsonl").read_text().splitlines()]
    assert score["fingerprint"]["features"] == "projections"
    assert (folder / "run/samples/step-0000004-comparison.png").exists()
    names = ",".join(sorted(FILES)).replace(".py", "")
    run(folder, train, "resume=run", "steps=6", f"plugins=[{names}]")
    assert (folder / "run/last-loss.txt").read_text().startswith("6 ")
