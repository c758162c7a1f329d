"""Small pictures: the first images of a grid, pixel by pixel, and which run is where in the grid of runs."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganlab.monitor.grid import pixels
from ganlab.monitor.named_grid import named_grid
from ganlab.report.build import report_of
from ganlab.report.model import Report
from ganlab.report.page import pictures
from ganlab.report.page.gallery import Gallery, gallery
from ganlab.report.page.pictures import album, small
from ganlab.report.reading.sweep import find_sweep
from tests.report.pictures import add_pictures, images
from tests.report.reading.test_sweep import sweep
from tests.report.synthetic import write_run


def decoded(address: str) -> Image.Image:
    head, _, data = address.partition(",")
    assert head in ("data:image/png;base64", "data:image/webp;base64")
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_gray_images_keep_their_pixels(tmp_path: Path) -> None:
    made = images(3, count=25)
    (tmp_path / "grid.png").write_bytes(named_grid(made, row_names=["a", "b", "c", "d", "e"], columns=5).png)
    found = np.asarray(decoded(small(tmp_path / "grid.png") or ""))
    assert found.shape == (4 * 10 + 2, 4 * 10 + 2)
    for row in range(4):
        for column in range(4):
            cell = found[2 + 10 * row : 10 + 10 * row, 2 + 10 * column : 10 + 10 * column]
            np.testing.assert_array_equal(cell, pixels(made[5 * row + column])[0].numpy())


def test_large_and_coloured_pictures_become_small(tmp_path: Path) -> None:
    (tmp_path / "color.png").write_bytes(named_grid(images(1, 16, 3, 64)).png)
    Image.new("RGB", (900, 600), (10, 200, 30)).save(tmp_path / "points.png")
    assert decoded(small(tmp_path / "color.png") or "").size == (120, 120)
    points = decoded(small(tmp_path / "points.png") or "")
    assert points.size == (120, 80)
    assert np.abs(np.asarray(points.convert("RGB"), int)[40, 60] - (10, 200, 30)).max() < 6


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"<html>", b"GIF89a"])
def test_what_is_no_picture_is_left_out(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(content)
    assert small(tmp_path / "a.png") is None
    assert small(tmp_path / "missing.png") is None


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Report:
    root = sweep(tmp_path_factory.mktemp("sweep"))
    for run in sorted(root.iterdir()):
        number = int(run.name.split("-")[0])
        if number != 2:
            add_pictures(run, (0, 500) if number == 1 else (0, 500, 1500), shade=number)
    return report_of(find_sweep(str(root)))


def found(made: Report) -> Gallery:
    grid = gallery(made, lambda run: f"../{run.folder}")
    assert grid is not None
    return grid


def test_each_run_is_at_its_place(made: Report) -> None:
    grid = found(made)
    assert {grid.rows, grid.columns} == {"init", "norm"}
    assert grid.fixed == {"seed": "0"}
    by_number = {run.number: run for run in made.runs}
    for row, cells in zip(grid.row_levels, grid.cells, strict=True):
        for column, shot in zip(grid.column_levels, cells, strict=True):
            assert shot is not None
            run = by_number[shot.run]
            assert (run.levels[grid.rows], run.levels[grid.columns], run.seed) == (row, column, "0")
            assert shot.link == f"../{run.folder}"
            expected = small(Path(made.folder) / run.folder / "samples" / "step-0001500-average.png")
            assert shot.picture == (expected or "")


def test_runs_that_ended_before_show_their_last_picture(made: Report) -> None:
    grid = found(made)
    run = next(one for one in grid.runs if one["run"] == 1)
    assert sorted(run["shots"]) == [0, 500]
    assert run["lines"][500] == "step 500: FID 40"
    refused = next(one for one in grid.runs if one["run"] == 2)
    assert (refused["shots"], refused["text"]) == ({}, "refused")


def test_pictures_on_the_page_are_not_told_twice(made: Report) -> None:
    grid = found(made)
    shown = [shot.picture for row in grid.cells for shot in row if shot is not None and shot.picture]
    assert len(shown) == 3
    assert not any(picture in grid.json for picture in shown)
    assert "<" not in grid.json


def test_the_last_step_comes_first_where_space_is_short(made: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    one = len(small(Path(made.folder) / made.runs[0].folder / made.runs[0].pictures[-1].file) or "")
    monkeypatch.setattr(pictures, "MOST_BYTES", int(3.5 * one))
    few = album(made, [3, 4])
    assert len(few.shots) == 3
    assert {step for own in few.shots.values() for step in own} == {1500}
    assert {3, 4} < set(few.shots)
    assert few.steps == [1500]


def test_one_run_is_shown_over_its_steps(tmp_path: Path) -> None:
    add_pictures(write_run(tmp_path / "0-a", ["init=he", "seed=0"]), (0, 500, 1500), networks=("generator",))
    grid = found(report_of(find_sweep(str(tmp_path))))
    assert (grid.rows, grid.columns, grid.column_levels) == ("", "step", ("0", "500", "1500"))
    assert [shot.text if shot else "" for shot in grid.cells[0]] == ["step 0; FID 10", "step 500: FID 40", "FID 10"]
    assert gallery(report_of(find_sweep(str(tmp_path))), lambda run: "") is not None
