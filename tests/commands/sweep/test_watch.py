"""The line that tells how far a sweep is."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ganlab.commands.sweep.watch import Watch


def rows(folder: Path, name: str, step: int, rest: str = "") -> None:
    (folder / name).mkdir(exist_ok=True)
    text = "".join(f'{{"step": {one}}}\n' for one in range(step - 2, step + 1))
    (folder / name / "metrics.jsonl").write_text(text + rest)


def test_the_time_left_follows_from_the_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    rows(tmp_path, "a", 50)  # half of it was done before
    watch = Watch(tmp_path, ["finished"], {"a": 100, "b": 100, "c": 100}, bar=False)
    assert watch.seconds_left(["a"]) is None
    now = 10.0
    rows(tmp_path, "a", 75, '{"step": 76')  # a row that is being written does not count
    assert watch.seconds_left(["a"]) == pytest.approx(10 * (2.5 - 0.25) / 0.25)
    now = 20.0
    watch.job_ended(
        "a", "finished", "", {"seconds": 20.0, "best": {"name": "fid", "id": "pixels-1234", "score": 12.345}}, ["b"]
    )
    assert watch.seconds_left(["b"]) == pytest.approx(20 * (2.5 - 0.5) / 0.5)
    assert watch.line(["b"]) == "2 of 4 ended (2 finished), 1 running, about 80 s left"


def test_a_long_job_is_a_line_every_five_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    watch = Watch(tmp_path, [], {"a": 10}, bar=False)
    for second in range(0, 1000, 10):
        now = float(second)
        watch.refresh(["a"])
    assert capsys.readouterr().err.splitlines() == ["0 of 1 ended, 1 running"] * 3


def test_each_end_is_a_line_in_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    watch = Watch(tmp_path, [], {"a": 10, "b": None}, bar=False)
    watch.job_ended(
        "a", "finished", "", {"seconds": 20.0, "best": {"name": "fid", "id": "pixels-1234", "score": 12.345}}, ["b"]
    )
    watch.job_ended("b", "diverged", "both\nlosses", {}, [])
    said = capsys.readouterr().err
    assert "a: finished in 20 s, best FID 12.35 (pixels-1234). 1 of 2 ended (1 finished), 1 running" in said
    assert "b: diverged (both losses). 2 of 2 ended (1 finished, 1 diverged)" in said
    assert [line[20:] for line in (tmp_path / "sweep.log").read_text().splitlines()] == said.splitlines()
