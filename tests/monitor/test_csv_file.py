"""metrics.csv: what a spreadsheet reads, on a full disk and after a kill too."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest

from ganlab.monitor import CSV, csv_file


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_columns_come_with_their_tags_and_cells_are_empty_without_one(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    rows = CSV(path)
    rows.started(0, 9)
    rows.logged(1, {"generator/loss": 0.1})
    rows.logged(2, {"discriminator/loss": math.nan, "generator/loss": 1 / 3})
    rows.logged(3, {"sigma, first": math.inf})
    rows.closed()
    assert path.read_text() == (
        'step,generator/loss,discriminator/loss,"sigma, first"\n'
        "1,0.1,,\n"
        f"2,{1 / 3!r},nan,\n"
        "3,,,inf\n"
    )  # fmt: skip
    assert float(read(path)[1]["generator/loss"]) == 1 / 3  # every digit


def test_a_row_that_a_kill_left_unfinished_goes(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    first = CSV(path)
    first.started(0, 9)
    for step in (2, 4):
        first.logged(step, {"generator/loss": 1.0})
    first.flush()
    with path.open("a") as file:
        file.write("6,0.123")
    again = CSV(path)
    again.started(6, 9)
    again.logged(8, {"generator/loss": 2.0})
    again.closed()
    assert [row["step"] for row in read(path)] == ["2", "4", "8"]


@pytest.mark.parametrize("new_column", [False, True])
def test_what_a_full_disk_did_not_take_comes_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_column: bool
) -> None:
    path = tmp_path / "metrics.csv"
    rows = CSV(path)
    rows.started(0, 9)
    rows.logged(1, {"a": 1.0})

    def full(*_: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(csv_file, "write_atomically", full)
        patch.setattr(csv_file.Appended, "flush", full)
        for step in (2, 3):
            with pytest.raises(OSError, match="disk full"):
                rows.logged(step, {"b" if new_column else "a": float(step)})
    rows.logged(4, {"a": 4.0})
    rows.closed()
    assert [row["step"] for row in read(path)] == ["1", "2", "3", "4"]
    assert [row["b" if new_column else "a"] for row in read(path)][1:3] == ["2.0", "3.0"]
