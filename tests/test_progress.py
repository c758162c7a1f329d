"""Long work is reported in time, with how long it will take; short work is not."""

from __future__ import annotations

import time

import pytest

from ganlab import progress
from ganlab.monitor.progress import Progress


@pytest.mark.parametrize(
    ("done", "total", "seconds", "told"),
    [
        (25, 100, 10.0, "work: 25%, about 30 s left"),
        (1, 100, 5.0, "work: 1%, about 8 min left"),
        (1, 1000, 20.0, "work: 0%, about 5.5 h left"),
        (100, 100, 5.0, "work: 100%, about 1 s left"),
        (0, 100, 5.0, "work …"),
        (7, None, 5.0, "work …"),
        (7, None, 120.0, "work … (2 min so far)"),
    ],
)
def test_the_time_that_is_left_follows_from_the_rate(done: int, total: int | None, seconds: float, told: str) -> None:
    assert progress.line("work", done, total, seconds) == told


def test_a_single_long_call_is_reported(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "QUIET", 0.05)
    with progress.progress("hashing", 4) as advance:
        advance(1)
        time.sleep(0.2)
    said = capsys.readouterr().err
    assert said.startswith("hashing: 25%, about 1 s left\n")
    assert said.count("\n") <= 3  # after 0.05, 0.1 and 0.2 s


def test_short_work_and_silent_work_are_not_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress.progress("hashing", 4) as advance:
        advance(4)
    monkeypatch.setattr(progress, "QUIET", 0.01)
    with progress.silent("hashing", 4) as advance:
        advance(4)
        time.sleep(0.1)
    assert capsys.readouterr().err == ""


def test_an_error_ends_the_report(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "QUIET", 0.05)
    with pytest.raises(KeyboardInterrupt), progress.progress("hashing", 4):
        raise KeyboardInterrupt
    time.sleep(0.1)
    assert capsys.readouterr().err == ""


def test_a_bar_is_shown_for_long_work_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "in_notebook", lambda: True)
    with progress.progress("listing") as advance:
        advance(3)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress, "QUIET", 0.05)
    with progress.progress("hashing", 4) as advance:
        advance(1)
        time.sleep(0.3)  # one long call
        assert "hashing:  25%" in capsys.readouterr().err
    assert capsys.readouterr().err.endswith("\r"), "it is taken away at the end"


def test_the_first_step_does_not_count_for_the_remaining_time(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Progress(forced=True)
    shown.started(0, 10)
    time.sleep(0.5)
    shown.stepped(1)
    for step in (2, 3):
        time.sleep(0.01)
        shown.stepped(step)
    facts = shown.bar.format_dict
    assert (facts["n"] - facts["initial"], facts["n"]) == (2, 3)
    assert facts["elapsed"] < 0.4
    shown.closed()


def test_in_a_notebook_the_bar_is_shown_though_stderr_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress.open_bar(total=2) as hidden:
        assert hidden.disable
        hidden.update()
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress, "in_notebook", lambda: True)
    with progress.open_bar(total=2) as shown:
        assert not shown.disable
        shown.update()
    assert "1/2" in capsys.readouterr().err
