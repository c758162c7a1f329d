"""Where output is no terminal, a training says how far it is, in its log file too."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from ganlab import progress
from ganlab.monitor import OBSERVERS, Progress
from ganlab.monitor.progress_lines import INTERVAL, ProgressLines
from ganlab.training.observer import ObservedRun, Samples
from tests.conftest import TINY_OVERRIDES

VALUES = {"discriminator/loss": 1.5, "generator/loss": 0.25, "progress/images_per_second": 1234.4}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def said() -> list[str]:
    return []


def lines(said: list[str], first: int, steps: int) -> tuple[ProgressLines, Clock]:
    clock = Clock()
    observer = ProgressLines(said.append, clock)
    observer.started(first, steps)
    return observer, clock


def test_a_line_at_the_first_step_every_thirty_seconds_and_at_the_last_step(said: list[str]) -> None:
    observer, clock = lines(said, 0, 200)
    clock.now = 9.0
    observer.sampled(0, Samples({"generator": torch.zeros(1, 1, 2, 2)}))  # the pictures took nine seconds
    for step in range(1, 201):
        clock.now += 5.0 if step == 1 else 1.0
        observer.stepped(step)
        if step == 1:
            observer.first_step(step, VALUES)
        if step % 50 == 0:
            observer.logged(step, {**VALUES, "generator/loss": step / 100})
    assert said == [
        "step 1 of 200 (0 %), D 1.500, G 0.250, 1,234 images/s, about 17 min left",  # 199 steps at 5 s
        "step 31 of 200 (15 %), D 1.500, G 0.250, 1,234 images/s, about 3 min left",  # 169 steps at 1 s
        "step 61 of 200 (30 %), D 1.500, G 0.500, 1,234 images/s, about 2 min left",
        "step 91 of 200 (45 %), D 1.500, G 0.500, 1,234 images/s, about 2 min left",
        "step 121 of 200 (60 %), D 1.500, G 1.000, 1,234 images/s, about 79 s left",
        "step 151 of 200 (75 %), D 1.500, G 1.500, 1,234 images/s, about 49 s left",
        "step 181 of 200 (90 %), D 1.500, G 1.500, 1,234 images/s, about 19 s left",
        "step 200 of 200 (100 %), D 1.500, G 2.000, 1,234 images/s",
    ]
    assert INTERVAL == 30


def test_a_log_point_at_the_first_step_gives_the_line(said: list[str]) -> None:
    observer, clock = lines(said, 4, 8)
    for step in range(5, 9):
        clock.now += 1
        observer.stepped(step)
        observer.logged(step, VALUES if step != 5 else {"progress/images_per_second": 2.0})
    assert said == [
        "step 5 of 8 (62 %), 2 images/s, about 3 s left",  # neither network had an update
        "step 8 of 8 (100 %), D 1.500, G 0.250, 1,234 images/s",
    ]


def test_after_a_rollback_the_time_follows_from_the_steps_since(said: list[str]) -> None:
    observer, clock = lines(said, 0, 100)
    for step in range(1, 41):
        clock.now += 0.1
        observer.stepped(step)
        if step == 1:
            observer.first_step(step, VALUES)
    observer.rolled_back(20)
    for step in range(21, 31):
        clock.now += 10
        observer.stepped(step)
    assert said[-1].startswith("step 29 of 100 (29 %)")
    assert said[-1].endswith("about 12 min left")  # 71 steps at 10 s


@pytest.mark.parametrize(
    ("style", "terminal", "notebook", "kind"),
    [
        ("auto", True, False, Progress),
        ("auto", False, True, Progress),
        ("auto", False, False, ProgressLines),
        (True, False, False, ProgressLines),  # as saved by earlier versions
        (True, True, False, Progress),
        ("bar", False, False, Progress),
        ("lines", True, False, ProgressLines),
    ],
)
def test_what_is_shown(
    style: Any, terminal: bool, notebook: bool, kind: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    monkeypatch.setattr(progress, "in_notebook", lambda: notebook)
    built = OBSERVERS["progress"]().build(ObservedRun(tmp_path, {"logging": {"progress": style}}))
    assert type(built) is kind
    assert isinstance(built, ProgressLines)
    assert getattr(built, "forced", False) is (style == "bar")


def test_beside_a_bar_the_lines_go_to_the_log_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = logging.getLogger("ganlab")
    file, shown = logging.FileHandler(tmp_path / "train.log"), logging.StreamHandler(sys.stdout)
    for handler in (file, shown):
        log.addHandler(handler)
    try:
        bar = Progress(forced=True)
        bar.started(0, 10)
        bar.stepped(1)
        bar.first_step(1, VALUES)
        bar.closed()
    finally:
        for handler in (file, shown):
            log.removeHandler(handler)
        file.close()
    out, err = capsys.readouterr()
    assert (tmp_path / "train.log").read_text().startswith("step 1 of 10 (10 %), D 1.500")
    assert out == ""
    assert "1/10" in err


def test_a_command_writes_the_lines_and_no_colour(tmp_path: Path) -> None:
    """As in CI: no terminal, and NO_COLOR, with a bar that has been asked for too."""
    root = Path(__file__).resolve().parents[2]
    typed = [sys.executable, root / "train.py", *TINY_OVERRIDES, "hydra.run.dir=run", "logging.observers=[progress]"]
    environment = {"PATH": "", "PYTHONPATH": str(root), "NO_COLOR": "1", "TQDM_COLOUR": "green", "OMP_NUM_THREADS": "1"}
    found = subprocess.run(typed, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    said = [line for line in found.stdout.splitlines() if line.startswith("step ")]
    assert [line.partition(",")[0] for line in said] == ["step 1 of 2 (50 %)", "step 2 of 2 (100 %)"]
    assert all(", D " in line and ", G " in line and " images/s" in line for line in said)
    assert [line for line in (tmp_path / "run" / "train.log").read_text().splitlines() if line in said] == said
    assert "\x1b" not in found.stdout + found.stderr


def test_no_color_is_heeded_by_the_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for value, coloured in (("", True), ("1", False)):
        monkeypatch.setenv("NO_COLOR", value)
        with progress.open_bar(total=2, disable=False, ncols=60, colour="green", ascii=False) as bar:
            bar.update()
        assert ("\x1b[32m" in capsys.readouterr().err) is coloured
