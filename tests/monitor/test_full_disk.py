"""Observers whose files the disk refuses: no traceback, no torn file, nothing lost once there is room again."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ganlab.monitor import Files, TensorBoard, appended
from ganlab.monitor.appended import Appended
from ganlab.training.observer import Observer
from ganlab.training.observers import Observers
from ganlab.training.trainer import Trainer
from tests.monitor.test_monitor import read


class Disk:
    """Stands for a file of the system: takes ``room`` bytes, and then none."""

    room = 0

    def __init__(self, file: Any) -> None:
        self.file = file

    def write(self, data: bytes) -> int:
        if Disk.room <= 0 and data:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = self.file.write(data[: Disk.room])
        Disk.room -= taken
        return taken  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> type[Disk]:
    """A disk with room for what a test says."""
    begin = Appended.__init__

    def on_disk(self: Appended, path: Path) -> None:
        begin(self, path)
        self._file = Disk(self._file)  # type: ignore[assignment]

    monkeypatch.setattr(appended.Appended, "__init__", on_disk)
    Disk.room = 10**9
    return Disk


def test_what_waits_goes_first_and_is_not_torn(tmp_path: Path, disk: type[Disk]) -> None:
    file = Appended(tmp_path / "rows")
    disk.room = 4
    file.write(b"one\n")
    file.flush()
    for text in (b"two\n", b"three\n"):
        disk.room = 2
        file.write(text)
        with pytest.raises(OSError, match="No space left"):
            file.flush()
    assert (tmp_path / "rows").read_bytes() == b"one\ntwo\n"
    disk.room = 100
    file.sync()
    file.close()
    assert (tmp_path / "rows").read_bytes() == b"one\ntwo\nthree\n"


def test_rows_and_scalars_come_later_and_none_is_missing(
    tmp_path: Path, disk: type[Disk], caplog: pytest.LogCaptureFixture
) -> None:
    observers = Observers([Files(tmp_path), TensorBoard(tmp_path, "")])
    observers.notify(lambda observer: observer.started(0, 9))
    for step in range(1, 7):
        disk.room = 10 if step in (3, 4) else 10**9
        observers.notify(lambda observer, step=step: observer.logged(step, {"generator/loss": float(step)}))  # type: ignore[misc]
    observers.notify(lambda observer: observer.closed())
    assert [message.split("(")[0] for message in caplog.messages] == [
        "note: Files could not be written ", "note: TensorBoard could not be written ",
    ]  # fmt: skip
    rows = [json.loads(row) for row in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, 7))
    assert [event.step for event in read(tmp_path).Scalars("2 losses and scores/generator loss")] == list(range(1, 7))


def test_going_back_cuts_off_what_is_gone_through_again(tmp_path: Path) -> None:
    observers = [Files(tmp_path), TensorBoard(tmp_path, "")]
    for observer in observers:
        observer.started(0, 9)
        for step in (2, 4, 6):
            observer.logged(step, {"generator/loss": float(step)})
        observer.rolled_back(4)
        observer.logged(6, {"generator/loss": 60.0})
        observer.closed()
    rows = [json.loads(row) for row in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    expected = [(2, 2.0), (4, 4.0), (6, 60.0)]
    assert [(row["step"], row["generator/loss"]) for row in rows] == expected
    assert [
        (event.step, event.value) for event in read(tmp_path).Scalars("2 losses and scores/generator loss")
    ] == expected


def test_going_back_takes_away_what_still_waits_for_room(tmp_path: Path, disk: type[Disk]) -> None:
    observers, files = Observers([]), Files(tmp_path)
    observers._observers = [files]
    files.started(0, 9)
    files.logged(4, {})
    disk.room = 3
    for step in (6, 8):  # one is torn, one has not begun
        observers.notify(lambda observer, step=step: observer.logged(step, {"generator/loss": 1.0}))  # type: ignore[misc]
    observers.notify(lambda observer: observer.rolled_back(4))
    observers.notify(lambda observer: observer.logged(5, {}))
    disk.room = 10**9
    observers.notify(lambda observer: observer.logged(6, {}))
    observers.notify(lambda observer: observer.closed())
    assert (tmp_path / "metrics.jsonl").read_text() == '{"step": 4}\n{"step": 5}\n{"step": 6}\n'


def test_a_run_begun_anew_at_its_first_step_shows_that_once(tmp_path: Path) -> None:
    """As after a kill that came before its second checkpoint, where the first is that before any step."""
    for value in (1.0, 2.0):
        board = TensorBoard(tmp_path, "")
        board.started(0, 9)
        for step in (0, 1):
            board.logged(step, {"generator/loss": value})
        board.closed()
    assert [(event.step, event.value) for event in read(tmp_path).Scalars("2 losses and scores/generator loss")] == [
        (0, 2.0),
        (1, 2.0),
    ]


def test_a_training_outlives_its_observers_disk(
    make_trainer: Callable[..., Trainer], caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Observer):
        def fail(self, *told: Any) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        stepped = logged = sampled = flush = closed = fail  # type: ignore[assignment]

    class Counting(Observer):
        steps = 0

        def logged(self, step: int, values: Mapping[str, float]) -> None:
            self.steps += 1

    counting = Counting()
    trainer = make_trainer(observers=(Broken(), counting), steps=4, logging={"every": 1}, checkpoint={"every": 2})
    trainer.run()
    assert (trainer.step, counting.steps) == (4, 4)
    assert caplog.text.count("Broken could not be written") == 1
