"""Rows that are taken back, also where the disk does not let them go at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ganlab.monitor import Files, rows
from ganlab.monitor.rows import Rows
from ganlab.training.observers import Observers


def steps(file: Path) -> list[int]:
    return [json.loads(row)["step"] for row in file.read_text().splitlines()]


def test_a_row_is_json_whatever_it_holds(tmp_path: Path) -> None:
    file = Rows(tmp_path / "rows")
    file.add({"step": 1, "loss": float("nan"), "best": {"score": float("inf"), "step": 3}})
    assert (tmp_path / "rows").read_text() == '{"step": 1, "loss": null, "best": {"score": null, "step": 3}}\n'


def test_what_a_kill_or_a_stranger_left_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes(b'{"step": 1}\n\xff\xfe\n[3]\n{"step": 2}\n{"step": 3}\n{"st')
    file = Rows(tmp_path / "rows")
    file.cut(2)
    file.add({"step": 3})
    assert (tmp_path / "rows").read_text() == '{"step": 1}\n{"step": 2}\n{"step": 3}\n'


@pytest.mark.parametrize("refused", [1, 3])
def test_a_cut_that_the_disk_refuses_is_made_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: int
) -> None:
    left, write = [refused], rows.write_atomically

    def full(path: Path, text: str) -> None:
        if left[0]:
            left[0] -= 1
            raise OSError("No space left on device")
        write(path, text)

    monkeypatch.setattr(rows, "write_atomically", full)
    file = Rows(tmp_path / "rows")
    for step in (2, 4, 6):
        file.add({"step": step})
    with pytest.raises(OSError, match="No space"):
        file.cut(4)
    for step in (5, 6, 7):
        try:
            file.add({"step": step})
        except OSError:
            assert steps(tmp_path / "rows") == [2, 4, 6]  # as it was
    file.close()
    assert steps(tmp_path / "rows") == [2, 4, 5, 6, 7]


def test_one_file_that_cannot_be_cut_does_not_keep_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Scores:
        def row(self) -> dict[str, Any]:
            return {"scores": {}}

    files, write = Files(tmp_path), rows.write_atomically
    observers = Observers([files])
    files.started(0, 9)
    for step in (1, 2):
        files.logged(step, {})
        files.scored(step, Scores(), {})  # type: ignore[arg-type]

    def full(path: Path, text: str) -> None:
        if path.name == "metrics.jsonl":
            raise OSError("No space left on device")
        write(path, text)

    monkeypatch.setattr(rows, "write_atomically", full)
    observers.notify(lambda observer: observer.rolled_back(1))
    monkeypatch.undo()
    files.logged(2, {})
    files.scored(2, Scores(), {})  # type: ignore[arg-type]
    observers.notify(lambda observer: observer.closed())
    assert steps(tmp_path / "metrics.jsonl") == steps(tmp_path / "scores.jsonl") == [1, 2]
